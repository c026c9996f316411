"""Collects the places of images, and the sentences of the report, while paths are read."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from core.data.dataset import IngestReport, Role
from core.data.layout.folder import Folder
from core.data.names import (
    fold,
    is_mask_name,
    is_ood_name,
    is_wrapper_name,
    natural_key,
    nfc,
    split_of,
)

_SETTINGS = re.compile(r"(^|/)dataset\.ya?ml(\.txt)?$", re.IGNORECASE)
_HIDDEN = re.compile(r"(^|/)(\.|__MACOSX/)")


@dataclass(frozen=True)
class PlacedImage:
    """One image and its place. `path` is relative to the layout's base."""

    path: str
    role: Role
    domain: str
    """`train`, `val`, `test` or `ood/<name>`."""
    class_name: str
    name: str
    """The path inside the class folder."""


@dataclass
class LayoutNotes:
    """The places and the report of a data set that is being read."""

    placed: list[PlacedImage] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    homes: set[str] = field(default_factory=set)
    """Folders that hold class folders."""
    nested: list[tuple[str, list[str]]] = field(default_factory=list)
    """(class folder, its subfolders) of class folders that have some."""

    names: dict[str, str] = field(default_factory=dict)
    """Class to its label, if the label is not a valid folder name."""
    no_labels: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of files next to the images that no labels were read from."""

    labels_from: str = ""
    """The label files that are used."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that are trained on."""
        return tuple(sorted({p.class_name for p in self.placed if p.role == "train"}))

    def warn_of_settings(self, paths: Iterable[str], read: str) -> None:
        """Warns of files that look like settings of the data set but are not read."""
        for path in paths:
            if path != read and _SETTINGS.search(path) and not _HIDDEN.search(path):
                self.warnings.append(f"'{path}' is not read: settings are read from '{read}' only.")

    def place(self, folder: Folder, role: Role, domain: str, class_name: str) -> None:
        """Gives every image of a folder this class and domain."""
        if not folder.inside:
            self.homes.add(folder.path.rpartition("/")[0])
        inner = [name for name in folder.folders if not is_wrapper_name(name)]
        if inner:
            self.nested.append((folder.path, inner))
        self.placed += [
            PlacedImage(path, role, domain, class_name, folder.name_inside(path))
            for path in folder.all_images()
        ]

    def ignore(self, folder: Folder, reason: str) -> None:
        """Leaves out a folder of images, with a warning."""
        there = list(folder.all_images())
        # Labels and joined folders can mix images of several folders: then each path is listed.
        apart = [p for p in there if self.labels_from or not p.startswith(f"{folder.path}/")]
        whole = [f"{folder.path}/"] if len(apart) < len(there) else []
        self.ignored += [(path, reason) for path in (*whole, *apart)]
        end = "" if reason.endswith("?") else "."
        self.warnings.append(
            f"'{folder.path}' is ignored ({images(folder.count())}): {reason}{end}"
        )

    def ignore_loose(self, folder: Folder) -> None:
        """Leaves out images that lie next to the class folders instead of in one."""
        self.ignored += [(path, "in no class folder") for path in folder.images]
        if folder.images:
            where = f"directly in '{folder.path}'" if folder.path else "outside of every folder"
            self.warnings.append(
                f"{images(len(folder.images))} {where} left out: in no class folder."
            )

    def report(self) -> IngestReport:
        """The report for the user."""
        ignored = sorted(self.ignored, key=lambda entry: natural_key(entry[0]))
        return IngestReport(tuple(self.understood), tuple(ignored), tuple(self.warnings))

    def say_classes(self, classes: Sequence[str]) -> None:
        """Reports the classes, and the number of images of each split."""
        counts = Counter(p.role for p in self.placed)
        shown = ", ".join(
            f"{counts[role]} {role}" for role in ("train", "val", "test") if counts[role]
        )
        self.understood.append(
            f"{counted(len(classes), 'class', 'classes')} ({some(classes)}): {shown} images."
        )
        if self.nested:
            (folder, inner), more = self.nested[0], len(self.nested) - 1
            also = f", as in {counted(more, 'other folder', 'other folders')}" if more else ""
            self.understood.append(
                f"Images in subfolders count to their class: '{folder}' holds {some(inner)}{also}."
            )
        missing = [role for role in ("val", "test") if not counts[role]]
        if missing:
            self.understood.append(
                f"No {' and no '.join(missing)} folder: their images are cut from train."
            )

    def say_ood(self) -> None:
        """Reports the OOD domains, if there are any."""
        domains = Counter(p.domain for p in self.placed if p.role == "ood")
        if domains:
            shown = ", ".join(f"{name.removeprefix('ood/')} ({n})" for name, n in domains.items())
            self.understood.append(f"OOD domains: {shown}.")

    def warn_of_lookalikes(self, folder: Folder) -> None:
        """Warns of folders whose names look the same but differ: they are read as one."""
        first: dict[str, str] = {}
        for name, inner in folder.folders.items():
            composed = normalize("NFC", name)  # macOS itself decomposes accents
            other = first.setdefault(nfc(name), composed)
            if other != composed:
                self.warnings.append(
                    f"Two folders are called '{nfc(name)}' and differ only in what cannot be seen, "
                    "such as a space at the end: they are read as one. Merge or rename them."
                )
            self.warn_of_lookalikes(inner)

    def warn_of_twins(self, classes: Sequence[str]) -> None:
        """Warns of classes whose names differ only in case or spelling."""
        first: dict[str, str] = {}
        for name in classes:
            other = first.setdefault(fold(name), name)
            if other != name:
                self.warnings.append(
                    f"'{other}' and '{name}' are two classes. If they are one, merge the folders."
                )


