"""Which image is what: from a list of paths to split, domain and class of each. Pure.

Where two readings are possible, the one is taken that cannot mix test images into training, and
the report says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.data.dataset import IngestReport
from core.data.layout.folder import Folder
from core.data.layout.notes import Notes, files, some
from core.data.layout.notes import Placed as Placed
from core.data.layout.reading import UNNAMED_DOMAIN as UNNAMED_DOMAIN
from core.data.layout.reading import find_base, read_base, read_ood
from core.data.names import SETTINGS_NAME, natural_key, split_of, stray_reason
from core.errors import UserError

_READ = "JPEG, PNG, WebP, BMP, GIF and TIFF"


@dataclass(frozen=True)
class Layout:
    """What a list of paths was understood as."""

    base: str
    """The folder that holds the data set, `""` when that is where the paths start."""
    classes: tuple[str, ...]
    placed: tuple[Placed, ...]
    report: IngestReport


def read_layout(paths: Iterable[str], label: str, least_classes: int = 2) -> Layout:
    """The place of every image among `paths` (POSIX; an empty folder ends in `/`).

    `label` is what errors call the data. Raises `UserError` when there is nothing to train on.
    """
    notes = Notes()
    root = _sort_out(paths, notes, label)
    base = find_base(root, notes)
    read_base(base, notes)
    if base.path:
        notes.understood.insert(0, f"The data set lies in the folder '{base.path}'.")
    classes = tuple(sorted({p.class_name for p in notes.placed if p.role == "train"}))
    if len(classes) < least_classes:
        raise _too_few_classes(classes, base, label, least_classes)
    notes.warn_of_twins(classes)
    placed = sorted(notes.placed, key=lambda p: natural_key(p.path))
    prefix = f"{base.path}/" if base.path else ""
    placed = [replace(p, path=p.path.removeprefix(prefix)) for p in placed]
    return Layout(base.path, classes, tuple(placed), notes.report())


def read_ood_layout(
    paths: Iterable[str], label: str, classes: Sequence[str], domain: str | None = None
) -> Layout:
    """The same for a folder that holds nothing but OOD images of classes known already.

    The domain is the folder around the class folders, unless `domain` names it. Raises `UserError`
    when no folder is called like a class.
    """
    notes = Notes()
    root = _sort_out(paths, notes, label)
    notes.ignore_loose(root)
    read_ood(root, classes, notes, domain)
    if not notes.placed:
        raise UserError(
            f"'{label}': no folder is named like a class of the training data "
            f"({some(classes)}). Put the images of each class into a folder of its name."
        )
    notes.say_ood()
    placed = sorted(notes.placed, key=lambda p: natural_key(p.path))
    return Layout("", tuple(classes), tuple(placed), notes.report())


def _sort_out(paths: Iterable[str], notes: Notes, label: str) -> Folder:
    """The tree of images; everything else goes to the notes."""
    root = Folder("")
    others = 0
    for path in sorted(paths, key=natural_key):
        if path.rpartition("/")[2] == SETTINGS_NAME:
            continue
        reason = stray_reason(path)
        if reason:
            notes.ignored.append((path, reason))
            others += not path.endswith("/")
            continue
        folder = root
        for part in path.split("/")[:-1]:
            inner = f"{folder.path}/{part}" if folder.path else part
            folder = folder.folders.setdefault(part, Folder(inner))
        folder.images.append(path)
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


def _too_few_classes(classes: Sequence[str], base: Folder, label: str, least: int) -> UserError:
    found = {split_of(name) or "ood" for name, f in base.folders.items() if f.is_reserved}
    if found and "train" not in found and not classes:
        return UserError(
            f"'{label}' has no training images, only {' and '.join(sorted(found))}. "
            "Add train/<class>/*."
        )
    got = f"{len(classes)} ('{classes[0]}')" if classes else "0: no image is in a class folder"
    return UserError(
        f"'{label}': at least {least} {'class is' if least == 1 else 'classes are'} needed, "
        f"got {got}. Put the images of each class into a folder named after it."
    )
