"""A visitor's image to one of ours: the same pixels, and nothing else that was in the file."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from core.data.images import in_one_sentence, open_image, orientation, upright_rgb
from core.data.jpeg import bare_jpeg
from core.data.limits import Limits
from core.data.stress import stressed

THUMB_PIXELS = 192
"""Longer side of what the page shows of an image."""


@dataclass(frozen=True)
class Picture:
    """An image that was taken in."""

    suffix: str
    """`.jpg` or `.png`: how the new file should end."""
    several: bool
    """Whether the file held more frames or pages; the first one was taken."""


def reencode(source: Path, target: Path, name: str, limits: Limits | None = None) -> Picture:
    """Write what `read_image` makes of `source` to `target`: a PNG, or a JPEG that was one before.

    A JPEG keeps its compressed picture bit for bit and loses all the rest; it is decoded once, from
    the bytes that are kept. Pixels that were transparent are gone. Raises `UnreadableImage`.
    """
    limits = limits or Limits()
    with in_one_sentence(source, name), open(source, "rb") as file:
        image = open_image(file, limits)
        several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        bare = _checked_jpeg(source, image, limits) if image.format in ("JPEG", "MPO") else None
        if bare:
            target.write_bytes(bare)
            return Picture(".jpg", several)
        # Level 1: three times as fast as the default, and a tenth larger.
        upright_rgb(image).save(target, "PNG", compress_level=1)
        return Picture(".png", several)


def write_thumbnail(
    source: Path,
    target: Path,
    name: str,
    limits: Limits | None = None,
    stress: tuple[str, str] | None = None,
) -> None:
    """A small WebP of an image. Raises `UnreadableImage`.

    `stress` is an effect of the stress set that is done to it, and the hash of the image's bytes.
    """
    with in_one_sentence(source, name), open(source, "rb") as file:
        opened = open_image(file, limits or Limits())
        opened.draft(opened.mode, (2 * THUMB_PIXELS, 2 * THUMB_PIXELS))  # a JPEG decodes smaller
        image = upright_rgb(opened)
        size = (THUMB_PIXELS, THUMB_PIXELS)
        image.thumbnail(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
        image = stressed(image, *stress) if stress else image
        image.save(target, "WEBP", quality=80, method=4)


def _checked_jpeg(source: Path, image: Image.Image, limits: Limits) -> bytes | None:
    """What is kept of a JPEG, once it has been decoded; None if that is not possible."""
    bare = bare_jpeg(source.read_bytes(), orientation(image))
    if bare is None:
        return None
    kept = open_image(BytesIO(bare), limits)
    kept.draft(None, (1, 1))  # reads every bit, and leaves out the arithmetic of the pixels
    kept.load()
    return bare
