"""Reads an image file as RGB pixels, or says in one sentence why it cannot be read."""

import errno
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.data.limits import Limits
from core.errors import UserError, printable

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
MOST_TEXT_BYTES = 512 * 1024
"""Limit for all texts of an image together, unpacked. Half of Pillow's limit for one text."""


class _Chunk(NamedTuple):
    start: int
    size: int
    """Bytes, including length, kind and checksum."""
    kind: bytes


def without_long_texts(file: IO[bytes]) -> IO[bytes]:
    """The same file if it is no PNG or its texts are short; else a copy without the long texts.

    Short texts stay, because they may contain the orientation.
    """
    start = file.tell()
    try:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            return file
        long = set(_long_texts(file))
        if not long:
            return file
        kept = BytesIO()
        kept.write(SIGNATURE)
        for chunk in _chunks(file, start + len(SIGNATURE)):
            if chunk not in long:
                file.seek(chunk.start)
                kept.write(file.read(chunk.size))
        kept.seek(0)
        return kept
    finally:
        file.seek(start)


def _chunks(file: IO[bytes], start: int) -> Iterator[_Chunk]:
    """The chunks of a PNG, as far as they can be read; the decoder reports damage later."""
    while True:
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">L4s", head)
        yield _Chunk(start, length + 12, kind)
        start += length + 12


def _long_texts(file: IO[bytes]) -> Iterator[_Chunk]:
    room = MOST_TEXT_BYTES
    for chunk in _chunks(file, file.tell()):
        if chunk.kind not in _TEXTS:
            continue
        file.seek(chunk.start + 8)
        size = chunk.size - 12
        unpacked = size if size > room else _unpacked(chunk.kind, file.read(size), room)
        if unpacked > room:
            yield chunk
        else:
            room -= unpacked


def _unpacked(kind: bytes, data: bytes, most: int) -> int:
    """The unpacked size of a text or profile in bytes, counted up to `most` + 1."""
    _, _, rest = data.partition(b"\0")  # the keyword
    packed = rest[1:]
    if kind == b"iTXt":
        packed = rest[2:].split(b"\0", 2)[-1] if rest[:1] == b"\1" else b""
    if kind == b"tEXt" or not packed:
        return len(data)
    try:
        return len(zlib.decompressobj().decompress(packed, most + 1))
    except zlib.error:
        return len(data)


FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""Formats that Pillow may try. MPO, the JPEG of many phones, is covered by JPEG; EPS is not
allowed, because it would start a program."""

IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".gif"}
    | {".tif", ".tiff"}
)

MAX_ASPECT = 100
"""A 1 x 50,000,000 strip is small, but a resize of its short side to 224 would be huge."""

_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PIXELS_AT_ONCE = 1 << 20
_ORIENTATION_TAG = 0x0112
_OTHER_FILES = {
    "a web page": re.compile(rb"(?i)<(!doctype html|html|head|body|script)"),
    "an SVG drawing; save it as PNG": re.compile(rb"(?is)<svg|<\?xml.{0,400}<svg"),
    "a PDF; save its pages as PNG": re.compile(rb"%PDF"),
    "PostScript; save it as PNG": re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"),
    "a HEIC picture; save it as JPEG": re.compile(rb"(?s).{4}ftyp(heic|heix|hevc|mif1|msf1)"),
    "an AVIF picture; save it as JPEG": re.compile(rb"(?s).{4}ftypavi[fs]"),
    "a zip": re.compile(rb"PK\x03\x04"),
    "what Git LFS leaves in its place; run `git lfs pull`": re.compile(rb"version https://git-lfs"),
}
_OUR_FILES = re.compile(rb"(?s)\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_THE_SIDE = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""


class UnreadableImage(UserError):
    """A file cannot be read as an image. `name` and `reason` are the two halves of the sentence."""

    def __init__(self, name: str, reason: str) -> None:
        shown = printable(name)
        super().__init__(f"'{shown}' cannot be read: {reason}. Replace it or remove it.")
        self.name = name
        self.reason = reason


def is_image_name(name: str) -> bool:
    """True if the file name has the extension of an image format that we read."""
    return Path(name).suffix.lower() in IMAGE_EXTENSIONS


def read_image(
    path: Path | str, name: str | None = None, limits: Limits | None = None
) -> Image.Image:
    """Reads the first frame as RGB: turned upright by EXIF, white for transparency, 16 bits to 8.

    `name` is the file's name in errors; by default its folder and name, never the full path.
    Raises `UnreadableImage`.
    """
    path = Path(path)
    with in_one_sentence(path, name or f"{path.parent.name}/{path.name}"), open(path, "rb") as file:
        return upright_rgb(open_image(file, limits or Limits()))


def open_image(file: IO[bytes], limits: Limits) -> Image.Image:
    """Opens an image and checks its size by the header; the pixels are decoded later."""
    try:
        image = Image.open(without_long_texts(file), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        got = re.search(r"(\d+) pixels", str(error))
        raise _ImageRefused(
            _too_large(f"{got[1] if got else 'its'} pixels", limits.pixels)
        ) from None
    _check_size(image.size, limits.pixels)
    return image


def upright_rgb(image: Image.Image) -> Image.Image:
    """The pixels of an opened image in RGB, turned upright."""
    return upright(rgb(image), orientation(image))


@contextmanager
def in_one_sentence(path: Path, name: str) -> Iterator[None]:
    """Turns every error of a decoder into an `UnreadableImage` with the reason."""
    try:
        _refuse_devices(path)
        yield
    except (_ImageRefused, UnidentifiedImageError) as error:
        reason = str(error) if isinstance(error, _ImageRefused) else _what_it_is(path)
        raise UnreadableImage(name, reason) from None
    except FileNotFoundError:
        raise UnreadableImage(name, "there is no such file") from None
    except (PermissionError, IsADirectoryError) as error:
        raise UnreadableImage(name, str(error.strerror).lower()) from None
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
            raise  # the disk is full: the image is not the problem
        # Decoders raise many kinds of errors for hostile bytes: struct.error, SyntaxError, …
        reason = str(error).strip(" .").lower() or type(error).__name__
        raise UnreadableImage(name, f"the file is damaged ({reason})") from error


class _ImageRefused(Exception):
    """The reason why an image is not decoded."""


def _refuse_devices(path: Path) -> None:
    """Refuses pipes and devices: opening a pipe would block until another process writes to it."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # opening a folder raises a clear error
        raise _ImageRefused("it is a pipe, a socket or a device, not a file")


