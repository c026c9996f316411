"""Reads splits, classes and OOD domains in a tree of folders."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from core.data.dataset import Role
from core.data.layout.folder import Folder
from core.data.layout.notes import LayoutNotes
from core.data.layout.shapes import is_shaped
from core.data.names import fold, is_wrapper_name, matching_class, nfc, split_of

UNNAMED_DOMAIN = "unnamed"
"""The OOD domain of `ood/<class>/*`, which has no folder for the domain."""

_FLAT = "its images are in no class folder"


def find_base(root: Folder, notes: LayoutNotes) -> Folder:
    """The folder of the data set, found by going down through folders that only wrap it."""
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


def read_base(base: Folder, notes: LayoutNotes) -> None:
    """Places all images in the folder of a data set."""
    splits = {name: f for name, f in base.folders.items() if f.is_split and split_of(name)}
    ood = [f for f in base.folders.values() if f.is_ood]
    rest = {n: f for n, f in base.folders.items() if n not in splits and f not in ood}
    trained = {n for name, f in splits.items() if split_of(name) == "train" for n in f.folders}
    # If `train` has a single folder and other folders lie next to it, it is likely a class (of
    # vehicles) and not a split.
    if len(trained) >= 2 or (trained and all(f.is_flat_split for f in rest.values())):
        _read_splits(splits, notes)
        for folder in rest.values():
            notes.ignore(folder, _why_beside_train(folder, trained))
    elif not splits and rest and all(f.is_class_of_splits for f in rest.values()):
        _read_class_first(rest, notes)
    else:
        _read_plain(splits, rest, notes)
    notes.ignore_loose(base)
    classes = sorted({p.class_name for p in notes.placed if p.role == "train"})
    if classes:
        notes.say_classes(classes)
        for folder in ood:
            notes.ignore_loose(folder)
            read_ood(folder, classes, notes)
        notes.say_ood()


def read_ood(
    ood: Folder, classes: Sequence[str], notes: LayoutNotes, domain: str | None = None
) -> None:
    """Places `<domain>/<class>/*` below `ood`; the domain level may be missing or deeper."""
    for name, folder in ood.folders.items():
        if any(matching_class(inner, classes) for inner in folder.folders):
            notes.ignore_loose(folder)
            _read_classes(folder, "ood", f"ood/{domain or nfc(name)}", classes, notes)
        elif class_name := matching_class(name, classes):
            if class_name != nfc(name):
                notes.understood.append(f"'{folder.path}' is read as class '{class_name}'.")
            notes.place(folder, "ood", f"ood/{domain or UNNAMED_DOMAIN}", class_name)
        elif folder.holds_class(classes):
            notes.ignore_loose(folder)
            # A split inside a domain does not name it: ood/sketch/test/<class>.
            split = all(split_of(inner) for inner in folder.folders)
            read_ood(folder, classes, notes, domain or (nfc(name) if split else None))
        elif folder.folders:
            notes.ignore_loose(folder)
            for inner_name, inner in folder.folders.items():
                notes.ignore(inner, _not_a_class(inner_name, classes))
        else:
            notes.ignore(folder, _not_a_class(name, classes))


def _wrapped(folder: Folder) -> Folder | None:
    """The subfolder that is the data set; None if `folder` is the data set itself."""
    if any(inner.is_reserved for inner in folder.folders.values()):
        return None
    named = [f for n, f in folder.folders.items() if is_wrapper_name(n) and len(f.folders) > 1]
    if len(named) == 1 and named[0].holds_folders:
        return named[0]
    if is_shaped(folder):
        return None
    if len(folder.folders) == 1:
        (only,) = folder.folders.values()
        several = len(only.folders) >= 2
        if several or only.holds_train or (only.folders and not only.images):
            return only
        return None
    with_splits = [f for f in folder.folders.values() if any(split_of(name) for name in f.folders)]
    return with_splits[0] if len(with_splits) == 1 and with_splits[0].holds_train else None


def _why_beside_train(folder: Folder, classes: Iterable[str]) -> str:
    if folder.is_flat_split:
        return _FLAT
    if any(matching_class(name, [*classes]) for name in folder.folders):
        return f"it lies next to 'train'; move an OOD domain to ood/{folder.name}"
    return "it lies next to 'train'"


def _read_splits(splits: dict[str, Folder], notes: LayoutNotes) -> None:
    """Places DATA/train/<class>/*, DATA/val/<class>/* and DATA/test/<class>/*, in any spelling."""
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
        if role and name != role and not folder.called:
            notes.understood.append(f"'{name}' is the {role} split.")


def _read_plain(splits: dict[str, Folder], rest: dict[str, Folder], notes: LayoutNotes) -> None:
    """Places DATA/<class>/*, with an optional test or val folder of the same classes."""
    # `train/*.jpg` next to `bus/*.jpg` is a class; `test/*.jpg` there is a test without labels.
    classes = [nfc(n) for n, f in rest.items() if not f.is_flat_split or split_of(n) == "train"]
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
            notes.understood.append(f"'{name}' next to the class folders is the {role} split.")
        else:
            notes.place(folder, "train", "train", nfc(name))
            notes.understood.append(
                f"'{name}' is read as a class: its folders are not named like the other classes."
            )


def _read_class_first(rest: dict[str, Folder], notes: LayoutNotes) -> None:
    """Places DATA/<class>/train/* and DATA/<class>/test/*."""
    for name, folder in rest.items():
        notes.homes.add(folder.path.rpartition("/")[0])
        splits = [(split_of(inner), f) for inner, f in folder.folders.items()]
        if "train" not in (role for role, _ in splits):
            notes.ignore(folder, "none of its images are for training")
            continue
        for role, inner in splits:
            assert role is not None
            notes.place(inner, role, role, nfc(name))
    notes.understood.append("The split folders lie inside the class folders.")


def _read_classes(
    parent: Folder, role: Role, domain: str, classes: Sequence[str], notes: LayoutNotes
) -> None:
    """Places every class folder in `parent` that is named like one of `classes`."""
    for name, folder in parent.folders.items():
        class_name = matching_class(name, classes)
        if class_name is None:
            notes.ignore(folder, _not_a_class(name, classes))
            continue
        if class_name != nfc(name):
            notes.understood.append(f"'{folder.path}' is read as class '{class_name}'.")
        notes.place(folder, role, domain, class_name)


def _not_a_class(name: str, classes: Sequence[str]) -> str:
    near = get_close_matches(fold(name), [fold(known) for known in classes], n=1, cutoff=0.6)
    hint = next((f"; did you mean '{k}'?" for k in classes if near and fold(k) == near[0]), "")
    return f"'{name}' is not a class of the training data{hint}"
