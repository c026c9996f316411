"""`Classifier`: image tower and head. Every method returns one, and all later steps read one."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.dataset import Item
from core.models.heads import Head
from core.models.pixels import PixelStore
from core.models.precision import Precision
from core.models.transforms import Preprocess

if TYPE_CHECKING:
    from core.models.clip import ClipModel

EVALUATION_BATCH = 64
"""Fixed, so that the feature of an image never depends on which other images share its batch."""


class Predictor(Protocol):
    """A model that can be evaluated and asked: a `Classifier`, or an `Ensemble` of several."""

    def __call__(self, images: Tensor) -> Tensor:
        """`(B, 3, H, W) → (B, C)`: logits in fp32."""

    def outputs_of(
        self, clip: "ClipModel", root: Path, items: Sequence[Item]
    ) -> tuple[Tensor, Tensor]:
        """Unit features `(N, D)` and logits `(N, C)` of the evaluation views of the items under
        `root`, on the CPU.
        """


class Classifier(nn.Module):
    """`(B, 3, H, W) → (B, C)`. Images are uint8 pixels, or floats that are already normalised.

    Stays in evaluation mode even while it trains: BatchNorm statistics are CLIP's and are not re-
    estimated from a handful of images, which also keeps weight averaging valid.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, tower: nn.Module, head: Head, preprocess: Preprocess, precision: Precision
    ) -> None:
        super().__init__()
        self.tower = tower
        self.head = head
        self.precision = precision
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(preprocess.mean).view(shape), persistent=False)
        self.register_buffer("std", torch.tensor(preprocess.std).view(shape), persistent=False)
        self.to(precision.device).to(memory_format=torch.channels_last)
        self.eval()

    def train(self, mode: bool = True) -> "Classifier":
        """Always sets evaluation mode (see the class); gradients do not depend on it."""
        return super().train(False)

    def normalised(self, images: Tensor) -> Tensor:
        """The images as the tower needs them: floats, on its device and in its layout."""
        images = images.to(self.mean.device, non_blocking=True)
        images = images.contiguous(memory_format=torch.channels_last)
        if images.dtype == torch.uint8:
            images = images.float().div_(255).sub_(self.mean).div_(self.std)
        return images

    def features(self, images: Tensor) -> Tensor:
        """Unit features `(B, D)` in fp32."""
        images = self.normalised(images)
        with self.precision.autocast():
            features = self.tower(images)
        return F.normalize(features.float(), dim=-1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(B, C)` in fp32."""
        return self.head(self.features(images))

    def outputs_of(
        self, clip: "ClipModel", root: Path, items: Sequence[Item]
    ) -> tuple[Tensor, Tensor]:
        """See `Predictor`; the features of CLIP's own tower come from the cache."""
        features = clip.features_of(self, root, items)
        return features, self.logits_from(features)

    @torch.inference_mode()
    def features_of(self, pixels: PixelStore, items: Sequence[Item]) -> Tensor:
        """Unit features `(N, D)` of the items' evaluation views, on the CPU."""
        batches = pixels.evaluation_batches(items, EVALUATION_BATCH)
        features = [self.features(batch).cpu() for batch in batches]
        return torch.cat(features)

    @torch.inference_mode()
    def logits_from(self, features: Tensor) -> Tensor:
        """Logits `(N, C)` from unit features `(N, D)`, on the CPU."""
        return self.head(features.to(self.mean.device)).cpu()
