"""Zero-shot features of exactly the views that a method trains on: computed once, reused by later
runs.
"""

import torch
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.models.classifier import EVALUATION_BATCH
from core.models.clip import ClipModel
from core.models.transforms import Augmentation
from core.params import JsonObject


class FrozenViews:
    """Unit features `(N, D)` of all training images in view number `v`, from the unchanged tower.

    They are computed in the order of the images and in batches of a fixed size. So a value depends
    neither on the training batch that uses it nor on whether it came from the cache.
    """

    def __init__(self, clip: ClipModel, task: FewShotTask, augmentation: Augmentation) -> None:
        self._clip = clip
        self._task = task
        self._augmentation = augmentation
        self._held: tuple[int, Tensor] | None = None

    def view(self, number: int) -> Tensor:
        """Features of view `number`, on the device."""
        if self._held is None or self._held[0] != number:
            features = self._clip.cache.get(self.key(number), lambda: self._compute(number))
            self._held = (number, features.to(self._clip.precision.device))
        return self._held[1]

    def key(self, number: int) -> JsonObject:
        """The cache key of the features of view `number`."""
        return self._clip.key(
            "training view",
            self._task.train,
            view=number,
            seed=self._task.seed,
            augmentation=vars(self._augmentation),
        )

    @torch.inference_mode()
    def _compute(self, number: int) -> Tensor:
        pixels = self._clip.pixels(self._task.root)
        items = self._task.train
        features = []
        for start in range(0, len(items), EVALUATION_BATCH):
            chunk = items[start : start + EVALUATION_BATCH]
            views = pixels.training(chunk, self._augmentation, self._task.seed, number)
            features.append(self._clip.frozen.features(views).cpu())
        return torch.cat(features)
