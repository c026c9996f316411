"""The split of a data set into train, val and test: decided once, and kept with the images.

If a data set has no test or no val folder, they are cut from its training images. The cut is
written to `split.json` in its folder, image by image (SHA-256). Images that are added later join a
side, and no earlier image changes sides. So an image that trained one run never tests another.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple, get_args

from core.data.dataset import SHARES, Dataset, Item, Side, Split
from core.data.fewshot import FewShotTask, Material, material_of, sample_task
from core.data.grouped import ImageGroups
from core.data.names import SPLIT_NAME
from core.durable import publish
from core.errors import UserError
from core.results.records import GroupBy, RunConfig

SCHEMA = 1
MOST_BY_DEFAULT = 16
"""The largest number of shots that is proposed."""
ORDER: tuple[Side, ...] = ("train", "val", "test")
"""The order of sides in written shares: `2:1:1`."""


def with_shots(dataset: Dataset, config: RunConfig) -> RunConfig:
    """The config with its number of shots filled in.

    If it names none, the number proposed for the data set is used, and small classes give all their
    images.
    """
    if config.shots is not None:
        return config
    return config.model_copy(update={"shots": default_shots(dataset), "allow_fewer": True})


def task_of(dataset: Dataset, config: RunConfig) -> FewShotTask:
    """The few-shot task of a run on a data set. Raises `UserError` if it is not possible."""
    config = with_shots(dataset, config)
    drawn = config.split == "drawn"
    return sample_task(
        dataset,
        config.shots or 0,
        config.seed,
        config.allow_fewer,
        config.unseen,
        config.group_by,
        sides=None if drawn else decided(dataset, config.group_by).sides,
    )


def default_shots(dataset: Dataset) -> int:
    """The proposed shots: the training images of the largest class, at most 16."""
    return max(1, min(MOST_BY_DEFAULT, max(size.train for size in sizes(dataset).values())))


def decided(dataset: Dataset, group_by: GroupBy | None = None) -> Split:
    """The side of every training image: the stored one, or a newly assigned one for new images.

    With another `group_by` than the data set's own, all sides are assigned newly. Raises
    `UserError` if a class has too few groups.
    """
    if group_by is not None and group_by != dataset.group_by:
        dataset = replace(dataset, group_by=group_by)
    material, shares = material_of(dataset, None, []), dataset.split.shares
    earlier = _decided_earlier(dataset)
    sides = {**earlier, **_dealt(material, shares, earlier)}
    return Split(sides, shares, dataset.group_by)


def split_domains(dataset: Dataset) -> dict[str, tuple[Item, ...]]:
    """The images of every domain as a run sees them: val and test are cut from train if they are
    not given. Every image is listed once; an image that no run would use stays in its domain.
    """
    domains: dict[str, list[Item]] = {domain.name: [] for domain in dataset.domains}
    sides = _sides_now(material_of(dataset, None, []), dataset)
    for domain in dataset.domains:
        for item in domain.items:
            side = sides.get(item.path, "train") if domain.role == "train" else domain.name
            domains.setdefault(side, []).append(item)
    order = sorted(domains, key=lambda name: (*ORDER, name).index(name))
    return {name: tuple(domains[name]) for name in order if domains[name]}


def keep_split(dataset: Dataset, workspace: Path | None = None) -> Dataset:
    """Decides the split for every image and writes it; returns the data set with it.

    The file is in the folder of the images. If that is not writable, it goes to `workspace`.
    """
    material = material_of(dataset, None, [])
    split = decided(dataset)
    cut = not (material.given_test and material.given_val)
    if cut and (split.sides, split.group_by) != (dataset.split.sides, dataset.split.group_by):
        write_split(dataset.root, split, workspace)
    return replace(dataset, split=split)


def move_split(
    dataset: Dataset, shares: Mapping[Side, int], workspace: Path | None = None
) -> Dataset:
    """Splits the data set again with other shares. Existing runs keep their own split."""
    fresh = replace(dataset, split=Split({}, shares, dataset.group_by))
    split = decided(fresh)
    write_split(dataset.root, split, workspace)
    return replace(dataset, split=split)


class SideCounts(NamedTuple):
    """The number of images of a class on each side."""

    train: int
    val: int
    test: int


def sizes(dataset: Dataset) -> dict[str, SideCounts]:
    """The number of images on each side by class folder, with the given val and test folders."""
    material = material_of(dataset, None, [])
    sides = _sides_now(material, dataset)
    counted: dict[str, Counter[str]] = {name: Counter() for name in dataset.classes}
    for name, items in material.pool.items():
        counted[name].update(sides.get(item.path, "train") for item in items)
    for side, given in (("val", material.given_val), ("test", material.given_test)):
        for item in given:
            counted[dataset.classes[item.label]][side] += 1
    return {name: SideCounts(*(found[side] for side in ORDER)) for name, found in counted.items()}


def parse_shares(text: str) -> dict[Side, int]:
    """Reads `6:3:3`, the parts of training, validation and test."""
    parts = text.replace("/", ":").replace(",", ":").split(":")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise UserError(
            "split: three whole numbers are needed, the parts of every class for training, "
            f"validation and test, such as 2:1:1. Got {text!r}."
        )
    shares = dict(zip(ORDER, map(int, parts), strict=True))
    if not shares["train"] or not shares["test"] or max(shares.values()) > 1000:
        raise UserError(
            "split: the parts for training and test must be from 1 to 1000, and the part for "
            f"validation from 0 to 1000. Got {text}."
        )
    return {side: shares[side] for side in SHARES}  # in the order that `SHARES` explains


def write_shares(shares: Mapping[Side, int]) -> str:
    """Writes shares as `parse_shares` reads them."""
    return ":".join(str(shares[side]) for side in ORDER)


def read_split(root: Path, workspace: Path | None = None) -> Split:
    """Reads the stored split of a folder; empty if there is none.

    Raises `UserError` for a damaged file, because a guess could mix training and test images.
    """
    places = [root / SPLIT_NAME, *([_elsewhere(root, workspace)] if workspace else [])]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return Split()
    try:
        found = json.loads(path.read_text("utf-8"))
        return _checked(found)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged ({error}). It says which images train and which test. Put a "
            "copy back, or delete it to split the images again."
        ) from None


def write_split(root: Path, split: Split, workspace: Path | None = None) -> None:
    """Writes `split.json` atomically."""
    payload = {
        "schema": SCHEMA,
        "group_by": split.group_by,
        "shares": {side: split.shares[side] for side in ORDER},
        "images": dict(sorted(split.sides.items())),
    }
    text = json.dumps(payload, indent=1) + "\n"

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    try:
        publish(root / SPLIT_NAME, write)
    except OSError:  # the folder is read-only
        if workspace is not None:
            place = _elsewhere(root, workspace)
            with contextlib.suppress(OSError):  # not fatal, because every run keeps its own split
                place.parent.mkdir(parents=True, exist_ok=True)
                publish(place, write)


def _sides_now(material: Material, dataset: Dataset) -> dict[str, Side]:
    """Path to side of the images that may train; empty if a class has too few groups to split.
    That problem is reported when a run is started.
    """
    try:
        dealt = _dealt(material, dataset.split.shares, _decided_earlier(dataset))
    except UserError:
        return {}
    return {item.path: dealt[item.sha256] for own in material.pool.values() for item in own}


def _decided_earlier(dataset: Dataset) -> Mapping[str, Side]:
    """The stored sides, or none if they were decided with another `group_by`."""
    return dataset.split.sides if dataset.split.group_by == dataset.group_by else {}


def _elsewhere(root: Path, workspace: Path) -> Path:
    return workspace / "splits" / f"{sha256(str(root).encode()).hexdigest()}.json"


def _checked(found: Mapping[str, Any]) -> Split:
    if found["schema"] != SCHEMA:
        raise ValueError(f"schema {found['schema']}, expected {SCHEMA}")
    sides = dict(found["images"])
    if wrong := [side for side in sides.values() if side not in get_args(Side)]:
        raise ValueError(f"unknown side {wrong[0]!r}")
    shares: dict[Side, int] = {side: int(found["shares"][side]) for side in SHARES}
    return Split(sides, shares, found["group_by"])


def _dealt(
    material: Material, shares: Mapping[Side, int], old: Mapping[str, Side]
) -> dict[str, Side]:
    """SHA-256 to side of the images that may train; images in `old` keep their side."""
    items = [item for own in material.pool.values() for item in own]
    # Without groups, every image is a group of its own, so one procedure serves both cases.
    if not material.groups.keys:
        alone = ImageGroups("none", {item.path: item.sha256 for item in items})
        material = replace(material, groups=alone)
    keys = material.groups.keys
    known = {keys[item.path]: old[item.sha256] for item in items if item.sha256 in old}
    # Always seed 0: the split belongs to the data set, not to a run and its seed.
    by_path = material.sides(0, shares=shares, known=known)
    return {item.sha256: by_path[item.path] for item in items}
