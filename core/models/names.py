"""Names of models, and the files that they refer to. Imports no torch.

A model is named `embedded`, ARCHITECTURE/TAG, ARCHITECTURE/path/to/weights, a folder, `hf-hub:…`,
or MODEL+path/to/tower, which is any of these with another image tower.
"""

import functools
import importlib.util
import os
from pathlib import Path
from typing import Any

from core.embedded import model_folder

EMBEDDED = "embedded"
HUB, FOLDER = "hf-hub:", "local-dir:"
SUGGESTED = (
    ("ViT-B-32/laion2b_s34b_b79k", "the usual starting point, 151 M parameters"),
    ("ViT-B-32/openai", "OpenAI's weights, QuickGELU"),
    ("ViT-B-16/laion2b_s34b_b88k", "finer patches, about three times the compute of B/32"),
    ("ViT-B-16/openai", "what most papers report"),
    ("ViT-L-14/laion2b_s32b_b82k", "large: a GPU is needed"),
    ("RN50/openai", "ResNet tower"),
)


def catalogue() -> list[dict[str, Any]]:
    """The models to offer first; every other open_clip name works as well."""
    offered: list[dict[str, Any]] = [
        {
            "name": EMBEDDED,
            "title": "Embedded demo model",
            "note": "a small real CLIP for a first look; works offline",
            "offline": True,
        }
    ]
    for name, note in SUGGESTED:
        offered.append({"name": name, "title": name, "note": note, "offline": False})
    return offered


def absolute(name: str) -> str:
    """The same model with every path in its name made absolute: the name keeps its meaning after a
    `cd` and for the worker that trains it.
    """
    base, tower = with_tower(name)
    if tower:
        return f"{absolute(base)}+{_absolute(tower)}"
    if name == EMBEDDED or name.startswith(HUB):
        return name
    path = name.removeprefix(FOLDER)
    if path != name or os.path.exists(os.path.expanduser(path)):
        return _absolute(path)
    architecture, _, rest = name.partition("/")
    if is_architecture(architecture):
        # A tag contains neither, and a tag takes precedence over a file of the same name.
        is_path = "/" in rest or "." in rest or os.sep in rest
        exists = is_path and os.path.exists(os.path.expanduser(rest))
        return f"{architecture}/{_absolute(rest)}" if exists else name
    return _absolute(name) if name.startswith((".", "~", os.sep)) else name


def with_tower(name: str) -> tuple[str, str]:
    """MODEL and FILE of MODEL+FILE; FILE is empty if the name has another form.

    A path may contain a plus: if the whole name exists as a path, it has no tower.
    """
    path = name.removeprefix(FOLDER)
    architecture, _, rest = path.partition("/")
    weights = rest if is_architecture(architecture) else ""
    if any(os.path.exists(os.path.expanduser(place)) for place in (path, weights) if place):
        return name, ""
    places = [at for at, sign in enumerate(name) if sign == "+" and 0 < at < len(name) - 1]
    named = [(name[:at], name[at + 1 :]) for at in places]
    there = (pair for pair in named if os.path.exists(os.path.expanduser(pair[1])))
    return next(there, named[-1] if named else (name, ""))


def files_of(name: str) -> list[Path]:
    """The files on this machine that a model is read from, to notice when one changes."""
    base, tower = with_tower(name)
    if tower:
        return [*files_of(base), *_files(tower)]
    if name == EMBEDDED:
        return _files(str(model_folder()))
    path = name.removeprefix(FOLDER)
    architecture, _, rest = name.partition("/")
    return _files(path) or (_files(rest) if is_architecture(architecture) else [])


def is_architecture(name: str) -> bool:
    """True if open_clip lists an architecture of that name."""
    return name in architectures()


@functools.cache
def architectures() -> frozenset[str]:
    """The architectures that open_clip lists, read from the files of its package alone."""
    package = importlib.util.find_spec("open_clip")
    if package is None or package.origin is None:
        return frozenset()
    return frozenset(p.stem for p in Path(package.origin).with_name("model_configs").glob("*.json"))


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def _files(path: str) -> list[Path]:
    place = Path(os.path.expanduser(path))
    if not path or not os.path.exists(place):
        return []
    return sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
