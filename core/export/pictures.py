"""Pictures that test the Python of an export: the run's own, and some that are easy to misread."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from core.export.source import Source
from core.export.verify import Difference, verify


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
