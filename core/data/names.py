"""Rules for file and folder names: images, stray files, splits, spellings of a class."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from core.data.dataset import Role
from core.data.images import is_image_name

SETTINGS_NAME = "dataset.yaml"
SPLIT_NAME = "split.json"
OWN_FILES = (SETTINGS_NAME, SPLIT_NAME)
"""Files that Evenkeel writes next to the images."""

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
_SPLIT_WORDS = re.compile(
    rf"({'|'.join(_SPLITS)})(?: ?(?:set|split|data|dataset|images|imgs|part|x?\d+|x))*"
)
"""Names of splits in parts or with an extra word: `train.X1`, `test_set`, `val2017`."""
_OOD = ("ood", "out of distribution")
_WRAPPERS = frozenset({"images", "image", "imgs", "img", "jpegimages", "pictures", "pics", "jpg"})
_MASKS = frozenset({"masks", "mask", "segmentation", "segmentations", "segmentationclass"})
_LABELS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".xml", ".manifest", ".names")
_NO_LABELS = re.compile(r"submission|^(readme|licen[cs]e|requirements|changelog)\b")
_LONGEST_NAME_BYTES = 150
_LONGEST_EXTENSION = 10
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*/\\]')
_RESERVED_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_JOINED = "\u0600-\u1cff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff"
_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
    f"|(?<![{_JOINED}])[\u200c\u200d]|[\u200c\u200d](?![{_JOINED}])"
)
"""Zero-width characters, soft hyphens and direction marks. With them two different names look the
same, or a name is shown in another order. Joiners stay where they change the visible text: in emoji
and in scripts from Arabic to those of India.
"""
_OPERATING_SYSTEM = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"})
_OTHER_PICTURES = frozenset(
    {".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".psd", ".ico", ".tga"}
    | {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw", ".eps", ".pdf"}
)
_ARCHIVES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"})
_DEEPEST = 32


def stray_reason(path: str) -> str | None:
    """The reason why a path is not an image of the data set; None if it may be one."""
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
    """A sort key that puts `img2` before `img10`, the same on every file system."""
    pieces = re.split(r"([0-9]+)", unicodedata.normalize("NFC", path).casefold())
    for i in range(1, len(pieces), 2):
        pieces[i] = pieces[i].lstrip("0")
    # Every second piece is digits. Comparing by length first avoids int(), which limits its input.
    return [(len(piece) if i % 2 else 0, piece) for i, piece in enumerate(pieces)], path


def same_name(a: str, b: str) -> bool:
    """True if two folder names differ only in case, encoding of accents, spaces, `_` and `-`."""
    return fold(a) == fold(b)


def matching_class(name: str, classes: Sequence[str]) -> str | None:
    """The class with the name of a folder: exactly, or up to case, spaces and underscores."""
    if nfc(name) in classes:
        return nfc(name)
    alike = [known for known in classes if same_name(known, name)]
    return alike[0] if len(alike) == 1 else None


@lru_cache(maxsize=1 << 16)
def split_of(name: str) -> Role | None:
    """The split of a folder with this name: `Validation` is `val`. None if it is no split."""
    match = _SPLIT_WORDS.fullmatch(" ".join(fold(name).replace(".", " ").split()))
    return _SPLITS[match[1]] if match else None


def is_ood_name(name: str) -> bool:
    """True if a folder of this name holds OOD domains."""
    return fold(name) in _OOD


def is_wrapper_name(name: str) -> bool:
    """True if the name only says that the folder holds images, such as `images`."""
    return fold(name) in _WRAPPERS


def is_mask_name(name: str) -> bool:
    """True if a folder of this name holds segmentation masks, not images of a class."""
    return fold(name) in _MASKS


def is_label_name(path: str) -> bool:
    """True if a file may hold labels of the images near it, judged by its path alone."""
    name = path.rpartition("/")[2].lower()
    if name in OWN_FILES or _NO_LABELS.search(name) or not name.endswith(_LABELS):
        return False
    return (stray_reason(path) or "").startswith("not an image (")


def safe_name(name: str) -> str:
    """The name made valid on every file system, and never empty: `a:b.` becomes `a_b`."""
    name = nfc(name)
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
    name = _NOT_ON_WINDOWS.sub("_", name).strip().rstrip(". ")
    if _RESERVED_ON_WINDOWS.match(name):
        name = f"_{name}"
    stem, extension = split_extension(name)
    return stem.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore") + extension or "_"


def split_extension(name: str) -> tuple[str, str]:
    """Splits `fox.jpg` into `fox` and `.jpg`. A long last part is not an extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if stem and len(extension) <= _LONGEST_EXTENSION else (name, "")


@lru_cache(maxsize=1 << 16)
def nfc(name: str) -> str:
    """The visible name, so that two names that look the same are equal. macOS decomposes accents;
    copied names often have invisible characters, line ends and a space at their end.
    """
    seen = unicodedata.normalize("NFC", _UNSEEN.sub("", name))
    # Spaces inside a name stay: somebody typed them, and on disk they make a different name.
    seen = "".join(" " if c.isspace() else c for c in seen).strip()
    return "".join(c for c in seen if unicodedata.category(c) != "Cc") or "_"


@lru_cache(maxsize=1 << 16)
def fold(name: str) -> str:
    """The name without differences of spelling: `Red-Fox ` becomes `red fox`."""
    plain = re.sub("[\u200c\u200d]", "", nfc(name)).casefold()
    return " ".join(re.split(r"[\s_-]+", plain)).strip()
