"""The same data set with another reference domain: one OOD domain becomes the one trained on."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from core.data.dataset import Dataset
from core.data.names import SETTINGS_NAME
from core.data.settings import DatasetSettings

OWN = "reference"
"""What the data set's own reference domain is called where it is not trained on, and how it is
named to be trained on."""


class _Copy(NamedTuple):
    """One image: where it is in the data set, and where it goes in the rotated one."""

    source: str
    target: str
    """The domain and class folder that it goes to."""
    name: str
    sha256: str


def rotated(
    dataset: Dataset, domain: str, folder: Path, same_names: bool = True, most: int | None = None
) -> Path:
    """Write `dataset` to `folder` with `ood/<domain>` as the images to train on and test at home.

    `same_names`: what the file names call the same thing is on one side only. Half of the names,
    drawn by their hash, teach (in the new reference domain), the other half measures, in every
    domain. Otherwise the whole domain is given as `train`, from which a run draws its shots and
    cuts validation and test. The old reference becomes `ood/reference`; that name as `domain`
    keeps it as it is. At most `most` images of a class go to each domain, drawn by their content.
    """
    if folder.exists():
        return folder
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for copy in _limited(_copies(dataset, domain, same_names), most):
        place = partial / copy.target
        place.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dataset.root / copy.source, place / copy.name)
    settings = DatasetSettings(
        title=f"{dataset.title}, trained on {domain}",
        classes=dict(zip(dataset.classes, dataset.names, strict=True)),
        templates=dataset.templates,
        allow_fewer=True,
    )
    settings.write(partial / SETTINGS_NAME)
    partial.rename(folder)
    return folder


def _copies(dataset: Dataset, domain: str, same_names: bool) -> Iterator[_Copy]:
    for found in dataset.domains:
        for item in found.items:
            path = PurePosixPath(item.path)
            goes = _goes(found.name, path.stem, domain, same_names)
            if goes:
                place = f"{goes}/{dataset.classes[item.label]}"
                # Train and test of the old reference meet in one folder.
                name = path.name if found.name == goes else f"{found.role}-{path.name}"
                yield _Copy(item.path, place, name, item.sha256)


def _goes(name: str, stem: str, domain: str, same_names: bool) -> str:
    """The domain of the rotated data set that an image goes to; empty for none."""
    is_ood = name.startswith("ood/")
    if domain == OWN:
        return name
    if not same_names:
        return "train" if name == f"ood/{domain}" else name if is_ood else f"ood/{OWN}"
    teaches = _teaches(stem)
    if name == f"ood/{domain}":
        return "train" if teaches else "test"
    if teaches:
        return ""
    return f"ood/{OWN}" if name == "test" else name if is_ood else ""


def _limited(copies: Iterator[_Copy], most: int | None) -> Iterator[_Copy]:
    by_place: defaultdict[str, list[_Copy]] = defaultdict(list)
    for copy in copies:
        by_place[copy.target].append(copy)
    for found in by_place.values():
        yield from sorted(found, key=lambda copy: copy.sha256)[:most]


def _teaches(stem: str) -> bool:
    return sha256(stem.encode()).digest()[0] % 2 == 0
