"""What one look at an image's pixels tells without a model: its size, a tiny copy, its border."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

TINY = 16
"""Side of the copy that images are compared by."""
BORDER = 0.1
"""The frame that counts as background, as a share of each side."""
_FRAME_PIXELS = 64


@dataclass(frozen=True)
class Glance:
    """Small enough to keep one of every image of a data set."""

    width: int
    height: int
    tiny: bytes
    """The image at TINY × TINY RGB pixels."""
    border: tuple[float, ...]
    """Mean and deviation of red, green and blue in the outer frame, 0 to 255."""

    def to_json(self) -> dict[str, Any]:
        """As JSON: the tiny copy is text."""
        return {**asdict(self), "tiny": b64encode(self.tiny).decode()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Glance":
        """Back from `to_json`."""
        tiny, border = b64decode(values["tiny"]), tuple(values["border"])
        return cls(values["width"], values["height"], tiny, border)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


def glance(image: Image.Image) -> Glance:
    """One look at an RGB image."""
    small = image.resize((_FRAME_PIXELS, _FRAME_PIXELS), Image.Resampling.BILINEAR)
    pixels = np.asarray(small, dtype=np.float64)
    edge = max(1, round(BORDER * _FRAME_PIXELS))
    inner = np.zeros(pixels.shape[:2], dtype=bool)
    inner[edge:-edge, edge:-edge] = True
    frame = pixels[~inner]
    tiny = image.resize((TINY, TINY), Image.Resampling.BILINEAR)
    border = (*frame.mean(axis=0), *frame.std(axis=0))
    return Glance(*image.size, tiny.tobytes(), tuple(round(float(value), 2) for value in border))