def _what_it_is(path: Path) -> str:
    """The reason why Pillow finds no image in the file, from its first bytes."""
    with open(path, "rb") as file:
        head = file.read(512).lstrip()
    if not head:
        return "the file is empty"
    if _OUR_FILES.match(head):
        return "the file is damaged (its beginning)"
    known = next((kind for kind, magic in _OTHER_FILES.items() if magic.match(head)), None)
    wanted = f"it is not a {', '.join(FORMATS)} image"
    return f"{wanted} but {known}" if known else wanted


def _too_large(got: str, most_pixels: int) -> str:
    return f"{got} are more than {most_pixels / 1e6:g} megapixels"


def _check_size(size: tuple[int, int], most_pixels: int) -> None:
    width, height = size
    if width * height > most_pixels:
        raise _ImageRefused(_too_large(f"{width} x {height} pixels", most_pixels))
    if max(size) > MAX_ASPECT * max(min(size), 1):
        raise _ImageRefused(f"{width} x {height} pixels are a strip, longer than {MAX_ASPECT} to 1")


def rgb(image: Image.Image) -> Image.Image:
    """An opened image in RGB, not turned: transparency becomes white, 16 bits are scaled to 8."""
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Grey values in 0..255. Pillow's own conversion clips, so a 16-bit photo would be all white.

    In a 16-bit file white is 65535. For 32-bit integers and floats white is not defined: it is the
    smallest of 1 (floats only), 255 and 65535 that no pixel exceeds, else the brightest pixel.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        white = 65535.0
    else:
        brightest = max(float(np.nan_to_num(p, posinf=0, neginf=0).max()) for p in _parts(values))
        usual = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        white = next((level for level in usual if brightest <= level), brightest)
    scaled = np.empty(values.shape, np.uint8)
    for part, target in zip(_parts(values), _parts(scaled), strict=True):
        grey = np.nan_to_num(part.astype(np.float32), posinf=white, neginf=0)
        target[:] = np.rint(np.clip(grey / white, 0, 1) * 255)
    return scaled


def _parts(values: np.ndarray) -> Iterator[np.ndarray]:
    """Blocks of rows. In one piece, 50 megapixels of floats would be in memory five times."""
    rows = max(1, _PIXELS_AT_ONCE // values.shape[1])
    return (values[top : top + rows] for top in range(0, len(values), rows))


def orientation(image: Image.Image) -> int:
    """The EXIF orientation of an image; 1 is upright."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Broken metadata is common. The pixels are decoded already, so the image is still good.
        return 1


def upright(image: Image.Image, turned: int) -> Image.Image:
    """The image turned upright; `turned` is its EXIF orientation."""
    turn = _UPRIGHT.get(turned)
    return image if turn is None else image.transpose(turn)
