"""Scratch-FT: fine-tunes from a head of zeros, as if CLIP had no text tower."""

from typing import ClassVar

import torch
from pydantic import field_validator
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.methods.base import GradientMethod
from core.methods.recipes import LIPSUM_FT
from core.models.clip import ClipModel
from core.training.loop import Batch
from core.training.settings import TrainingParams


class ScratchFT(GradientMethod):
    """Cross entropy (batch mean) with a head W = 0; everything else as in FT.

    A baseline of Lipsum-FT, arXiv 2404.00860, Table 4. Every class is equally likely at the start,
    so the first gradient reaches the head only; the tower trains from the second step on. Mixing
    weights still start from the zero-shot head, which is not the starting point of this method.
    """

    name = "scratch-ft"
    family = "baseline"
    title = "Scratch-FT"
    paper = "Nam et al. 2024 (Lipsum-FT), arXiv 2404.00860"
    summary = "Fine-tuning from a head of zeros: shows how much the zero-shot head contributes."

    paper_preset: ClassVar = LIPSUM_FT

    class Params(TrainingParams):
        """The settings of the loop; the head cannot be frozen."""

        train_head: bool = True
        """Always on here: with an untrained head of zeros nothing would train."""

        @field_validator("train_head")
        @classmethod
        def _must_train(cls, value: bool) -> bool:
            if not value:
                raise ValueError("on, since the head starts at zero (ft keeps the zero-shot head)")
            return value

    def __init__(self, params: Params, clip: ClipModel, task: FewShotTask) -> None:
        super().__init__(params, clip, task)
        # The head also trains if classes have no images: their rows stay zero, because nothing is
        # known.
        self.params = self.params.model_copy(update={"train_head": True})

    def setup(self) -> None:
        """Start from a copy of CLIP's tower and a head of zeros."""
        empty = torch.zeros(len(self.task.classes), self.clip.embed_dim)
        self.classifier = self.clip.classifier(empty, self.params.fold_scale)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy over `(B, C)` logits."""
        features = self.classifier.features(batch.images)  # (B, D)
        return {"class": self.cross_entropy(self.classifier.head(features), batch.labels)}
