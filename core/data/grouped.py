"""Splits images group by group, so that frames of one video are never in both train and test."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from core.data.dataset import SHARES, Dataset, Item, Side
from core.data.images import FORMATS
from core.data.names import is_ood_name, is_wrapper_name, same_name, split_of
from core.errors import UserError
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


@dataclass(frozen=True)
class ImageGroups:
    """The groups of the images of train, val and test."""

    by: GroupBy
    keys: Mapping[str, str]
    """Path to group."""

    @classmethod
    def of(cls, dataset: Dataset, by: GroupBy) -> "ImageGroups":
        """The groups of a data set."""
        items = [item for role in ("train", "val", "test") for item in dataset.items(role)]
        keys = group_keys(items, dataset.classes, by, dataset.root) if by != "none" else {}
        return cls(by, keys)

    def apart_from(
        self, items: Sequence[Item], others: Sequence[Item], kind: str, notes: list[str]
    ) -> list[Item]:
        """The images whose group has no image in `others`. Adds a note for those left out."""
        taken = {self.keys[item.path] for item in others} if self.keys else set()
        kept = [item for item in items if self.keys.get(item.path) not in taken]
        if len(kept) < len(items):
            left = len(items) - len(kept)
            notes.append(
                f"{left} {kind} {'image is' if left == 1 else 'images are'} left out: other "
                f"images of the same group are in another split (group_by {self.by})."
            )
        return kept

    def sides(
        self,
        pool: Mapping[str, Sequence[Item]],
        seed: int,
        unseen: Sequence[str],
        has_test: bool,
        has_val: bool,
        shares: Mapping[Side, int] = SHARES,
        known: Mapping[str, Side] | None = None,
    ) -> dict[str, Side]:
        """The side of each image of `pool` (class to images), by path; empty if nothing is grouped.

        Groups are assigned class by class: by default half to train, and a quarter each to test and
        val unless these are given as folders. The number of shots has no effect. A group in `known`
        stays on its side. Raises `UserError` if a class has too few groups.
        """
        if not self.keys:
            return {}
        there = {"train": False, "test": has_test, "val": has_val}
        shares = {name: share for name, share in shares.items() if share and not there[name]}
        side = {key: one for key, one in (known or {}).items() if one in shares}
        # A group may span classes. Classes that train come first, so that they get training groups.
        for name in sorted(pool, key=lambda name: name in unseen):
            own = sorted({self.keys[item.path] for item in pool[name]})
            here = {k: v for k, v in shares.items() if k != "train" or name not in unseen}
            self._deal(name, own, here or shares, seed, side)
            if name not in unseen:
                self._check(name, own, side, needed=shares)
        items = (item for items in pool.values() for item in items)
        return {item.path: side[self.keys[item.path]] for item in items}

    def _deal(
        self,
        name: str,
        own: Sequence[str],
        shares: Mapping[Side, int],
        seed: int,
        side: dict[str, Side],
    ) -> None:
        entropy = int.from_bytes(sha256(name.encode()).digest()[:8], "big")
        dealt = Counter(side[key] for key in own if key in side)
        for index in np.random.default_rng([seed, entropy]).permutation(len(own)):
            if own[index] not in side:
                chosen = min(shares, key=lambda one: dealt[one] / shares[one])
                side[own[index]] = chosen
                dealt[chosen] += 1

    def _check(
        self, name: str, own: Sequence[str], side: Mapping[str, Side], needed: Mapping[Side, int]
    ) -> None:
        there = {side[key] for key in own}
        missing = [one for one in needed if one != "val" and one not in there]
        if missing and own and self.by != "none":
            groups = "1 group" if len(own) == 1 else f"{len(own)} groups"
            raise UserError(
                f"group_by {self.by}: class '{name}' has {groups} (such as '{own[0]}'), which "
                f"leaves none for {missing[0]}. Add images of other groups, group by something "
                "else, or give a test folder."
            )


def unused(count: int) -> str:
    """The note about images that are not used because their group gives the shots."""
    are = "1 image is" if count == 1 else f"{count} images are"
    return f"{are} not used, because other images of the same group are among the shots."
