"""Pixels for the tower: the exact evaluation view, and training views drawn from (seed, image,
view).
"""

import hashlib
import math
from dataclasses import dataclass

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

SOURCE_MARGIN = 1.5
"""Training crops come from an image whose short side is at most this many times the tower's
input.
"""


@dataclass(frozen=True)
class Preprocess:
    """The pixels that a model needs: the side of its input, and mean and std per channel."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    """`shortest` crops the longer side, `longest` pads the shorter side, `squash` does neither."""
    fill_color: int = 0
    """The colour that `longest` pads with."""

    def evaluation_view(self, image: Image.Image) -> Tensor:
        """`(3, size, size)` uint8: open_clip's own evaluation transform up to its tensor
        conversion.
        """
        config = PreprocessCfg(
            size=self.size,
            mean=self.mean,
            std=self.std,
            interpolation=self.interpolation,
            resize_mode=self.resize_mode,
            fill_color=self.fill_color,
        )
        geometry = image_transform_v2(config, is_train=False).transforms[:-2]
        for step in geometry:
            image = step(image)
        return F.pil_to_tensor(image)

    def training_source(self, image: Image.Image) -> Tensor:
        """The image `(3, h, w)` uint8 that training crops come from; large photos are shrunk
        once.
        """
        limit = math.ceil(self.size * SOURCE_MARGIN)
        if min(image.size) > limit:
            image = F.resize(image, [limit], v2.InterpolationMode.BICUBIC)
        return F.pil_to_tensor(image)


@dataclass(frozen=True)
class Augmentation:
    """Random resized crop (area from `crop_min` to 1, ratio 3/4 to 4/3) and an optional mirror."""

    crop_min: float = 0.5
    flip: bool = True

    def view(self, source: Tensor, size: int, seed: int, sha256: str, view: int) -> Tensor:
        """`(3, size, size)` uint8. The same (seed, image, view) always gives the same pixels."""
        digest = hashlib.blake2b(f"{seed}/{sha256}/{view}".encode(), digest_size=7).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "big"))
        draws = torch.rand(4, generator=generator).tolist()
        top, left, height, width = _crop(source.shape[-2], source.shape[-1], self.crop_min, draws)
        pixels = F.resized_crop(
            source, top, left, height, width, [size, size], v2.InterpolationMode.BICUBIC, True
        )
        mirror = torch.rand(1, generator=generator).item() < 0.5
        return F.horizontal_flip(pixels) if self.flip and mirror else pixels


def _crop(
    height: int, width: int, smallest: float, draws: list[float]
) -> tuple[int, int, int, int]:
    """Inception crop: uniform area, log-uniform ratio, clipped to the image. It never retries, so
    it takes exactly four draws.
    """
    area = height * width * (smallest + (1 - smallest) * draws[0])
    ratio = math.exp(math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * draws[1])
    crop_width = max(1, min(width, round(math.sqrt(area * ratio))))
    crop_height = max(1, min(height, round(math.sqrt(area / ratio))))
    top = round(draws[2] * (height - crop_height))
    left = round(draws[3] * (width - crop_width))
    return top, left, crop_height, crop_width
