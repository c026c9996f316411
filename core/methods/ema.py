"""EMA: plain fine-tuning that keeps the moving average of its weights."""

import copy
from collections.abc import Iterable
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from core.methods.base import GradientMethod
from core.methods.recipes import LIPSUM_FT
from core.params import Sensible
from core.training.loop import Batch
from core.training.optim import Schedule
from core.training.settings import TrainingParams


@torch.no_grad()
def average(mean: Iterable[Tensor], weights: Iterable[Tensor], decay: float) -> None:
    """θ̄ ← decay·θ̄ + (1 − decay)·θ, in place, over two lists of tensors of the same shapes.

    Decay 0 gives θ to the bit.
    """
    for smooth, now in zip(mean, weights, strict=True):
        smooth.lerp_(now, 1 - decay)


def default_decay(steps: int) -> float:
    """1 − 10/T: the average covers the last tenth of the run, whatever its length; 0 for T ≤ 10."""
    return max(0.0, 1 - 10 / steps)


class EMA(GradientMethod):
    """θ̄_t = λ·θ̄_{t−1} + (1 − λ)·θ_t after every step, θ̄₀ = θ₀; θ follows FT's cross entropy.

    Polyak averaging with exponential weights, a baseline of Lipsum-FT (arXiv 2404.00860).
    `classifier` is θ̄ from the first step on: it is measured during training, `keep=best` chooses
    among its states, and `fit` returns it. θ itself is `online`. With LoRA, the factors of the
    adapters are averaged separately, not their products.
    """

    name = "ema"
    title = "EMA"
    paper = "Nam et al. 2024 (Lipsum-FT), arXiv 2404.00860"
    summary = "Averages the weights over plain fine-tuning, so that no single step decides."

    paper_preset: ClassVar = LIPSUM_FT
    """As in Lipsum-FT's comparison; the decays used there, one per data set, are not known to
    us.
    """

    class Params(TrainingParams):
        """The decay and the settings of the loop."""

        decay: Annotated[float, Field(ge=0, lt=1), Sensible(0.5, 0.9999)] | None = None
        """Share of the average that a step keeps (λ); 0 is plain fine-tuning. Empty: 1 − 10/steps,
        which is ours, because the published values are not known to us. Values such as 0.999,
        0.9995 and 0.9999 are for runs of many thousand steps: in a short run they return the
        starting weights.
        """

    params: Params

    def setup(self) -> None:
        """Create the training weights and their average; fill in the decay for the run's length."""
        super().setup()
        self.online = self.classifier
        self.classifier = copy.deepcopy(self.online).requires_grad_(False)
        if self.params.decay is None:
            steps = Schedule(self.params, len(self.task.train)).steps
            self.params = self.params.model_copy(update={"decay": default_decay(steps)})

    def parameters(self) -> list[nn.Parameter]:
        """The parameters of θ that train, not those of its average."""
        return self.trainable(self.online)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy over `(B, C)` logits of θ."""
        features = self.online.features(batch.images)  # (B, D)
        return {"class": self.cross_entropy(self.online.head(features), batch.labels)}

    def after_step(self, step: int, steps: int) -> None:
        """Update the average."""
        decay = self.params.decay
        assert decay is not None, "setup fills it"
        average(self.classifier.parameters(), self.online.parameters(), decay)
