"""Exports the encoder's unit features of every image, and a list of the images."""

import csv
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from core.data.dataset import Dataset, Item
from core.data.fewshot import FewShotTask
from core.export.source import Source
from core.export.verify import Exported, make_room, verify

FEATURES = "features.safetensors"
MANIFEST = "manifest.csv"
COLUMNS = ("path", "sha256", "class", "split", "domain", "excluded", "reason")
UNUSED = "unused"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters that make a spreadsheet run a cell instead of showing it."""


def export_features(source: Source, folder: Path, task: FewShotTask, dataset: Dataset) -> Exported:
    """Write `features.safetensors` (`SPLIT/features` (N, D) and `SPLIT/labels` (N,), with paths and
    classes as metadata) and `manifest.csv`, one row per image, unused images included.
    """
    make_room(folder, {FEATURES, MANIFEST})
    splits = splits_of(task, dataset)
    tensors = {}
    for name, items in splits.items():
        features = source.clip.features_of(source.classifier, task.root, items)
        tensors[f"{name}/features"] = np.ascontiguousarray(features.numpy())
        tensors[f"{name}/labels"] = np.array([item.label for item in items], dtype=np.int64)
    told = {
        "paths": {name: [item.path for item in items] for name, items in splits.items()},
        **source.card,
    }
    metadata = {name: json.dumps(value, ensure_ascii=False) for name, value in told.items()}
    save_file(tensors, folder / FEATURES, metadata=metadata)
    write_manifest(folder / MANIFEST, dataset, splits)
    found = verify("safetensors", folder, {}, tensors, dict.fromkeys(tensors, 0.0))
    return Exported(folder, snippet(folder), "safetensors", found)


def splits_of(task: FewShotTask, dataset: Dataset) -> dict[str, tuple[Item, ...]]:
    """Every image of the data set by its use in the run; `unused` for the rest."""
    splits = {"train": task.train, "val": task.val, "test": task.test, **task.ood}
    used = {item.path for item in itertools.chain(*splits.values())}
    every = itertools.chain(*(domain.items for domain in dataset.domains))
    splits[UNUSED] = tuple(item for item in every if item.path not in used)
    return {name: items for name, items in splits.items() if items}


def write_manifest(path: Path, dataset: Dataset, splits: Mapping[str, Sequence[Item]]) -> None:
    """One row per image: its path, its class, its use in the run, or the reason why it was not
    used.
    """
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for row in _rows(dataset, splits):
            rows.writerow([_shown(cell) for cell in row])


def _rows(dataset: Dataset, splits: Mapping[str, Sequence[Item]]) -> Iterator[tuple[str, ...]]:
    domain_of = {item.path: domain.name for domain in dataset.domains for item in domain.items}
    for split, items in splits.items():
        for item in items:
            known = item.path, item.sha256, dataset.classes[item.label]
            yield (*known, split, domain_of.get(item.path, split), "no", "")
    for item in dataset.excluded:
        known = item.path, item.sha256, dataset.classes[item.label]
        yield (*known, "", "", "yes", "left out in dataset.yaml")
    for ignored, reason in dataset.report.ignored:
        yield (ignored, "", "", "", "", "yes", reason)


def _shown(cell: str) -> str:
    """The cell as text, also in a spreadsheet: the names come from files of strangers."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def snippet(folder: Path) -> str:
    """Python that reads the features of a split."""
    return (
        "from safetensors import safe_open\n\n"
        f'with safe_open("{folder / FEATURES}", "np") as file:\n'
        '    features = file.get_tensor("train/features")\n'
        '    labels = file.get_tensor("train/labels")\n'
        '    told = file.metadata()  # "paths" and "classes", as JSON'
    )
