"""Which image is what: from a list of paths to split, domain and class of each. Pure.

Where two readings are possible, the one is taken that cannot mix test images into training, and
the report says so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from core.data.dataset import IngestReport, Role
from core.data.names import (
    SETTINGS_NAME,
    fold,
    is_ood_name,
    matching_class,
    natural_key,
    nfc,
    split_of,
    stray_reason,
)
from core.errors import UserError

UNNAMED_DOMAIN = "unnamed"
"""The OOD domain of `ood/<class>/*`, where the level that names the domain is missing."""

_READ = "JPEG, PNG, WebP, BMP, GIF and TIFF"
_FLAT = "its images are in no class folder"


@dataclass(frozen=True)
class Placed:
    """One image and its place. `path` is relative to the layout's base."""

    path: str
    role: Role
    domain: str
    """`train`, `val`, `test` or `ood/<name>`."""
    class_name: str
    name: str
    """The path inside the class folder."""


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
    notes = _Notes()
    root = _sort_out(paths, notes, label)
    base = _find_base(root, notes)
    _read_base(base, notes)
    if base.path:
        notes.understood.insert(0, f"The data set lies in the folder '{base.path}'.")
    classes = tuple(sorted({p.class_name for p in notes.placed if p.role == "train"}))
    if len(classes) < least_classes:
        raise _too_few_classes(classes, base, label, least_classes)
    _warn_of_twins(classes, notes)
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
    notes = _Notes()
    root = _sort_out(paths, notes, label)
    notes.ignore_loose(root)
    _read_ood(root, classes, notes, domain)
    if not notes.placed:
        raise UserError(
            f"'{label}': no folder is named like a class of the training data "
            f"({_some(classes)}). Put the images of each class into a folder of its name."
        )
    _say_ood(notes)
    placed = sorted(notes.placed, key=lambda p: natural_key(p.path))
    return Layout("", tuple(classes), tuple(placed), notes.report())


@dataclass
class _Folder:
    """A folder that holds images, here or further down."""

    path: str
    images: list[str] = field(default_factory=list)
    folders: dict[str, "_Folder"] = field(default_factory=dict)

    def all_images(self) -> Iterator[str]:
        yield from self.images
        for folder in self.folders.values():
            yield from folder.all_images()

    def count(self) -> int:
        return sum(1 for _ in self.all_images())


@dataclass
class _Notes:
    """What is being found out."""

    placed: list[Placed] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def place(self, folder: _Folder, role: Role, domain: str, class_name: str) -> None:
        cut = len(folder.path) + 1
        self.placed += [
            Placed(path, role, domain, class_name, path[cut:]) for path in folder.all_images()
        ]

    def ignore(self, folder: _Folder, reason: str) -> None:
        """Leave out a folder of images; that is always worth a warning."""
        self.ignored.append((f"{folder.path}/", reason))
        end = "" if reason.endswith("?") else "."
        self.warnings.append(
            f"'{folder.path}' is ignored ({_images(folder.count())}): {reason}{end}"
        )

    def ignore_loose(self, folder: _Folder) -> None:
        """Leave out images that lie beside folders instead of in one."""
        self.ignored += [(path, "in no class folder") for path in folder.images]
        if folder.images:
            where = f"directly in '{folder.path}'" if folder.path else "outside of every folder"
            self.warnings.append(
                f"{_images(len(folder.images))} {where} left out: in no class folder."
            )

    def report(self) -> IngestReport:
        ignored = sorted(self.ignored, key=lambda entry: natural_key(entry[0]))
        return IngestReport(tuple(self.understood), tuple(ignored), tuple(self.warnings))


def _sort_out(paths: Iterable[str], notes: _Notes, label: str) -> _Folder:
    """The tree of images; everything else goes to the notes."""
    root = _Folder("")
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
            folder = folder.folders.setdefault(part, _Folder(inner))
        folder.images.append(path)
    if not root.images and not root.folders:
        if not others:
            raise UserError(f"'{label}' is empty. Put the images of each class into a folder.")
        example, reason = next(entry for entry in notes.ignored if not entry[0].endswith("/"))
        raise UserError(
            f"'{label}' has no images, only {_files(others)} such as '{example}' ({reason}). "
            f"{_READ} files are read, in one folder per class."
        )
    unread = [path for path, reason in notes.ignored if "are not read" in reason]
    if unread:
        notes.warnings.append(
            f"{_files(len(unread))} such as '{unread[0]}' cannot be read: save them as JPEG or PNG."
        )
    return root


def _find_base(root: _Folder, notes: _Notes) -> _Folder:
    """Go down through folders that only wrap the data set."""
    base = root
    while True:
        inner = _wrapped(base)
        if inner is None:
            return base
        notes.ignore_loose(base)
        for folder in base.folders.values():
            if folder is not inner:
                notes.ignore(folder, f"outside of '{inner.path}', which holds the data set")
        base = inner


