"""Finds the embedded model and the demo data, in a checkout and in an installed package."""

import json
from pathlib import Path

from core.durable import is_unchanged
from core.errors import UserError

_HERE = Path(__file__).resolve().parent
_CANDIDATES = (_HERE.parent / "assets", _HERE / "assets")


def assets() -> Path:
    """The folder `assets`: next to the packages in a checkout, inside `core` in a wheel."""
    for folder in _CANDIDATES:
        if (folder / "model").is_dir():
            return folder
    raise UserError("The embedded model is missing from this installation. Reinstall Evenkeel.")


def model_folder() -> Path:
    """The small real CLIP that works without a network."""
    return assets() / "model"


def damaged_model_files() -> list[str]:
    """The model's files that are missing or differ from their hash in `manifest.json`."""
    folder = assets()
    outputs = json.loads((folder / "manifest.json").read_text("utf-8"))["outputs"]
    return [
        name
        for name, stated in outputs.items()
        if name.startswith("model/") and not is_unchanged(folder / name, stated["sha256"])
    ]


def demo_folder() -> Path:
    """The demo data set, in the layout that every data set has."""
    return assets() / "demo"
