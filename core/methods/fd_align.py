"""FD-Align: fine-tunes while the image's distribution over spurious prototypes stays as it was."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.prompts import TEMPLATE_SETS, resolve_templates, without
from core.errors import UserError
from core.methods.base import GradientMethod
from core.models.clip import ClipModel
from core.models.prototypes import contexts_of
from core.models.spurious import SpuriousPrototypes, correct, survivors_of, uncorrected
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.linear_probe import probed_head
from core.training.loop import Batch
from core.training.settings import TrainingParams

Direction = Literal["code", "paper"]
Reduction = Literal["mean-over-prototypes", "batch-mean"]


def spurious_loss(
    tuned: Tensor, frozen: Tensor, prototypes: Tensor, direction: Direction, reduction: Reduction
) -> Tensor:
    """Divergence between the spurious distributions of the fine-tuned and of the frozen tower.

    P(x; f) = softmax_k(f̂(x)·p_k) over prototypes (K, D) that include τ; features are unit (B, D).
    FD-Align, arXiv 2310.15105, Eq. 5. `code` is KL(P₀‖P_t), which the official code computes;
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
    summary = "Keeps how CLIP sees an image apart from its class, such as its style and background."

    paper_preset: ClassVar = {
        "optimizer": "sgd",
        "lr": 5e-5,
        "lr_batch": 256,
        "batch_size": 256,
        "weight_decay": 5e-4,
        "epochs": 60,
        "warmup": 0.0,
        "clip_norm": 0.0,
        "fold_scale": True,
        "train_head": True,
        "crop_min": 0.08,
        "flip": False,
        "keep": "best",
    }
    """The official few-shot runs on ImageNet; other data sets had rates from 5e-6 to 5e-4."""

    class Params(TrainingParams):
        """The settings of FD-Align in addition to those of the loop."""

        train_head: bool = False
        """Train the class head too. The paper keeps it fixed; the official code trains it."""
        head: Literal["zero-shot", "lp"] = "zero-shot"
        """Class head to start from: `zero-shot` as in the paper; `lp` fits a linear probe first, an
        option of the official code (which fits it by SGD; ours is the logistic regression of
        LP-FT).
        """
        spurious_weight: Annotated[float, Field(ge=0), Sensible(1, 1000, log=True)] = 20.0
        """Weight of the spurious loss (β); 0 is plain fine-tuning. The default is the published 20,
        for any temperature of the model.
        """
        direction: Direction = "code"
        """Direction of the divergence. `code`: KL(P₀‖P_t), as in the official code. `paper`:
        KL(P_t‖P₀), as in the paper's text.
        """
        reduction: Reduction = "mean-over-prototypes"
        """`mean-over-prototypes`: as in the official code, also divided by the number of
        prototypes; the published weight belongs to it. `batch-mean`: as in the paper's text.
        """
        prototypes: Literal["openai-80", "tip-7", "dataset"] = "openai-80"
        """Templates for the spurious prototypes; `dataset` uses the run's own prompts."""
        excluded_templates: tuple[str, ...] = ()
        """Templates to leave out before the correction, word for word, such as `["itap of a
        {}."]`.
        """
        correction: Literal["full", "outliers", "clusters", "off"] = "full"
        """Spurious prototype correction: drop outliers and merge clusters, one of the two, or
        neither.
        """
        kept_prototypes: Annotated[int, Field(ge=2), Sensible(10, 80)] = 60
        """Number of templates that the isolation forest keeps (at most 75 % of them); no effect on
        `clusters`.
        """
        centres: Annotated[int, Field(ge=2), Sensible(5, 40)] = 20
        """Number of cluster centres into which k-means merges the kept templates (at most one for
        each); no effect on `outliers`.
        """

        def templates_for(self, own: Sequence[str]) -> tuple[str, ...]:
            """The templates of the spurious prototypes, for a run with its `own` templates."""
            templates = resolve_templates(self.prototypes, own)
            if not self.excluded_templates:
                return templates
            return without(templates, self.excluded_templates, "excluded_templates")

        @model_validator(mode="after")
        def _checked(self) -> Self:
            """Checks `excluded_templates` early: the templates of a named set are known before
            there is data.
            """
            if self.prototypes in TEMPLATE_SETS and self.excluded_templates:
                named = TEMPLATE_SETS[self.prototypes]
                without(named, self.excluded_templates, "excluded_templates")
            return self

    params: Params

    @classmethod
    def check(cls, params: Any, templates: Sequence[str]) -> tuple[str, ...]:
        """Refuses prompts with only one context: any image's distribution over it is 1."""
        count = len(set(params.templates_for(templates)))
        if count < 2 and params.spurious_weight:
            raise UserError(
                f"prototypes: FD-Align compares an image with several templates, and "
                f"there is {count}, so it would have no effect. Write at least 2 templates, set "
                "prototypes to openai-80, or choose ft."
            )
        left = (
            count
            if params.correction == "clusters"
            else survivors_of(count, params.kept_prototypes)
        )
        if params.correction in ("full", "clusters") and left <= params.centres:
            return (
                f"prototypes: {count} templates leave {left} to merge into {params.centres} "
                "clusters, so they are not merged.",
            )
        return ()

    def setup(self) -> None:
        """Create the classifier, the frozen views and the spurious prototypes (K, D) that include
        τ.
        """
        if self.params.head == "lp":
            head = probed_head(self.clip, self.task, self.params.fold_scale)
            self.classifier = self.clip.with_copied_tower(head)
        else:
            super().setup()
        self.frozen = FrozenViews(self.clip, self.task, self.params.augmentation)
        spurious = spurious_prototypes(self.clip, self.task, self.params)
        self.prototypes = (spurious.centres * self.clip.logit_scale).to(self.clip.precision.device)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy, and the spurious loss against the frozen tower on the same views."""
        tuned = self.classifier.features(batch.images)  # (B, D)
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
    """The unit context prototypes of the training classes, corrected as `params` say, with the
    task's seed.
    """
    contexts = contexts_of(clip, task, params.templates_for(task.templates))
    if params.correction == "off":
        return uncorrected(contexts)
    return correct(
        contexts,
        task.seed,
        kept=None if params.correction == "clusters" else params.kept_prototypes,
        centres=None if params.correction == "outliers" else params.centres,
    )
