"""FT: plain fine-tuning with cross entropy from the zero-shot head."""

from typing import ClassVar

from torch import Tensor

from core.methods.base import GradientMethod
from core.training.loop import Batch


class FineTuning(GradientMethod):
    """Trains tower and head by cross entropy on the labelled images; the text tower is not used.

    Initialised with the zero-shot head (Wortsman et al., arXiv 2109.01903 §3). Cross entropy is the
    batch mean.
    """

    name = "ft"
    title = "Fine-tuning (FT)"
    paper = "Wortsman et al. 2022 (WiSE-FT), arXiv 2109.01903"
    summary = "Plain fine-tuning from the zero-shot head: only mixing protects its robustness."

    paper_preset: ClassVar = {
        "lr": 3e-5,
        "weight_decay": 0.1,
        "batch_size": 512,
        "epochs": 10,
        "fold_scale": True,
        "crop_min": 0.9,
        "flip": False,
    }
    """WiSE-FT's official code; its warm-up of 500 steps is longer than a few-shot run and is kept
    at a tenth of the steps."""

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy over `(B, C)` logits."""
        features = self.classifier.features(batch.images)  # (B, D)
        return {"class": self.cross_entropy(self.classifier.head(features), batch.labels)}
