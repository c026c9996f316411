"""Writes a visitor's image as a new file: the same pixels, without any other data of the file."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from core.data.images import in_one_sentence, open_image, orientation, upright_rgb
from core.data.jpeg import bare_jpeg
from core.data.limits import Limits
from core.data.stress import stressed

THUMB_PIXELS = 192
"""Longer side of the thumbnails that the page shows."""


@dataclass(frozen=True)
class ReencodedImage:
    """Facts about an image that was written again."""

    suffix: str
    """Extension of the new file, `.jpg` or `.png`."""
    several: bool
    """True if the file had several frames or pages; the first was used."""


def reencode(source: Path, target: Path, name: str, limits: Limits | None = None) -> ReencodedImage:
    """Writes `source` to `target` as `read_image` reads it: a JPEG stays JPEG, all else is PNG.

    A JPEG keeps its compressed picture bit for bit and loses everything else. The bytes that are
    kept are decoded once as a check. Transparency becomes white. Raises `UnreadableImage`.
    """
    limits = limits or Limits()
    with in_one_sentence(source, name), open(source, "rb") as file:
        image = open_image(file, limits)
        several = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        bare = _checked_jpeg(source, image, limits) if image.format in ("JPEG", "MPO") else None
        if bare:
            target.write_bytes(bare)
            return ReencodedImage(".jpg", several)
        # Level 1: three times as fast as the default, and a tenth larger.
        upright_rgb(image).save(target, "PNG", compress_level=1)
        return ReencodedImage(".png", several)


def write_thumbnail(
    source: Path,
    target: Path,
    name: str,
    limits: Limits | None = None,
    stress: tuple[str, str] | None = None,
) -> None:
    """Writes a small WebP of an image. Raises `UnreadableImage`.

    `stress` is (effect of the stress set to apply, hash of the image's bytes).
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
    """The picture data of a JPEG, after decoding it as a check; None if it cannot be stripped."""
    bare = bare_jpeg(source.read_bytes(), orientation(image))
    if bare is None:
        return None
    kept = open_image(BytesIO(bare), limits)
    kept.draft(None, (1, 1))  # reads all data of the JPEG but computes few pixels
    kept.load()
    return bare
