"""Which images belong together, such as the frames of a video: they must not be split apart."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath

from PIL import Image

from core.data.dataset import Item
from core.data.images import FORMATS
from core.data.names import is_ood_name, is_wrapper_name, same_name, split_of
from core.results.records import GroupBy

SECONDS_APART = 60
"""Photos taken at most so long after one another belong together."""

_EXIF, _TAKEN = 0x8769, 0x9003
_LAST_NUMBER = re.compile(r"[\s_.-]*\d+\D*$")


def group_keys(
    items: Sequence[Item], classes: Sequence[str], by: GroupBy, root: Path
) -> dict[str, str]:
    """The group of every image, by path. Equal keys belong together, whatever their class.

    An image that says nothing is a group of its own.
    """
    if by == "time":
        return _by_time(items, root)
    key = {"prefix": lambda path, _: prefix(path), "folder": folder, "none": lambda *_: ""}[by]
    return {i.path: key(i.path, classes[i.label]) or f"/{i.path}" for i in items}


def source_of(path: str, class_folder: str) -> str:
    """Where an image seems to come from: the folder inside its class, else its name's prefix."""
    return folder(path, class_folder) or prefix(path)


def prefix(path: str) -> str:
    """The file's name before its last number: `vid3` of `vid3_0012.jpg`; empty without a number."""
    stem = PurePosixPath(path).stem
    return _LAST_NUMBER.sub("", stem) if _LAST_NUMBER.search(stem) else ""


def folder(path: str, class_folder: str) -> str:
    """The folder an image lies in inside its class folder; empty for one that is directly there."""
    parent = PurePosixPath(path).parent.name
    above = same_name(parent, class_folder) or split_of(parent) or is_ood_name(parent)
    return "" if above or is_wrapper_name(parent) else parent


def taken_at(path: Path) -> datetime | None:
    """When a photo was taken, as its EXIF says; None when it does not."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            said = image.getexif().get_ifd(_EXIF).get(_TAKEN, "")
        return datetime.strptime(str(said).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except Exception:
        # Broken metadata is common and raises almost anything.
        return None


@lru_cache(maxsize=1 << 16)
def _taken_at(_sha256: str, path: Path) -> datetime | None:
    """The same, read once for the bytes of a file: a task is cut more than once."""
    return taken_at(path)


def _by_time(items: Sequence[Item], root: Path) -> dict[str, str]:
    times = {item.path: _taken_at(item.sha256, root / item.path) for item in items}
    keys = {path: f"/{path}" for path, time in times.items() if time is None}
    dated = sorted((time, path) for path, time in times.items() if time is not None)
    start, last = None, None
    for time, path in dated:
        if last is None or (time - last).total_seconds() > SECONDS_APART:
            start = time
        keys[path] = f"{start}"
        last = time
    return keys
