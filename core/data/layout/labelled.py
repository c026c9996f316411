"""Applies label files: puts every labelled image into a folder of its class.

If the class folders agree with a label file, the folders are used and the file is ignored. If the
file gives another class for most images, the file is used.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from os.path import commonpath

from core.data.labels import ImageIndex
from core.data.layout.domains import DOMAIN, words_of
from core.data.layout.folder import Folder
from core.data.layout.gathered import GatheredLabels, gather, label_files
from core.data.layout.notes import LayoutNotes, counted, images, some
from core.data.layout.sidecars import Sidecars
from core.data.names import (
    fold,
    is_ood_name,
    is_wrapper_name,
    matching_class,
    safe_name,
    split_of,
)

_AGREE = 0.9
_SPREADSHEETS = (".xlsx", ".xls", ".ods", ".numbers", ".parquet", ".arrow", ".feather")


def read_labels(
    root: Folder, notes: LayoutNotes, sidecars: Sidecars, by_folder: Callable[[], Mapping[str, str]]
) -> Folder:
    """The tree with every labelled image in a folder of its class; `root` if folders are used.

    `by_folder` returns the class of each image by its folder; empty if folders are not classes.
    """
    notes.no_labels = [
        (path, "it is a spreadsheet; save it as CSV")
        for path, _ in notes.ignored
        if path.lower().endswith(_SPREADSHEETS)
    ]
    candidates = label_files(path for path, _ in notes.ignored)
    if not candidates:
        return root
    found = gather(candidates, ImageIndex(root.all_images()), sidecars.read)
    notes.no_labels += found.not_read
    if not found.label:
        few = [(file.path, "all its images have more than one label") for file in found.files]
        notes.no_labels = few + notes.no_labels
        return root
    folders = by_folder()
    used = _to_use(found, folders, notes)
    if not used or (not found.sure and len(set(used.values())) < 2):
        return root
    folders_count = bool(folders) and used.keys().isdisjoint(folders)
    found.label = used
    return _rebuilt(root, found, folders_count, notes)


def _to_use(
    found: GatheredLabels, folders: Mapping[str, str], notes: LayoutNotes
) -> dict[str, str]:
    """The labels to use: all of them, only those of images outside of class folders, or none."""
    both = [(folders[image], label) for image, label in found.label.items() if image in folders]
    loose = {i: label for i, label in found.label.items() if i not in folders} if found.sure else {}
    if not both:
        return loose if folders else found.label
    # Folders agree with the file if names are the same, or if each folder has one label of its own
    # (`n02123045` for `tabby`). `most` is the commonest label of each folder.
    pairs = Counter(both)
    most = {name: max((n, y) for (x, y), n in pairs.items() if x == name) for name, _ in both}
    alike = sum(n for (name, label), n in pairs.items() if _is_same(name, label))
    pure = sum(n for n, _ in most.values())
    named = {label: name for name, (_, label) in most.items()}
    if alike >= _AGREE * len(both) or (pure >= _AGREE * len(both) and 1 < len(named) == len(most)):
        others = len(both) - max(alike, pure)
        if others and found.sure:
            notes.warnings.append(
                f"'{found.files[0].path}' gives {images(others)} another class than the folder: "
                "the folder is used."
            )
        found.several.clear()
        return {image: named.get(label, label) for image, label in loose.items()}
    several_classes = len({label for _, label in both}) > 1
    decides = found.sure and several_classes and 2 * len(found.label) >= len(folders)
    return found.label if decides else {}


def _is_same(folder: str, label: str) -> bool:
    return fold(folder) == fold(label) or fold(safe_name(label)) == fold(folder)


def _rebuilt(
    root: Folder, found: GatheredLabels, folders_count: bool, notes: LayoutNotes
) -> Folder:
    """The tree of images by label. Images without a usable label are left out and noted.

    Other images stay in place if `folders_count`, or if their folder is named like a class.
    """
    notes.labels_from = ", ".join(f"'{file.path}'" for file in found.files[:3])
    names = _class_folders(found.label.values())
    classes = list(names.values())
    notes.names = {folder: label for label, folder in names.items() if folder != label}
    found.source = {image: file for image, file in found.source.items() if image in found.label}
    used = {path.rpartition("/")[0] for path in (*found.label, *found.several)}
    kept = _kept_folders(found.label)
    homes = {image: _home(image, found, kept) for image in found.label}
    origins: dict[tuple[str, ...], str] = {}
    for image, home in homes.items():
        folder = image.rpartition("/")[0]
        origins[home] = commonpath([origins.get(home, folder), folder]) if folder else ""
    tree = Folder("")
    unlabelled = []
    for path in root.all_images():
        folder = path.rpartition("/")[0]
        if path in found.several:
            reason = f"it has several labels in '{found.several[path].path}'"
            notes.ignored.append((path, reason))
        elif path in found.label:
            home = homes[path]
            target = tree.down([*home, names[found.label[path]]])
            target.images.append(path)
            target.inside[path] = path.removeprefix(f"{origins[home]}/" if origins[home] else "")
        elif folder in used or not (folders_count or _holds(folder, classes)):
            unlabelled.append(path)
            notes.ignored.append((path, f"no label in '{found.files[0].path}'"))
        else:
            tree.down(folder.split("/") if folder else []).images.append(path)
    _say(found, unlabelled, notes)
    return tree


def _holds(folder: str, classes: Sequence[str]) -> bool:
    """True if a folder, or one above it, is named like a class."""
    return any(matching_class(part, classes) for part in folder.split("/"))


def _class_folders(labels: Iterable[str]) -> dict[str, str]:
    """Label to a folder name that every file system allows; different labels stay different."""
    folders: dict[str, str] = {}
    taken: set[str] = set()
    for label in sorted(set(labels)):
        name, number = safe_name(label), 1
        while (folder := name if number == 1 else f"{name}-{number}") in taken:
            number += 1
        taken.add(folder)
        folders[label] = folder
    return folders


def _kept_folders(labelled: Iterable[str]) -> set[str]:
    """Names of folders around labelled images that are domains."""
    names = {part for path in labelled for part in path.split("/")[:-1]}
    domains = {name for name in names if DOMAIN.fullmatch(words_of(name))}
    return domains if len(domains) > 1 else set()


def _home(image: str, found: GatheredLabels, kept: set[str]) -> tuple[str, ...]:
    """The folders around the class folder: those above the label file, splits and domains."""
    folders = image.split("/")[:-1]
    above = found.source[image].path.split("/")[:-1]
    shared = 0
    while folders[shared : shared + 1] and folders[: shared + 1] == above[: shared + 1]:
        shared += 1
    home = []
    for n, name in enumerate(folders):
        in_ood = n > 0 and is_ood_name(folders[n - 1])
        stays = split_of(name) or is_ood_name(name) or in_ood or name in kept or n < shared
        if stays and not is_wrapper_name(name):
            home.append(name)
    said = found.split.get(image)
    if said and not any(split_of(name) == said for name in home):
        return (*(name for name in home if not split_of(name)), said)
    alone = not any(split_of(name) or is_ood_name(name) for name in home)
    return (*home, found.role[image]) if alone and image in found.role else tuple(home)


def _say(found: GatheredLabels, unlabelled: Sequence[str], notes: LayoutNotes) -> None:
    counts = Counter(file.path for file in found.source.values())
    for file in found.files:
        notes.understood.append(
            f"Labels of {images(counts[file.path])} were read from '{file.path}' ({file.source})."
        )
        if file.encoding:
            labels = {found.label[image] for image, by in found.source.items() if by is file}
            told = some(sorted(label for label in labels if not label.isascii()))
            notes.warnings.append(
                f"'{file.path}' is not UTF-8; read as {file.encoding}{told and ': '}{told}. "
                "If names look wrong, save it as UTF-8."
            )
        missing = found.missing.get(file.path, [])
        if missing:
            are = "row names" if len(missing) == 1 else "rows name"
            notes.warnings.append(
                f"{len(missing)} {are} no existing image, or more than one, in "
                f"'{file.path}', such as '{missing[0][:200]}'."
            )
    if lost := sorted(found.lost.difference(found.label.values(), found.united)):
        notes.warnings.append(
            f"{counted(len(lost), 'class', 'classes')} in {notes.labels_from} without an existing "
            f"image: {some(lost)}."
        )
    for label, usual in sorted(found.united.items()):
        notes.understood.append(f"The label '{label}' is read as '{usual}'.")
    if found.several:
        first = next(iter(found.several))
        notes.warnings.append(
            f"{images(len(found.several))} such as '{first}' left out: more than one label in "
            f"'{found.several[first].path}'."
        )
    if unlabelled:
        notes.warnings.append(
            f"{images(len(unlabelled))} such as '{unlabelled[0]}' left out: no label in "
            f"{notes.labels_from}."
        )
    if found.conflicts:
        notes.warnings.append(
            f"{images(len(found.conflicts))} such as '{found.conflicts[0]}' "
            f"{'has' if len(found.conflicts) == 1 else 'have'} different labels in different "
            f"files: '{found.source[found.conflicts[0]].path}' is used."
        )
    read = {file.path for file in found.files}
    notes.ignored = [entry for entry in notes.ignored if entry[0] not in read]