def _wrapped(folder: _Folder) -> _Folder | None:
    """The one folder in `folder` that is the data set; None when `folder` is it."""
    if any(_is_reserved(inner) for inner in folder.folders.values()):
        return None
    if len(folder.folders) == 1:
        (only,) = folder.folders.values()
        several = len(only.folders) >= 2
        if several or _holds_train(only) or (only.folders and not only.images):
            return only
        return None
    with_splits = [f for f in folder.folders.values() if any(split_of(name) for name in f.folders)]
    return with_splits[0] if len(with_splits) == 1 and _holds_train(with_splits[0]) else None


def _read_base(base: _Folder, notes: _Notes) -> None:
    splits = {name: f for name, f in base.folders.items() if _is_split(f)}
    ood = [f for f in base.folders.values() if _is_ood(f)]
    rest = {n: f for n, f in base.folders.items() if not _is_reserved(f)}
    trained = {n for name, f in splits.items() if split_of(name) == "train" for n in f.folders}
    # A lone folder in `train`, beside other folders, is a collection of vehicles.
    if len(trained) >= 2 or (trained and all(_is_flat_split(f) for f in rest.values())):
        _read_splits(splits, notes)
        for folder in rest.values():
            notes.ignore(folder, _why_beside_train(folder, trained))
    elif not splits and rest and all(_is_class_of_splits(f) for f in rest.values()):
        _read_class_first(rest, notes)
    else:
        _read_plain(splits, rest, notes)
    notes.ignore_loose(base)
    classes = sorted({p.class_name for p in notes.placed if p.role == "train"})
    if classes:
        _say_classes(notes, classes)
        for folder in ood:
            notes.ignore_loose(folder)
            _read_ood(folder, classes, notes)
        _say_ood(notes)


def _why_beside_train(folder: _Folder, classes: Iterable[str]) -> str:
    if _is_flat_split(folder):
        return _FLAT
    if any(matching_class(name, [*classes]) for name in folder.folders):
        return f"it lies beside 'train'; move an OOD domain to ood/{_name(folder)}"
    return "it lies beside 'train'"


def _read_splits(splits: dict[str, _Folder], notes: _Notes) -> None:
    """DATA/train/<class>/*, DATA/val/<class>/*, DATA/test/<class>/*, however they are spelled."""
    for name, folder in splits.items():
        role = split_of(name)
        if role == "train":
            notes.ignore_loose(folder)
            for inner_name, inner in folder.folders.items():
                notes.place(inner, role, role, nfc(inner_name))
    classes = sorted({p.class_name for p in notes.placed})
    for name, folder in splits.items():
        role = split_of(name)
        if role and role != "train":
            notes.ignore_loose(folder)
            _read_classes(folder, role, role, classes, notes)
        if role and name != role:
            notes.understood.append(f"'{name}' is the {role} split.")


def _read_plain(splits: dict[str, _Folder], rest: dict[str, _Folder], notes: _Notes) -> None:
    """DATA/<class>/*, perhaps with a test or val folder of the same classes beside."""
    # `train/*.jpg` beside `bus/*.jpg` is a class; `test/*.jpg` there is a test without labels.
    classes = [nfc(n) for n, f in rest.items() if not _is_flat_split(f) or split_of(n) == "train"]
    for name, folder in rest.items():
        if nfc(name) not in classes:
            notes.ignore(folder, _FLAT)
            continue
        if split_of(name):
            notes.understood.append(f"'{name}' is read as a class: no class folders are in it.")
        nested = [inner for inner in folder.folders if split_of(inner)]
        if nested:
            notes.warnings.append(
                f"All images below '{folder.path}' are read as class '{name}', those in "
                f"'{nested[0]}' too. For a split, use {nested[0]}/{name} instead."
            )
        notes.place(folder, "train", "train", nfc(name))
    for name, folder in splits.items():
        role = split_of(name)
        matches = [inner for inner in folder.folders if matching_class(inner, classes)]
        if role and role != "train" and (matches or not classes):
            notes.ignore_loose(folder)
            _read_classes(folder, role, role, classes, notes)
            notes.understood.append(f"'{name}' beside the class folders is the {role} split.")
        else:
            notes.place(folder, "train", "train", nfc(name))
            notes.understood.append(
                f"'{name}' is read as a class: its folders are not named like the other classes."
            )


def _read_class_first(rest: dict[str, _Folder], notes: _Notes) -> None:
    """DATA/<class>/train/*, DATA/<class>/test/*."""
    for name, folder in rest.items():
        splits = [(split_of(inner), f) for inner, f in folder.folders.items()]
        if "train" not in (role for role, _ in splits):
            notes.ignore(folder, "none of its images are for training")
            continue
        for role, inner in splits:
            assert role is not None
            notes.place(inner, role, role, nfc(name))
    notes.understood.append("The split folders lie inside the class folders.")


