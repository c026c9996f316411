"""Measures a classifier on the built-in stress set. It is synthetic, so it is kept apart from all
real domains.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from core.data.dataset import Item
from core.data.fewshot import FewShotTask
from core.data.images import read_image
from core.data.stress import EFFECTS, stress_items, stressed
from core.evaluation.evaluate import labels_of
from core.evaluation.metrics import score
from core.models.classifier import EVALUATION_BATCH, Predictor
from core.models.clip import ClipModel
from core.models.pixels import PixelStore
from core.models.transforms import Preprocess
from core.results.records import DomainScore


def measure_stress(
    classifier: Predictor, clip: ClipModel, task: FewShotTask
) -> dict[str, DomainScore]:
    """The score for each effect, on test images (validation images if there is no test)."""
    return dict(stress_by_effect(classifier, clip, task))


def stress_by_effect(
    classifier: Predictor, clip: ClipModel, task: FewShotTask
) -> Iterator[tuple[str, DomainScore]]:
    """The same scores, one effect at a time."""
    items = stress_items(task.test or task.val)
    for effect in EFFECTS if items else ():
        yield effect, _stressed_score(classifier, clip, task, items, effect)


@torch.inference_mode()
def _stressed_score(
    classifier: Predictor, clip: ClipModel, task: FewShotTask, items: Sequence[Item], effect: str
) -> DomainScore:
    pixels = _StressedPixels(task.root, clip.preprocess, effect)
    batches = pixels.evaluation_batches(items, EVALUATION_BATCH)
    logits = torch.cat([classifier(batch).float().cpu() for batch in batches])
    return score(logits, labels_of(items), task.classes)


class _StressedPixels(PixelStore):
    """Evaluation views of changed images; each is used once, so none is stored."""

    def __init__(self, root: Path, preprocess: Preprocess, effect: str) -> None:
        super().__init__(root, preprocess)
        self._effect = effect

    def _evaluation_view(self, item: Item) -> Tensor:
        image = read_image(self.root / item.path)
        return self.preprocess.evaluation_view(stressed(image, self._effect, item.sha256))
