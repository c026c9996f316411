"""Groups of related images, such as the frames of a video, that a split must not separate."""

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
"""Photos taken at most this many seconds after the previous one belong together."""

_EXIF, _TAKEN = 0x8769, 0x9003
_LAST_NUMBER = re.compile(r"[\s_.-]*\d+\D*$")


def group_keys(
    items: Sequence[Item], classes: Sequence[str], by: GroupBy, root: Path
) -> dict[str, str]:
    """The group of every image, by path. Images with equal keys belong together, across classes.

    An image without a prefix, folder or time is a group of its own.
    """
    if by == "time":
        return _by_time(items, root)
    key = {"prefix": lambda path, _: prefix(path), "folder": folder, "none": lambda *_: ""}[by]
    return {i.path: key(i.path, classes[i.label]) or f"/{i.path}" for i in items}


def source_of(path: str, class_folder: str) -> str:
    """The likely source of an image: the folder inside its class, else the prefix of its name."""
    return folder(path, class_folder) or prefix(path)


def prefix(path: str) -> str:
    """The file's name before its last number: `vid3` of `vid3_0012.jpg`; empty without a number."""
    stem = PurePosixPath(path).stem
    return _LAST_NUMBER.sub("", stem) if _LAST_NUMBER.search(stem) else ""


def folder(path: str, class_folder: str) -> str:
    """The folder of an image inside its class folder; empty if it lies directly in the class."""
    parent = PurePosixPath(path).parent.name
    above = same_name(parent, class_folder) or split_of(parent) or is_ood_name(parent)
    return "" if above or is_wrapper_name(parent) else parent


def taken_at(path: Path) -> datetime | None:
    """The time a photo was taken, from its EXIF; None if it has none."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            said = image.getexif().get_ifd(_EXIF).get(_TAKEN, "")
        return datetime.strptime(str(said).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except Exception:
        # Broken metadata is common, and Pillow raises many kinds of errors for it.
        return None


@lru_cache(maxsize=1 << 16)
def _taken_at(_sha256: str, path: Path) -> datetime | None:
    """The same, cached by the file's hash, because one data set is split several times."""
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
