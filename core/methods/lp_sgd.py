"""LP by SGD: FD-Align's linear probe, on augmented views through the frozen tower."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field
from torch import Tensor, nn

from core.methods.base import LoopMethod
from core.models.backbone import BackboneParams, plug_in
from core.models.clip import ClipModel
from core.models.heads import LinearHead
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import LoopParams

PUBLISHED_LR = 2.0
"""Median of FD-Align's 16-shot learning rates for a folded head (0.5 to 20 by data set)."""


class LinearProbeSGD(LoopMethod):
    """Cross entropy trains the zero-shot head on frozen features of every epoch's views.

    FD-Align, arXiv 2310.15105, official code: SGD on a folded head at rates from 0.5 to 300.
    """

    name = "lp-sgd"
    title = "Linear probe by SGD"
    paper = "Song et al. 2023 (FD-Align), arXiv 2310.15105"
    summary = "Trains only the class head, from the zero-shot one, on augmented views of the shots."

    paper_preset: ClassVar = {"lr": 0.5, "crop_min": 0.08, "flip": False, "keep": "best"}
    """The official few-shot runs on ImageNet. Other data sets, from 1 shot to 16: aircraft 30–2,
    Caltech 2, DTD 40–5, EuroSAT 300–20, flowers 30–3, food 7–1, pets 20–2, cars 6–0.9, SUN 3–0.7,
    UCF 30–3."""

    class Params(BackboneParams, LoopParams):
        """The settings of the loop, with defaults for this probe."""

        lr: Annotated[float, Field(gt=0), Sensible(0.001, 300, log=True)] | None = None
        """Peak learning rate. Empty: 2, the median of the published 16-shot rates (0.5 for
        ImageNet, up to 300 for EuroSAT with one shot); a unit head gets it divided by τ².
        """
        epochs: Annotated[int, Field(ge=1), Sensible(2, 200, log=True)] = 60
        """Passes over the training images."""
        lr_batch: Annotated[int, Field(ge=1), Sensible(8, 512, log=True)] | None = 256
        """Batch size that the learning rate belongs to: a batch with fewer images scales the rate
        down in proportion. Empty: no scaling.
        """
        batch_size: Annotated[int, Field(ge=1), Sensible(8, 512, log=True)] = 256
        """Images per optimiser step."""
        optimizer: Literal["adamw", "sgd"] = "sgd"
        """SGD with Nesterov momentum 0.9 as published, or AdamW (which needs other rates)."""
        weight_decay: Annotated[float, Field(ge=0), Sensible(0, 0.2)] = 5e-4
        """L2 penalty (SGD) or decoupled weight decay (AdamW)."""
        warmup: Annotated[float, Field(ge=0, lt=1), Sensible(0, 0.3)] = 0.0
        """Share of the steps in which the learning rate rises from 0 before it falls."""
        clip_norm: Annotated[float, Field(ge=0), Sensible(0, 5)] = 0.0
        """Longest gradient of a step: longer ones are shortened to it. 0: no limit."""
        fold_scale: bool = True
        """Put CLIP's temperature into the head's weights and add a bias, as published. Off: unit
        weights under a fixed temperature.
        """

        def resolved(self, clip: ClipModel) -> Self:
            """Fill in the settings, and the learning rate for the head's convention."""
            if self.lr:
                return self
            lr = PUBLISHED_LR / (1.0 if self.fold_scale else clip.logit_scale**2)
            return self.model_copy(update={"lr": lr})

    params: Params

    def setup(self) -> None:
        """Start from the zero-shot head on the run's tower."""
        prototypes = self.zero_shot_prototypes()
        self.clip = plug_in(self.clip, self.params.backbone)
        self.frozen = FrozenViews(self.clip, self.task, self.params.augmentation)
        head = LinearHead(prototypes, self.clip.logit_scale, self.params.fold_scale)
        self.classifier = self.clip.with_head(head)

    def parameters(self) -> list[nn.Parameter]:
        """The head alone."""
        return list(self.classifier.head.parameters())

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy on frozen features (B, D) of the batch's views."""
        features = self.frozen.view(batch.view)[batch.index]
        return {"class": self.cross_entropy(self.classifier.head(features), batch.labels)}
