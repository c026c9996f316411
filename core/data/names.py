"""What names alone say: an image or a stray file, a split, a class however it is spelled."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from core.data.dataset import Role
from core.data.images import is_image_name

SETTINGS_NAME = "dataset.yaml"

_SPLITS: dict[str, Role] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "eval": "test",
}
_OOD = ("ood", "out of distribution")
_OPERATING_SYSTEM = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_OTHER_PICTURES = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".ico", ".tga"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".eps", ".pdf"}
)
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
_DEEPEST = 32


def stray_reason(path: str) -> str | None:
    """Why a file is no image of the data set, judged by its path alone; None when it may be one."""
    parts = path.split("/")
    name = parts[-1]
    extension = "." + name.rpartition(".")[2].lower() if "." in name else ""
    if "__MACOSX" in parts:
        return "macOS archive metadata"
    if name.lower() in _OPERATING_SYSTEM:
        return "made by the operating system"
    if any(part.startswith(".") for part in parts):
        return "hidden"
    if path.endswith("/"):
        return "empty folder"
    if len(parts) > _DEEPEST:
        return f"more than {_DEEPEST} folders deep"
    if extension in _OTHER_PICTURES:
        return f"{extension[1:].upper()} pictures are not read; save it as JPEG or PNG"
    if extension in _ARCHIVES:
        return "an archive inside the upload is not opened; unpack it first"
    if not is_image_name(name):
        return f"not an image ({extension})" if extension else "not an image"
    return None


def natural_key(path: str) -> tuple[list[tuple[int, str]], str]:
    """Sorts `img2` before `img10`, and the same on every file system."""
    pieces = re.split(r"([0-9]+)", unicodedata.normalize("NFC", path).casefold())
    for i in range(1, len(pieces), 2):
        pieces[i] = pieces[i].lstrip("0")
    # Every other piece is digits. They compare by length first, so that no int() has to read them.
    return [(len(piece) if i % 2 else 0, piece) for i, piece in enumerate(pieces)], path


def same_name(a: str, b: str) -> bool:
    """Whether two folder names differ only in case, accents' encoding, spaces, `_` and `-`."""
    return fold(a) == fold(b)


def matching_class(name: str, classes: Sequence[str]) -> str | None:
    """The class that a folder is named like: exactly, or up to case, spaces and underscores."""
    if nfc(name) in classes:
        return nfc(name)
    alike = [known for known in classes if same_name(known, name)]
    return alike[0] if len(alike) == 1 else None


def split_of(name: str) -> Role | None:
    """The split that a folder of this name holds: `Validation` is `val`."""
    return _SPLITS.get(fold(name))


def is_ood_name(name: str) -> bool:
    """Whether a folder of this name holds OOD domains."""
    return fold(name) in _OOD


@lru_cache(maxsize=1 << 16)
def nfc(name: str) -> str:
    """The name with composed accents: macOS decomposes them, and one class must not become two."""
    return unicodedata.normalize("NFC", name)


@lru_cache(maxsize=1 << 16)
def fold(name: str) -> str:
    """What is left of a name when spelling is taken out: `Red-Fox ` is `red fox`."""
    return " ".join(re.split(r"[\s_-]+", nfc(name).casefold())).strip()