def images(count: int) -> str:
    """`1 image`, `2 images`."""
    return counted(count, "image", "images")


def files(count: int) -> str:
    """`1 file`, `2 files`."""
    return counted(count, "file", "files")


def counted(count: int, one: str, many: str) -> str:
    """A number and its noun."""
    return f"1 {one}" if count == 1 else f"{count} {many}"


def some(names: Sequence[str]) -> str:
    """The first five of many names."""
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown}, … {len(names) - 5} more"


_NEVER_OURS = ("hidden", "macOS archive metadata", "made by the operating system")
_NO_IMAGES = frozenset(
    {"txt", "md", "rst", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "html", "log"}
    | {"py", "ipynb", "sh", "m", "cfg", "ini", "names"}
)
"""Extensions of text files. A folder with only these was never a class of images."""


def vanished(
    ignored: Iterable[tuple[str, str]], images: Iterable[str], homes: Collection[str]
) -> list[str]:
    """One sentence for every class folder without an image. `homes` are the folders around classes.

    `ignored` are the files that are not read, with the reason; an empty folder ends in `/`.
    """
    filled = {above for path in images for above in _above(path)}
    gone: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, reason in ignored:
        if reason in _NEVER_OURS:
            continue
        for folder in _above(path):
            if folder.rpartition("/")[0] in homes and folder not in filled:
                gone[folder].append((path, reason))
    return [
        _sentence(folder, files)
        for folder, files in gone.items()
        if not is_mask_name(folder.rpartition("/")[2]) and not _are_papers(files)
    ]


def _above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _are_papers(files: Sequence[tuple[str, str]]) -> bool:
    names = [path.rpartition("/")[2] for path, _ in files]
    return all(name.rpartition(".")[2].lower() in _NO_IMAGES for name in names)


def _sentence(folder: str, files: Sequence[tuple[str, str]]) -> str:
    name = folder.rpartition("/")[2]
    missing = f"Class '{name}' has no image"
    if split_of(name) or is_ood_name(name):
        missing = "It has no image of any class"
    there = [(path, reason) for path, reason in files if not path.endswith("/")]
    if not there:
        return f"{missing}: '{folder}' is empty."
    kinds = sorted({path.rpartition(".")[2].upper() for path, _ in there})
    return (
        f"{missing} that can be read: '{folder}' holds {counted(len(there), 'file', 'files')} "
        f"({some(kinds)}) such as '{there[0][0]}', {there[0][1]}."
    )
