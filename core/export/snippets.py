"""Python for users of an export: turns a picture into the model's input, without our packages.

The code is shown with an export and also verifies it: `core.export.verify` runs it in a clean
process, on pictures of the run and on unusual ones.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from core.export.source import Source
from core.export.verify import Difference, verify
from core.models.transforms import Preprocess

PHOTO = '"photo.jpg"'
"""The picture in every snippet. All lines before it load the model."""

UPRIGHT = '''def upright(path):
    """The photo as the run sees it: turned upright, 8 bits a channel, transparency over white."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode[0] in "IF":  # more than 8 bits
        most = 65535 if ";16" in image.mode else image.convert("F").getextrema()[1]
        levels = (1, 255, 65535, most) if image.mode == "F" else (255, 65535, most)
        share = 255 / next(level for level in levels if level >= most)
        image = image.convert("F").point(lambda grey: grey * share + 0.5).convert("L")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")'''

_RESIZED = {
    "shortest": """short = min(image.size)
width, height = (int(size * side / short) for side in image.size)
image = image.resize((width, height), Image.Resampling.{interpolation})
left, top = round((width - size) / 2), round((height - size) / 2)
image = image.crop((left, top, left + size, top + size))""",
    "squash": "image = image.resize((size, size), Image.Resampling.{interpolation})",
    "longest": """ratio = max(image.size) / size
width, height = (round(side / ratio) for side in image.size)
image = image.resize((width, height), Image.Resampling.{interpolation})
square = Image.new("RGB", (size, size), ({fill}, {fill}, {fill}))
square.paste(image, ((size - width) // 2, (size - height) // 2))
image = square""",
}


def resized(preprocess: Preprocess) -> str:
    """Python that brings `image` to `size`, as open_clip does for this model."""
    bilinear = preprocess.interpolation == "bilinear"
    return _RESIZED[preprocess.resize_mode].format(
        interpolation="BILINEAR" if bilinear else "BICUBIC", fill=preprocess.fill_color
    )


def verify_snippet(
    code: str, folder: Path, source: Source, tolerance: float
) -> tuple[Difference, ...]:
    """The differences between the `logits` of a snippet and the run's own, as `verify` returns
    them.
    """
    return verify_answers(
        code, folder, source.shown, lambda paths: {"logits": source.logits(paths)}, tolerance
    )


def verify_answers(
    code: str,
    folder: Path,
    shown: Sequence[Path],
    own: Callable[[Sequence[Path]], Mapping[str, Tensor]],
    tolerance: float,
) -> tuple[Difference, ...]:
    """The same for all variables that `own` gives for pictures."""
    with tempfile.TemporaryDirectory(prefix="evenkeel-pictures-") as place:
        pictures = (*shown, *odd_pictures(Path(place)))
        answers = {name: tensor.numpy() for name, tensor in own(pictures).items()}
        asked = {
            "code": np.array(code),
            "photos": np.array([str(path.absolute()) for path in pictures]),
            "wanted": np.array(list(answers)),
        }
        found = verify("snippet", folder, asked, answers, dict.fromkeys(answers, tolerance))
    return tuple(replace(one, output=f"{one.output} of photos") for one in found)


def odd_pictures(folder: Path) -> tuple[Path, ...]:
    """Writes one file of each kind into the folder."""
    found = []
    for name, write in _KINDS.items():
        path = folder / name
        write(path)
        found.append(path)
    return tuple(found)


def _plain(width: int, height: int) -> Image.Image:
    """Soft spots of colour, always the same."""
    spots = np.random.default_rng(0).integers(0, 255, (6, 6, 3)).astype(np.uint8)
    return Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC)


def _turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    _plain(90, 61).save(path, exif=exif)


def _transparent(path: Path) -> None:
    picture = _plain(61, 90)
    picture.putalpha(picture.getchannel("G"))
    picture.save(path)


def _palette(path: Path) -> None:
    _plain(90, 61).quantize(16).save(path, transparency=3)


def _deep(path: Path) -> None:
    grey = np.asarray(_plain(61, 90).convert("L"), np.uint16)
    Image.fromarray(grey * np.uint16(201) + np.uint16(77)).save(path)


_KINDS: dict[str, Callable[[Path], None]] = {
    "wide.png": lambda path: _plain(401, 83).save(path),
    "tall.png": lambda path: _plain(83, 401).save(path),
    "turned.jpg": _turned,
    "transparent.png": _transparent,
    "palette.png": _palette,
    "deep.png": _deep,
    "grey.png": lambda path: _plain(90, 61).convert("L").save(path),
    "print.jpg": lambda path: _plain(90, 61).convert("CMYK").save(path),
}