def _read_classes(
    parent: _Folder, role: Role, domain: str, classes: Sequence[str], notes: _Notes
) -> None:
    """Place every class folder in `parent` that is named like one of `classes`."""
    for name, folder in parent.folders.items():
        class_name = matching_class(name, classes)
        if class_name is None:
            notes.ignore(folder, _not_a_class(name, classes))
            continue
        if class_name != nfc(name):
            notes.understood.append(f"'{folder.path}' is read as class '{class_name}'.")
        notes.place(folder, role, domain, class_name)


def _read_ood(
    ood: _Folder, classes: Sequence[str], notes: _Notes, domain: str | None = None
) -> None:
    """`<domain>/<class>/*` below `ood`, also with the domain level missing or others around it."""
    for name, folder in ood.folders.items():
        if any(matching_class(inner, classes) for inner in folder.folders):
            notes.ignore_loose(folder)
            _read_classes(folder, "ood", f"ood/{domain or nfc(name)}", classes, notes)
        elif class_name := matching_class(name, classes):
            if class_name != nfc(name):
                notes.understood.append(f"'{folder.path}' is read as class '{class_name}'.")
            notes.place(folder, "ood", f"ood/{domain or UNNAMED_DOMAIN}", class_name)
        elif _holds_class(folder, classes):
            notes.ignore_loose(folder)
            # A split inside a domain does not name it: ood/sketch/test/<class>.
            split = all(split_of(inner) for inner in folder.folders)
            _read_ood(folder, classes, notes, domain or (nfc(name) if split else None))
        elif folder.folders:
            notes.ignore_loose(folder)
            for inner_name, inner in folder.folders.items():
                notes.ignore(inner, _not_a_class(inner_name, classes))
        else:
            notes.ignore(folder, _not_a_class(name, classes))


def _say_classes(notes: _Notes, classes: Sequence[str]) -> None:
    counts = Counter(p.role for p in notes.placed)
    shown = ", ".join(f"{counts[role]} {role}" for role in ("train", "val", "test") if counts[role])
    notes.understood.append(
        f"{_counted(len(classes), 'class', 'classes')} ({_some(classes)}): {shown} images."
    )
    missing = [role for role in ("val", "test") if not counts[role]]
    if missing:
        notes.understood.append(
            f"No {' and no '.join(missing)} folder: what the shots leave of train is used."
        )


def _say_ood(notes: _Notes) -> None:
    domains = Counter(p.domain for p in notes.placed if p.role == "ood")
    if domains:
        shown = ", ".join(f"{name.removeprefix('ood/')} ({n})" for name, n in domains.items())
        notes.understood.append(f"OOD domains: {shown}.")


def _too_few_classes(classes: Sequence[str], base: _Folder, label: str, least: int) -> UserError:
    found = {split_of(name) or "ood" for name, f in base.folders.items() if _is_reserved(f)}
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


def _warn_of_twins(classes: Sequence[str], notes: _Notes) -> None:
    first: dict[str, str] = {}
    for name in classes:
        other = first.setdefault(fold(name), name)
        if other != name:
            notes.warnings.append(
                f"'{other}' and '{name}' are two classes. If they are one, merge the folders."
            )


def _not_a_class(name: str, classes: Sequence[str]) -> str:
    near = get_close_matches(fold(name), [fold(known) for known in classes], n=1, cutoff=0.6)
    hint = next((f"; did you mean '{k}'?" for k in classes if near and fold(k) == near[0]), "")
    return f"'{name}' is not a class of the training data{hint}"


def _is_split(folder: _Folder) -> bool:
    """A split holds class folders; a class that is called `train` holds photos of trains."""
    return split_of(_name(folder)) is not None and bool(folder.folders)


def _is_ood(folder: _Folder) -> bool:
    return is_ood_name(_name(folder)) and bool(folder.folders)


def _is_flat_split(folder: _Folder) -> bool:
    name = _name(folder)
    return not folder.folders and (split_of(name) is not None or is_ood_name(name))


def _is_reserved(folder: _Folder) -> bool:
    return _is_split(folder) or _is_ood(folder)


def _holds_class(folder: _Folder, classes: Sequence[str]) -> bool:
    """Whether any folder below is named like a class."""
    return any(
        matching_class(name, classes) or _holds_class(inner, classes)
        for name, inner in folder.folders.items()
    )


def _holds_train(folder: _Folder) -> bool:
    return any(_is_split(f) and split_of(name) == "train" for name, f in folder.folders.items())


def _is_class_of_splits(folder: _Folder) -> bool:
    return not folder.images and all(split_of(name) for name in folder.folders)


def _name(folder: _Folder) -> str:
    return folder.path.rpartition("/")[2]


def _images(count: int) -> str:
    return _counted(count, "image", "images")


def _files(count: int) -> str:
    return _counted(count, "file", "files")


def _counted(count: int, one: str, many: str) -> str:
    return f"1 {one}" if count == 1 else f"{count} {many}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown}, … {len(names) - 5} more"
