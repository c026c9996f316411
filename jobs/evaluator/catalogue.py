"""Where the catalogue is kept, so that a form can be drawn before torch is there."""

import hashlib
from functools import cache
from pathlib import Path

import core
from jobs.settings import Settings


def catalogue_path(settings: Settings) -> Path:
    """The file for exactly these sources: a changed method or knob has another name."""
    return settings.cache / f"catalogue-{_version()}.json"


@cache
def _version() -> str:
    root = Path(core.__file__).parent
    digest = hashlib.sha256()
    for source in sorted(root.rglob("*.py")):
        digest.update(source.relative_to(root).as_posix().encode() + b"\0")
        digest.update(source.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
