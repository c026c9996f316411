"""Reads a list of paths as a data set: the split, domain and class of each image.

If two readings are possible, the one that cannot mix test images into training is used, and the
report says so. Nothing here writes files.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from core.data.dataset import IngestReport
from core.data.layout.folder import Folder
from core.data.layout.labelled import read_labels
from core.data.layout.notes import LayoutNotes, files, some, vanished
from core.data.layout.notes import PlacedImage as PlacedImage
from core.data.layout.reading import UNNAMED_DOMAIN as UNNAMED_DOMAIN
from core.data.layout.reading import find_base, read_base, read_ood
from core.data.layout.shapes import drop_masks, look_like_parts, reshaped
from core.data.layout.sidecars import NOTHING
from core.data.layout.sidecars import Sidecars as Sidecars
from core.data.names import (
    OWN_FILES,
    SETTINGS_NAME,
    is_wrapper_name,
    natural_key,
    split_of,
    stray_reason,
)
from core.data.settings import DatasetSettings
from core.errors import UserError

_READ = "JPEG, PNG, WebP, BMP, GIF and TIFF"


@dataclass(frozen=True)
class Layout:
    """A list of paths, read as a data set."""

    base: str
    """The folder of the data set; `""` if the paths are relative to it already."""
    classes: tuple[str, ...]
    placed: tuple[PlacedImage, ...]
    report: IngestReport
    names: Mapping[str, str] = field(default_factory=dict)
    """Class to its label, if the label is not a valid folder name."""


def read_layout(
    paths: Iterable[str], label: str, least_classes: int = 2, sidecars: Sidecars = NOTHING
) -> Layout:
    """Finds the place of every image among `paths` (POSIX; an empty folder ends in `/`).

    `label` is the name of the data in errors; `sidecars` reads the files that are not images.
    Raises `UserError` if there is nothing to train on.
    """
    paths = list(paths)
    notes = LayoutNotes()
    root = _sort_out(paths, notes, label)
    notes.warn_of_lookalikes(root)
    settings = sidecars.settings(paths)
    stray = list(notes.ignored)
    root = read_labels(root, notes, sidecars, lambda: _by_folder(root, settings))
    base = _read(root, settings, notes)
    # Compared with the files that were not read, so that a class that lost all its images is named.
    gone = vanished(stray, root.all_images(), notes.homes)
    notes.warnings += gone
    home = _above_all(base.path, notes)
    if home:
        notes.understood.insert(0, f"The data set lies in the folder '{home}'.")
    classes = notes.classes
    if len(classes) < least_classes or (not _meant(classes) and _not_understood(label, notes)):
        raise _too_few_classes(base, label, least_classes, notes, gone)
    notes.warn_of_twins(classes)
    if look_like_parts(classes) or any(map(is_wrapper_name, classes)):
        notes.warnings.append(
            f"The classes ({some(classes)}) do not look like names of classes. Put the images of "
            "each class into a folder named after it, or a table of labels next to the images."
        )
    placed = sorted(notes.placed, key=lambda p: natural_key(p.path))
    prefix = f"{home}/" if home else ""
    notes.warn_of_settings(paths, f"{prefix}{SETTINGS_NAME}")
    placed = [replace(p, path=p.path.removeprefix(prefix)) for p in placed]
    return Layout(home, classes, tuple(placed), notes.report(), notes.names)


def read_ood_layout(
    paths: Iterable[str],
    label: str,
    classes: Sequence[str],
    domain: str | None = None,
    sidecars: Sidecars = NOTHING,
) -> Layout:
    """Does the same for a folder with only OOD images of known classes.

    The domain is the folder around the class folders, unless `domain` names it. Raises `UserError`
    if no folder has the name of a class.
    """
    notes = LayoutNotes()
    root = _sort_out(paths, notes, label)
    root = read_labels(root, notes, sidecars, lambda: _by_known_folder(root, classes))
    notes.ignore_loose(root)
    read_ood(root, classes, notes, domain)
    if not notes.placed:
        raise _not_understood(label, notes) or UserError(
            f"'{label}': no folder is named like a class of the training data "
            f"({some(classes)}). Put the images of each class into a folder of its name."
        )
    notes.say_ood()
    placed = sorted(notes.placed, key=lambda p: natural_key(p.path))
    return Layout("", tuple(classes), tuple(placed), notes.report())


def _sort_out(paths: Iterable[str], notes: LayoutNotes, label: str) -> Folder:
    """The tree of images. All other files go to the notes."""
    root = Folder("")
    others = 0
    for path in sorted(paths, key=natural_key):
        if path.rpartition("/")[2] in OWN_FILES:
            continue
        reason = stray_reason(path)
        if reason:
            notes.ignored.append((path, reason))
            others += not path.endswith("/")
            continue
        root.down(path.split("/")[:-1]).images.append(path)
    if not root.images and not root.folders:
        if not others:
            raise UserError(f"'{label}' is empty. Put the images of each class into a folder.")
        example, reason = next(entry for entry in notes.ignored if not entry[0].endswith("/"))
        raise UserError(
            f"'{label}' has no images, only {files(others)} such as '{example}' ({reason}). "
            f"{_READ} files are read, in one folder per class."
        )
    unread = [path for path, reason in notes.ignored if "are not read" in reason]
    if unread:
        notes.warnings.append(
            f"{files(len(unread))} such as '{unread[0]}' cannot be read: save them as JPEG or PNG."
        )
    return root


def _read(root: Folder, settings: DatasetSettings, notes: LayoutNotes) -> Folder:
    """Places all images of a tree. Returns the folder that is the data set."""
    drop_masks(root, notes)
    found = find_base(root, notes)
    base = reshaped(found, settings, notes)
    read_base(base, notes)
    return base


def _above_all(folder: str, notes: LayoutNotes) -> str:
    """The folder, or the nearest one above it, that holds all images.

    A label file may place images outside of the data set's own folder.
    """
    while folder and not all(p.path.startswith(f"{folder}/") for p in notes.placed):
        folder = folder.rpartition("/")[0]
    return folder


def _by_folder(root: Folder, settings: DatasetSettings) -> dict[str, str]:
    """The class of each image by its folder; empty if folders are not classes."""
    notes = LayoutNotes()
    try:
        _read(deepcopy(root), settings, notes)
    except UserError:
        return {}
    return {p.path: p.class_name for p in notes.placed} if len(notes.classes) > 1 else {}


def _by_known_folder(root: Folder, classes: Sequence[str]) -> dict[str, str]:
    notes = LayoutNotes()
    read_ood(deepcopy(root), classes, notes)
    return {p.path: p.class_name for p in notes.placed}


def _too_few_classes(
    base: Folder, label: str, least: int, notes: LayoutNotes, gone: Sequence[str]
) -> UserError:
    found = {split_of(name) or "ood" for name, f in base.folders.items() if f.is_reserved}
    if found and "train" not in found and not notes.classes:
        return UserError(
            f"'{label}' has no training images, only {' and '.join(sorted(found))}. "
            "Add train/<class>/*."
        )
    if unread := _not_understood(label, notes):
        return unread
    classes = _meant(notes.classes)
    got = f"{len(classes)} ('{classes[0]}')" if classes else "0: no image is in a class folder"
    if notes.labels_from:
        got += f", by the labels in {notes.labels_from}"
    return UserError(
        f"'{label}': at least {least} {'class is' if least == 1 else 'classes are'} needed, "
        f"got {got}. {' '.join([*gone[:3], ''])}Put the images of each class into a folder named "
        "after it."
    )


def _meant(classes: Iterable[str]) -> list[str]:
    """The classes that are not named like a split or like `images`."""
    return [name for name in classes if not is_wrapper_name(name) and not split_of(name)]


def _not_understood(label: str, notes: LayoutNotes) -> UserError | None:
    """The error for a label file that cannot be read, if its labels would be needed; else None."""
    of_tables = [(p, why) for p, why in notes.no_labels if not p.lower().endswith((".txt", ".xml"))]
    if notes.labels_from or not of_tables:
        return None
    path, reason = of_tables[0]
    return UserError(
        f"'{label}': no labels were read from '{path}': {reason}. It must name the file and the "
        "class of each image, such as in columns 'file_name' and 'label'; or put the images of "
        "each class into a folder named after it."
    )
