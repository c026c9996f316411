"""LP-FT: fits the head first, then fine-tunes tower and head from there."""

from typing import ClassVar

from torch import Tensor

from core.methods.base import GradientMethod
from core.methods.recipes import LIPSUM_FT
from core.training.linear_probe import probed_head
from core.training.loop import Batch


class LinearProbeThenFineTuning(GradientMethod):
    """Cross entropy from a linear probe's head instead of the zero-shot head.

    Kumar et al. 2022, arXiv 2202.10054: a head that already fits distorts features less. For CLIP,
    whose zero-shot head is a better start, Lipsum-FT measured it below plain FT on OOD data (arXiv
    2404.00860, Table 4). Mixing weights start from the zero-shot head, which is not the starting
    point of this method.
    """

    name = "lp-ft"
    family = "baseline"
    title = "LP-FT"
    paper = "Kumar et al. 2022, arXiv 2202.10054"
    summary = "Fits the class head first, then fine-tunes all: meant to change the features less."

    paper_preset: ClassVar = LIPSUM_FT
    """As in Lipsum-FT's comparison on CLIP; LP-FT's authors searched the learning rate."""

    def setup(self) -> None:
        """Start from a copy of CLIP's tower and the probe's head."""
        head = probed_head(self.clip, self.task, self.params.fold_scale)
        self.classifier = self.clip.with_copied_tower(head)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy over `(B, C)` logits."""
        features = self.classifier.features(batch.images)  # (B, D)
        return {"class": self.cross_entropy(self.classifier.head(features), batch.labels)}
