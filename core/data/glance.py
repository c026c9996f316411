"""A summary of an image's pixels without a model: its size, a tiny copy, its border.

At most 64 pixels a side are needed, so the image is decoded as small as the file format allows.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from core.data.images import ON_THE_SIDE, in_one_sentence, open_image, orientation, rgb, upright
from core.data.limits import Limits

if TYPE_CHECKING:
    from core.params import JsonObject  # a decoder starts without Pydantic

Box = tuple[float, float, float, float]
TINY = 16
"""Side of the tiny copy by which images are compared, in pixels."""
BORDER = 0.1
"""Width of the frame that counts as background, as a fraction of each side."""
_FRAME_PIXELS = 64
_ENOUGH = 2 * _FRAME_PIXELS
"""Shorter side of the decoded image, at least. From this size on, the tiny copy correlates above
0.9999 with that of the full image, and no border value differs by 1 of 255."""


@dataclass(frozen=True)
class Glance:
    """The summary of one image, small enough to keep for every image of a data set."""

    width: int
    height: int
    tiny: bytes
    """The image at TINY × TINY RGB pixels."""
    border: tuple[float, ...]
    """Mean and deviation of red, green and blue in the outer frame, 0 to 255."""

    def to_json(self) -> "JsonObject":
        """As JSON: the tiny copy is text."""
        return {**asdict(self), "tiny": b64encode(self.tiny).decode()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Glance":
        """Reads the result of `to_json`."""
        tiny, border = b64decode(values["tiny"]), tuple(values["border"])
        return cls(values["width"], values["height"], tiny, border)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.width, self.height


def look(path: Path | str, name: str, limits: Limits | None = None) -> Glance:
    """Summarises the image in a file. Raises `UnreadableImage` for a file `read_image` refuses.

    A JPEG is decoded at a smaller size, which is faster. All of its data is still read, so damage
    is found.
    """
    path = Path(path)
    with in_one_sentence(path, name), open(path, "rb") as file:
        opened = open_image(file, limits or Limits())
        size = opened.size
        drafted = opened.draft(None, (_ENOUGH, _ENOUGH))
        turned = orientation(opened)
        image, box = _reduced(rgb(opened), drafted[1] if drafted else (0, 0, *size))

    def square(side: int) -> Image.Image:
        small = image.resize((side, side), Image.Resampling.BILINEAR, box)
        return upright(small, turned)

    width, height = size[::-1] if turned in ON_THE_SIDE else size
    return Glance(width, height, square(TINY).tobytes(), _border(square(_FRAME_PIXELS)))


def _reduced(image: Image.Image, box: Box) -> tuple[Image.Image, Box]:
    """(the image reduced to about the size that is needed, `box` in its coordinates)."""
    factor = max(1, min(image.size) // _ENOUGH)
    left, top, right, bottom = box
    return image.reduce(factor), (left / factor, top / factor, right / factor, bottom / factor)


def _border(image: Image.Image) -> tuple[float, ...]:
    pixels = np.asarray(image, dtype=np.float64)
    edge = max(1, round(BORDER * _FRAME_PIXELS))
    inner = np.zeros(pixels.shape[:2], dtype=bool)
    inner[edge:-edge, edge:-edge] = True
    frame = pixels[~inner]
    return tuple(round(float(value), 2) for value in (*frame.mean(axis=0), *frame.std(axis=0)))
