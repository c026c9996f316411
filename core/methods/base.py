"""What a method is: `fit` turns a few-shot task into a classifier, and says so in events."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from core.data.fewshot import FewShotTask
from core.events import Event
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.prototypes import class_prototypes
from core.params import Params as BaseParams
from core.training.loop import Batch, train
from core.training.settings import TrainingParams


class Method(ABC):
    """One way to get from zero-shot CLIP and a handful of images to a classifier.

    `classifier` is the live one: whoever drives `fit` may measure it between two events.
    """

    name: ClassVar[str]
    """Id, as the papers write it, lower-case with hyphens."""
    title: ClassVar[str]
    """Name for people."""
    paper: ClassVar[str]
    """Where it comes from: authors, year, arXiv id."""
    summary: ClassVar[str]
    """One plain sentence: what it does and what it is good for."""
    Params: ClassVar[type[BaseParams]] = BaseParams

    classifier: Classifier

    def __init__(self, params: Any, clip: ClipModel, task: FewShotTask) -> None:
        self.params = params
        self.clip = clip
        self.task = task

    @abstractmethod
    def fit(self) -> Generator[Event, None, Classifier]:
        """Run to the end. Closing the generator cancels."""

    def zero_shot_classifier(self, fold_scale: bool = False) -> Classifier:
        """CLIP as it came, with the class prototypes of the task's prompts as its head."""
        prototypes = class_prototypes(self.clip, self.task.names, self.task.templates)
        return self.clip.classifier(prototypes, fold_scale)


class GradientMethod(Method):
    """A method that is a loss. Only `loss` is required; the other hooks have the usual answer."""

    Params: ClassVar[type[BaseParams]] = TrainingParams
    params: TrainingParams

    def __init__(self, params: TrainingParams, clip: ClipModel, task: FewShotTask) -> None:
        super().__init__(params.resolved(clip), clip, task)

    def setup(self) -> None:
        """Make `self.classifier`, where training starts."""
        self.classifier = self.zero_shot_classifier(self.params.fold_scale)

    def parameters(self) -> list[nn.Parameter]:
        """The image tower, and the head when `train_head` is on."""
        self.classifier.requires_grad_(True)
        self.classifier.head.requires_grad_(self.params.train_head)
        return [p for p in self.classifier.parameters() if p.requires_grad]

    @abstractmethod
    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Terms of the loss by name, each a scalar, as they enter the sum."""

    def after_step(self, step: int, steps: int) -> None:
        """Hook after every optimiser step; `step` counts from 0."""

    def finish(self) -> Classifier:
        """What `fit` returns."""
        return self.classifier

    def fit(self) -> Generator[Event, None, Classifier]:
        """Set up, train, finish."""
        self.setup()
        yield from train(self)
        return self.finish()

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Batch mean of the cross entropy (nats)."""
        return F.cross_entropy(logits, labels, label_smoothing=self.params.label_smoothing)
