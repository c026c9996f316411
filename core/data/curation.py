"""Writes a person's decisions about a data set into its `dataset.yaml`; no image is changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.data.dataset import Dataset
from core.data.names import SETTINGS_NAME
from core.data.prompts import checked_templates
from core.data.settings import DatasetSettings
from core.errors import UserError, unknown
from core.results.records import GroupBy


def exclude(dataset: Dataset, paths: Iterable[str]) -> None:
    """Leaves images out until they are included again."""
    known = _checked(dataset, paths)
    kept = _settings(dataset).exclude
    _write(dataset, exclude=tuple(dict.fromkeys((*kept, *known))))


def include(dataset: Dataset, paths: Iterable[str] | None = None) -> None:
    """Includes images that were left out; all of them without `paths`."""
    back = None if paths is None else set(paths)
    kept = _settings(dataset).exclude if back is not None else ()
    _write(dataset, exclude=tuple(path for path in kept if path not in (back or ())))


def move(dataset: Dataset, paths: Iterable[str], folder: str) -> None:
    """Assigns images to the class of another folder."""
    if folder not in dataset.classes:
        raise unknown("class", folder, dataset.classes)
    moved = dict.fromkeys(_checked(dataset, paths), folder)
    _write(dataset, relabel={**_settings(dataset).relabel, **moved})


def rename(dataset: Dataset, names: Mapping[str, str]) -> None:
    """Renames classes in prompts and on the page. Their folders keep their names."""
    spaced = {folder: " ".join(name.split()) for folder, name in names.items()}
    for folder, name in spaced.items():
        if folder not in dataset.classes:
            raise unknown("class", folder, dataset.classes)
        if not name:
            raise UserError(
                f"The name of class '{folder}' must not be empty: it goes into prompts."
            )
    _write(dataset, classes={**_settings(dataset).classes, **spaced})


def use_templates(dataset: Dataset, templates: Sequence[str]) -> None:
    """Gives the data set its own prompt templates; an empty list restores the default."""
    lines = tuple(line.strip() for line in templates if line.strip())
    _write(dataset, templates=checked_templates(lines) if lines else ())


def group(dataset: Dataset, by: GroupBy) -> None:
    """Sets the rule that groups images."""
    _write(dataset, group_by=by)


def _checked(dataset: Dataset, paths: Iterable[str]) -> list[str]:
    there = {item.path for domain in dataset.domains for item in domain.items}
    there |= {item.path for item in dataset.excluded}
    wanted = list(paths)
    for path in wanted:
        if path not in there:
            raise UserError(f"There is no image '{path}' in this data set. Reload the page.")
    return wanted


def _settings(dataset: Dataset) -> DatasetSettings:
    return DatasetSettings.read(dataset.root / SETTINGS_NAME, dataset.classes)


def _write(dataset: Dataset, **changes: Any) -> None:
    values = {**_settings(dataset).model_dump(), **changes}
    DatasetSettings.parse(values, SETTINGS_NAME).write(dataset.root / SETTINGS_NAME)
