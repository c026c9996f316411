"""FD-Align: fine-tune while the image's distribution over spurious prototypes stays what it was."""

from typing import Annotated, Literal

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.prompts import resolve_templates
from core.methods.base import GradientMethod
from core.models.clip import ClipModel
from core.models.prototypes import context_prototypes
from core.models.spurious import SpuriousPrototypes, correct, uncorrected
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import TrainingParams

Direction = Literal["code", "paper"]
Reduction = Literal["mean-over-prototypes", "batch-mean"]


def spurious_loss(
    tuned: Tensor, frozen: Tensor, prototypes: Tensor, direction: Direction, reduction: Reduction
) -> Tensor:
    """Divergence between the spurious distributions of the tuned and of the frozen tower.

    P(x; f) = softmax_k(f̂(x)·p_k) over prototypes (K, D) that carry τ; features are unit (B, D).
    FD-Align, arXiv 2310.15105, Eq. 5. `code` is KL(P₀‖P_t), what the official code computes;
    `paper` is KL(P_t‖P₀). The official code also averages over the K prototypes (torch's default
    reduction), which divides by K as well.
    """
    log_tuned = F.log_softmax(tuned @ prototypes.T, dim=1)  # (B, K)
    log_frozen = F.log_softmax(frozen @ prototypes.T, dim=1)
    first, second = (log_frozen, log_tuned) if direction == "code" else (log_tuned, log_frozen)
    divergence = (first.exp() * (first - second)).sum(dim=1).mean()
    return divergence / len(prototypes) if reduction == "mean-over-prototypes" else divergence


class FDAlign(GradientMethod):
    """L = CE + weight · KL over spurious prototypes, which SPC corrects once before training."""

    name = "fd-align"
    title = "FD-Align"
    paper = "Song et al. 2023, arXiv 2310.15105"
    summary = "Keeps what the image says besides its class (style, background) as CLIP saw it."

    class Params(TrainingParams):
        """FD-Align's knobs beside those of the loop."""

        train_head: bool = False
        """Train the class head too. The paper keeps it fixed; the official code trains it."""
        spurious_weight: Annotated[float, Field(ge=0), Sensible(0.1, 100, log=True)] = 20.0
        """Weight of the spurious loss (β). 0 is plain fine-tuning. The published 20 belongs to the
        reduction `mean-over-prototypes`."""
        direction: Direction = "code"
        """`code`: KL(P₀‖P_t), what the authors ran. `paper`: KL(P_t‖P₀), what they printed."""
        reduction: Reduction = "batch-mean"
        """`batch-mean`: as the paper prints it. `mean-over-prototypes`: as the authors ran it, K
        times smaller.
        """
        prototypes: Literal["openai-80", "tip-7", "dataset"] = "openai-80"
        """Templates that the spurious prototypes are made of; `dataset` takes the run's own
        prompts.
        """
        correction: Literal["full", "outliers", "clusters", "off"] = "full"
        """Spurious prototype correction: drop outliers and merge clusters, one of the two, or
        neither.
        """
        kept_prototypes: Annotated[int, Field(ge=2), Sensible(10, 80)] = 60
        """Templates that survive the isolation forest (at most 75 % of them)."""
        centres: Annotated[int, Field(ge=2), Sensible(5, 40)] = 20
        """Cluster centres that k-means makes of the survivors."""

        def templates_for(self, task: FewShotTask) -> tuple[str, ...]:
            """The templates that the spurious prototypes are made of."""
            return resolve_templates(self.prototypes, task.templates)

    params: Params

    def setup(self) -> None:
        """Make the classifier, the frozen views and the spurious prototypes (K, D) that carry τ."""
        super().setup()
        self.frozen = FrozenViews(self.clip, self.task, self.params.augmentation)
        spurious = spurious_prototypes(self.clip, self.task, self.params)
        self.prototypes = (spurious.centres * self.clip.logit_scale).to(self.clip.precision.device)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy, and the spurious loss against the frozen tower on the same views."""
        tuned = self.classifier.features(batch.images, training=True)  # (B, D)
        frozen = self.frozen.view(batch.view)[batch.index]  # (B, D)
        drift = spurious_loss(
            tuned, frozen, self.prototypes, self.params.direction, self.params.reduction
        )
        return {
            "class": self.cross_entropy(self.classifier.head(tuned), batch.labels),
            "spurious": self.params.spurious_weight * drift,
        }


def spurious_prototypes(
    clip: ClipModel, task: FewShotTask, params: FDAlign.Params
) -> SpuriousPrototypes:
    """Unit context prototypes of the training classes, corrected as `params` say and seeded by the
    task.
    """
    contexts = context_prototypes(clip, task.names, params.templates_for(task))
    if params.correction == "off":
        return uncorrected(contexts)
    return correct(
        contexts,
        task.seed,
        kept=len(contexts) if params.correction == "clusters" else params.kept_prototypes,
        centres=len(contexts) if params.correction == "outliers" else params.centres,
    )
