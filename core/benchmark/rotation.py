"""The same data set with another reference domain: one OOD domain becomes the one trained on."""

import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path, PurePosixPath

from core.data.dataset import Dataset
from core.data.names import SETTINGS_NAME
from core.data.settings import DatasetSettings


def rotated(dataset: Dataset, domain: str, folder: Path) -> Path:
    """Write `dataset` to `folder` with `ood/<domain>` as training and test images.

    What the file names call the same thing is on one side only: half of the names, drawn by their
    hash, teach (in the new reference domain), the other half measures, in every domain. The old
    test images become `ood/reference`.
    """
    if folder.exists():
        return folder
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for source, target in _copies(dataset, domain):
        (partial / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(dataset.root / source, partial / target)
    settings = DatasetSettings(
        title=f"{dataset.title}, trained on {domain}",
        classes=dict(zip(dataset.classes, dataset.names, strict=True)),
        templates=dataset.templates,
        allow_fewer=True,
    )
    settings.write(partial / SETTINGS_NAME)
    partial.rename(folder)
    return folder


def _copies(dataset: Dataset, domain: str) -> Iterator[tuple[str, str]]:
    """(path in the data set, path in the rotated one)."""
    for found in dataset.domains:
        for item in found.items:
            path = PurePosixPath(item.path)
            place = f"{dataset.classes[item.label]}/{path.name}"
            teaches = _teaches(path.stem)
            if found.name == f"ood/{domain}":
                yield item.path, f"{'train' if teaches else 'test'}/{place}"
            elif teaches:
                continue
            elif found.name == "test":
                yield item.path, f"ood/reference/{place}"
            elif found.role == "ood":
                yield item.path, f"{found.name}/{place}"


def _teaches(stem: str) -> bool:
    return sha256(stem.encode()).digest()[0] % 2 == 0
