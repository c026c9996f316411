"""One image file to RGB pixels, whatever it holds; or one sentence saying why not."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
"""What Pillow is allowed to try. MPO, the phones' JPEG, comes through JPEG; EPS would start a
program."""

IMAGE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".bmp", ".dib", ".gif"}
    | {".tif", ".tiff"}
)

MAX_PIXELS = 50_000_000
MAX_ASPECT = 100
"""A 1 x 50,000,000 strip is small until a resize makes its short side 224."""

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadableImage(UserError):
    """A file that is no image we read. `name` and `reason` are its two halves."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"'{name}' cannot be read: {reason}. Replace it or remove it.")
        self.name = name
        self.reason = reason


def is_image_name(name: str) -> bool:
    """Whether a file is named like an image that we read."""
    return Path(name).suffix.lower() in IMAGE_EXTENSIONS


def read_image(path: Path | str, name: str | None = None) -> Image.Image:
    """The first frame in RGB: upright by its EXIF, transparency over white, 16 bits scaled to 8.

    `name` is what an error calls the file; by default its folder and name, never the full path.
    Raises `UnreadableImage`.
    """
    path = Path(path)
    name = name or f"{path.parent.name}/{path.name}"
    try:
        with open(path, "rb") as file:
            image = Image.open(file, formats=FORMATS)
            _check_size(image.size)
            image.load()
            return _upright(_to_rgb(image), _orientation(image))
    except _Refused as refused:
        raise UnreadableImage(name, str(refused)) from None
    except FileNotFoundError:
        raise UnreadableImage(name, "there is no such file") from None
    except (PermissionError, IsADirectoryError) as error:
        raise UnreadableImage(name, str(error.strerror).lower()) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnreadableImage(name, _too_large()) from None
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        reason = "the file is empty" if empty else f"it is not a {', '.join(FORMATS)} image"
        raise UnreadableImage(name, reason) from None
    except MemoryError:
        raise
    except Exception as error:
        # Decoders answer hostile bytes with almost anything: struct.error, SyntaxError, IndexError.
        reason = str(error).strip(" .").lower() or type(error).__name__
        raise UnreadableImage(name, f"the file is damaged ({reason})") from error


class _Refused(Exception):
    """A reason not to decode."""


def _too_large() -> str:
    return f"it has more than {MAX_PIXELS // 1_000_000} megapixels"


def _check_size(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise _Refused(_too_large())
    if max(size) > MAX_ASPECT * max(min(size), 1):
        raise _Refused(f"{width} x {height} pixels are a strip, longer than {MAX_ASPECT} to 1")


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_to_8_bits(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Grey values in 0..255. Pillow's own conversion clips: a 16-bit photo would be white.

    A 16-bit file says what white is. 32-bit integers and floats do not: white is then the first of
    1 (floats), 255, 65535 and the brightest pixel that nothing exceeds.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        white = 65535.0
    else:
        brightest = float(np.nan_to_num(values, posinf=0, neginf=0).max())
        usual = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        white = next((level for level in usual if brightest <= level), brightest)
    grey = np.nan_to_num(values.astype(np.float32), posinf=white, neginf=0)
    scaled: np.ndarray = np.rint(np.clip(grey / white, 0, 1) * 255).astype(np.uint8)
    return scaled


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:
        # Broken metadata is common and says nothing about the pixels, which have been decoded.
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)
