"""The base classes of methods: `fit` turns a few-shot task into a classifier and reports events."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.fewshot import FewShotTask
from core.events import Event, Warned
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.lora import add_adapters, has_adapters, merge_adapters, only_adapters
from core.models.prototypes import class_prototypes
from core.params import Params as BaseParams
from core.training.checkpoints import Checkpoints
from core.training.loop import Batch, train
from core.training.memory import recompute
from core.training.settings import LoopParams, TowerParams, TrainingParams

FAMILIES = ("baseline", "fine-tuning", "features", "prompts")


class Method(ABC):
    """A way to turn zero-shot CLIP and a handful of images into a classifier.

    `classifier` is the current one: the caller of `fit` may measure it between two events.
    """

    name: ClassVar[str]
    """The id as the papers write it, lower-case with hyphens."""
    title: ClassVar[str]
    """The display name."""
    paper: ClassVar[str]
    """The source: authors, year, arXiv id."""
    summary: ClassVar[str]
    """One plain sentence: what it does and what it is good for."""
    family: ClassVar[str]
    """One of `FAMILIES`, for lists of methods."""
    Params: ClassVar[type[BaseParams]] = BaseParams
    paper_preset: ClassVar[Mapping[str, Any]] = {}
    """The settings of its authors, if they differ from our defaults (`--preset paper`)."""

    classifier: Classifier
    checkpoints: Checkpoints | None = None
    """The checkpoints of its trainings, from which a later `fit` continues; set by the caller. They
    hold the modules, tensors and random generators of the method.
    """

    def __init__(self, params: Any, clip: ClipModel, task: FewShotTask) -> None:
        self.check(params, task.templates)
        self.params = params
        self.clip = clip
        self.task = task

    @classmethod
    def check(cls, params: Any, templates: Sequence[str]) -> tuple[str, ...]:
        """Sentences to know before a run with these settings and prompts. A `UserError` if they
        leave the method nothing to do.
        """
        return ()

    @abstractmethod
    def fit(self) -> Generator[Event, None, Classifier]:
        """Run to the end. Closing the generator cancels."""

    def zero_shot_prototypes(self) -> Tensor:
        """The class prototypes of the task's prompts: unit `(C, D)` on the CPU."""
        return class_prototypes(self.clip, self.task.names, self.task.templates)


class LoopMethod(Method):
    """A method that uses the training loop: it builds a classifier, names the parameters to train,
    and has a loss.
    """

    family = "features"
    Params: ClassVar[type[BaseParams]] = LoopParams
    params: LoopParams
    looks_at_pixels: ClassVar[bool] = False
    """False if the loss reads the frozen tower's features by the batch's index and view alone."""
    splits_batches: bool = True
    """True if the loss is a mean of one term per image (plus terms without images), so that it can
    be computed in parts of the batch.
    """

    def __init__(self, params: LoopParams, clip: ClipModel, task: FewShotTask) -> None:
        super().__init__(params.resolved(clip), clip, task)

    @abstractmethod
    def setup(self) -> None:
        """Set `self.classifier`, the starting point of training."""

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """The parameters that the optimiser may change."""

    @abstractmethod
    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss by name, each a scalar; the loss is their sum."""

    def after_step(self, step: int, steps: int) -> None:
        """Hook after every optimiser step; `step` counts from 0."""

    def finish(self) -> Classifier:
        """The result of `fit`."""
        return self.classifier

    def fit(self) -> Generator[Event, None, Classifier]:
        """Set up, train, finish."""
        self.setup()
        yield from train(self)
        return self.finish()

    def cross_entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The batch mean of the cross entropy (nats) over the trained classes."""
        if self.task.unseen:
            seen = torch.tensor(self.task.seen, device=labels.device)
            logits, labels = logits[:, seen], torch.searchsorted(seen, labels)
        return F.cross_entropy(logits, labels, label_smoothing=self.params.label_smoothing)

    def of_seen(self, by_class: Tensor) -> Tensor:
        """The columns of the trained classes in a tensor `(N, C)`."""
        return by_class[:, list(self.task.seen)] if self.task.unseen else by_class


class TowerMethod(LoopMethod):
    """A method that trains the image tower: all of its weights, or LoRA adapters in it."""

    family = "fine-tuning"
    Params: ClassVar[type[BaseParams]] = TowerParams
    params: TowerParams
    looks_at_pixels = True

    def adapted(self, classifier: Classifier) -> Classifier:
        """The same classifier, with LoRA adapters in its tower if `lora_rank` asks for them."""
        params, pixels = self.params, self.clip.blank()
        if params.lora_rank and not has_adapters(classifier.tower):
            look = lambda: classifier.features(pixels)  # noqa: E731
            seed = self.task.seed
            add_adapters(classifier.tower, look, params.lora_rank, params.lora_alpha, seed)
        return classifier

    def fit(self) -> Generator[Event, None, Classifier]:
        """Set up, train, finish. Adapters are merged into plain weights at the end, also after a
        cancel.
        """
        self.setup()
        self.adapted(self.classifier)  # if `setup` built its own classifier
        if self.params.recompute and not recompute(self.classifier.tower, True):
            yield Warned(f"recompute: {self.clip.name} has no blocks that can be computed again.")
        try:
            yield from train(self)
        finally:
            recompute(self.classifier.tower, False)
            merge_adapters(self.classifier)
            self.clip.make_fast(self.classifier.tower)
        return self.finish()


class GradientMethod(TowerMethod):
    """A method that trains the image tower under a class head. Only `loss` is required; the other
    hooks have defaults.
    """

    Params: ClassVar[type[BaseParams]] = TrainingParams
    params: TrainingParams

    def __init__(self, params: TrainingParams, clip: ClipModel, task: FewShotTask) -> None:
        if task.unseen:  # else rows of seen classes outgrow the untrained rows
            params = params.model_copy(update={"train_head": False})
        super().__init__(params, clip, task)

    def setup(self) -> None:
        """Start from a copy of CLIP's tower and the zero-shot head."""
        prototypes = self.zero_shot_prototypes()
        self.classifier = self.adapted(self.clip.classifier(prototypes, self.params.fold_scale))

    def parameters(self) -> list[nn.Parameter]:
        """The parameters of `classifier` that train."""
        return self.trainable(self.classifier)

    def trainable(self, classifier: Classifier) -> list[nn.Parameter]:
        """The image tower or its adapters, and the head if `train_head` is on."""
        only_adapters(classifier.tower.requires_grad_(True))
        classifier.head.requires_grad_(self.params.train_head)
        return [p for p in classifier.parameters() if p.requires_grad]
