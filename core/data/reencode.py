"""Writes a visitor's image as a new file: the same pixels, without any other data of the file."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from core.data.images import in_one_sentence, open_image, orientation, upright_rgb
from core.data.limits import Limits
from core.data.stress import stressed

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_JFIF, _ADOBE = 0xE0, 0xEE
_TABLES = {0xDB, 0xC4, 0xCC, 0xDD, 0xDC}
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker after a scan. Inside it, 0xFF 0x00 is a byte of the picture, and 0xD0 to 0xD7 are
restart markers."""


def bare_jpeg(data: bytes, orientation: int = 1) -> bytes | None:
    """The same picture data, with `orientation` as its only metadata.

    None if `data` is not a complete JPEG. The result decodes to exactly the same pixels.
    Re-encoding would lose quality as JPEG, and need seven times the space as PNG.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    parts = [b"\xff\xd8"]
    for marker, segment in _segments(data):
        if marker == _END:
            jfif = 1 + (len(parts) > 1 and parts[1].startswith(b"\xff\xe0"))
            parts[jfif:jfif] = [_exif(orientation)] if orientation != 1 else []
            return b"".join([*parts, b"\xff\xd9"])
        parts += _kept(marker, segment)
    return None


def _segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, bytes) of every segment up to the end; a scan includes its picture data."""
    at = 2
    while at + 4 <= len(data) + 2 and data[at : at + 1] == b"\xff":
        while data[at + 1 : at + 2] == b"\xff":
            at += 1
        if at + 1 >= len(data):
            return
        marker = data[at + 1]
        if marker == _END:
            yield marker, b""
            return
        if marker == _START or at + 4 > len(data):
            return
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker == _SCAN:
            found = _NEXT_MARKER.search(data, end)
            if not found:
                return
            end = found.start()
        yield marker, data[at:end]
        at = end


def _kept(marker: int, segment: bytes) -> list[bytes]:
    if marker in _TABLES or marker in _FRAMES or marker == _SCAN:
        return [segment]
    if marker == _JFIF and segment[4:9] == b"JFIF\0" and len(segment) >= 18:
        return [b"\xff\xe0\0\x10" + segment[4:16] + b"\0\0"]  # without its preview
    if marker == _ADOBE and segment[4:9] == b"Adobe" and len(segment) >= 16:
        return [b"\xff\xee\0\x0e" + segment[4:16]]  # says how the colours are stored
    return []


def _exif(orientation: int) -> bytes:
    tiff = b"MM\0*" + struct.pack(">LHHHLHHL", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return b"\xff\xe1" + struct.pack(">H", 8 + len(tiff)) + b"Exif\0\0" + tiff


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
