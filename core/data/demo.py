"""Writes the embedded demo data as folders: emoji in five styles, one of them in-distribution."""

import os
import shutil
import tempfile
from pathlib import Path

from core.data.listing import list_files, list_folder
from core.data.names import SETTINGS_NAME
from core.data.settings import DatasetSettings
from core.embedded import demo_folder
from core.errors import UserError

QUICK_CLASSES = (
    "electronic-device",
    "fruit",
    "household-item",
    "meal",
    "office-supply",
    "plant",
    "sports-equipment",
    "tool",
    "vegetable",
    "weather",
)
"""Ten classes that are easily confused: 117 training images at 16 shots."""
QUICK_STYLES = ("fluent-3d", "twemoji")
"""One OOD style that the embedded model never saw, and one it saw with other concepts only."""


def write_demo(folder: Path, full: bool = False) -> Path:
    """Writes the demo to `folder` and returns the folder: ten classes, or all 27 with `full`.

    An earlier demo in it is replaced. Raises `UserError` if `folder` holds anything else.
    """
    folder = Path(os.path.abspath(folder.expanduser()))
    source = demo_folder()
    there = set(list_files(source))
    if folder.exists() and not folder.is_dir():
        raise UserError(f"'{folder}' must be a folder, and is a file. Name another.")
    foreign = sorted(list_folder(folder).everything - there) if folder.exists() else []
    if foreign:
        raise UserError(
            f"'{folder}' must be empty or an earlier demo, and holds '{foreign[0]}'. "
            "Name another folder."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written next to the target first, so that an earlier demo is only replaced by a complete one.
    partial = Path(tempfile.mkdtemp(prefix=".demo-", dir=folder.parent))
    try:
        for path in there:
            if full or _is_quick(path):
                target = partial / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / path, target)
        _settings(source, full).write(partial / SETTINGS_NAME)
        folder.mkdir(exist_ok=True)
        for entry in list(folder.iterdir()):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for entry in list(partial.iterdir()):
            entry.rename(folder / entry.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _is_quick(path: str) -> bool:
    """True if a file of the full demo is part of the quick demo."""
    parts = path.split("/")
    if len(parts) < 3:
        return True
    if parts[0] == "ood":
        return parts[1] in QUICK_STYLES and parts[2] in QUICK_CLASSES
    return parts[1] in QUICK_CLASSES


def _settings(source: Path, full: bool) -> DatasetSettings:
    settings = DatasetSettings.read(source / SETTINGS_NAME)
    classes = {
        name: shown for name, shown in settings.classes.items() if full or name in QUICK_CLASSES
    }
    # The concepts run out before 16 shots in a few classes.
    return settings.model_copy(update={"classes": classes, "allow_fewer": True})
