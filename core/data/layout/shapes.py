"""Turns other folder structures into splits and classes: domains, groups, folds and parts.

Each function returns the folder in the structure that `reading` understands, or None if the folder
has another structure. If two readings are possible, a warning says what to write into
`dataset.yaml` for the other one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.data.layout.domains import (
    all_named,
    is_no_class,
    joined,
    nested,
    read_domains,
    repeated,
    without,
    words_of,
)
from core.data.layout.folder import Folder
from core.data.layout.notes import LayoutNotes, counted, some
from core.data.names import (
    SETTINGS_NAME,
    is_mask_name,
    is_ood_name,
    is_wrapper_name,
    natural_key,
    nfc,
    split_of,
)
from core.data.settings import DatasetSettings

_FOLD = re.compile(r"(?:k ?)?(?:fold|split|cv)s? ?\d+|\d+ ?fold")
_PART = re.compile(r"(?:part|chunk|shard|piece|batch|disk|disc|section)s? ?[\da-z]|.*\bpart ?\d+")


def reshaped(base: Folder, settings: DatasetSettings, notes: LayoutNotes) -> Folder:
    """The folder as splits, classes and `ood`, whatever structure it had."""
    base = _named_splits(base)
    if settings.folders == "classes":
        return base
    # Folds and parts come before domains: `fold1` and `fold2` also repeat the same class names.
    named = bool(settings.reference) or settings.folders == "domains"
    for shape in (_folds, _parts) if not named and not settings.folders else ():
        found = shape(base, notes)
        if found:
            return found
    if settings.folders != "groups":
        found = read_domains(base, settings, notes)
        if found:
            return found
    return _groups(base, settings.folders == "groups", notes) or base


def drop_masks(folder: Folder, notes: LayoutNotes) -> None:
    """Leaves out `masks` next to `images`, at any depth."""
    there = any(is_wrapper_name(name) for name in folder.folders)
    for name, inner in list(folder.folders.items()):
        if there and is_mask_name(name):
            notes.ignore(folder.folders.pop(name), "it holds masks, not images of a class")
        else:
            drop_masks(inner, notes)


def is_shaped(folder: Folder) -> bool:
    """True if the subfolders are domains or folds, so that none of them is the data set itself."""
    tops = nested(folder)
    return len(tops) > 1 and (all_named(tops, _FOLD) or bool(repeated(tops)))


def look_like_parts(classes: Iterable[str]) -> bool:
    """True if all classes have names such as `part1`, `part2` or `fold_0`, `fold_1`."""
    names = [words_of(name) for name in classes]
    return all(_FOLD.fullmatch(name) or _PART.fullmatch(name) for name in names)


def _named_splits(base: Folder) -> Folder:
    """Renames `seg_train` and `seg_test` to `train` and `test`; removes extra levels in splits."""
    folders = dict(base.folders)
    words = {name: words_of(name).rpartition(" ") for name in folders}
    prefixes = Counter(prefix for prefix, _, last in words.values() if prefix and split_of(last))
    for name, (prefix, _, last) in words.items():
        role = split_of(last)
        alone = role is None or split_of(name) or prefixes[prefix] < 2 or last in folders
        if not alone and folders[name].folders:
            folders[last] = replace(folders.pop(name), called=last)
    folders = {n: f.unwrapped() if split_of(n) else f for n, f in folders.items()}
    return replace(base, folders=folders)


# Folds and parts --------------------------------------------------------------------------------


def _folds(base: Folder, notes: LayoutNotes) -> Folder | None:
    """Reads k folds. If each is a whole data set, the first is read; else the last is the test."""
    tops = nested(base)
    if len(tops) < 2 or not all_named(tops, _FOLD):
        return None
    names = sorted(tops, key=natural_key)
    first = tops[names[0]].unwrapped()
    if first.holds_train:
        notes.warnings.append(
            f"'{names[0]}' and {len(names) - 1} more are folds, each a whole data set: "
            f"'{names[0]}' is read. To read another, give its folder."
        )
        notes.ignored += [
            (f"{tops[name].path}/", f"another fold than '{names[0]}'") for name in names[1:]
        ]
        loose = [*base.images, *first.images]
        return replace(base, images=loose, folders=joined(first.folders, without(base, tops)))
    *taught, measured = names
    notes.understood.append(
        f"Read as {len(names)} folds: the last, '{measured}', is the test, the others are train."
    )
    ours = _as_train(tops, taught)
    ours["test"] = replace(tops[measured].unwrapped(), called="test")
    return replace(base, folders=joined(ours, without(base, tops)))


def _parts(base: Folder, notes: LayoutNotes) -> Folder | None:
    """Joins parts that hold the same classes: one data set that was divided to be sent."""
    tops = nested(base)
    if len(tops) < 2 or not all_named(tops, _PART) or not repeated(tops):
        return None
    notes.understood.append(
        f"'{min(tops, key=natural_key)}' and {len(tops) - 1} more are read as parts of one data "
        "set: they hold the same class folders."
    )
    return replace(base, folders=joined(_as_train(tops, list(tops)), without(base, tops)))


def _as_train(tops: Mapping[str, Folder], names: Sequence[str]) -> dict[str, Folder]:
    return {
        f"train {n}": replace(tops[name].unwrapped(), called=f"train {n}")
        for n, name in enumerate(names)
    }


# Groups -----------------------------------------------------------------------------------------


def _groups(base: Folder, forced: bool, notes: LayoutNotes) -> Folder | None:
    """Reads DATA/<group>/<class>/* without the groups, also inside splits."""
    splits = {name: f for name, f in base.folders.items() if f.is_split}
    holders = splits or {"": replace(base, folders=_without_reserved(base))}
    trained = [f for name, f in holders.items() if split_of(name) == "train"] or [*holders.values()]
    if not forced and not all(_looks_grouped(f) for f in trained):
        return None
    outer = sorted({name for f in trained for name in f.folders})
    twice = _in_several(holders.values())
    flat = {name: _flattened(f, twice) for name, f in holders.items()}
    inner = sorted({name for f in flat.values() for name in f.folders})
    notes.understood.append(
        f"Read as {counted(len(outer), 'group', 'groups')} ({some(outer)}) of "
        f"{counted(len(inner), 'class', 'classes')}."
    )
    if not forced:
        notes.warnings.append(
            f"The folders {some(outer)} hold nothing but folders ({some(inner)}), so the inner "
            "folders are read as the classes. If the outer ones are, write 'folders: classes' "
            f"into {SETTINGS_NAME}; if they are domains, 'folders: domains'."
        )
    if splits:
        return replace(base, folders=base.folders | flat)
    reserved = {n: f for n, f in base.folders.items() if f.is_reserved}
    return replace(base, folders=joined(flat[""].folders, reserved))


def _without_reserved(folder: Folder) -> dict[str, Folder]:
    return {n: f for n, f in folder.folders.items() if not f.is_reserved}


def _looks_grouped(folder: Folder) -> bool:
    tops = folder.folders
    inner = [name for top in tops.values() for name in top.folders]
    return (
        len(tops) > 1
        and all(top.holds_folders and not top.is_class_of_splits for top in tops.values())
        and 2 * sum(len(top.folders) > 1 for top in tops.values()) >= len(tops)
        and not all(is_no_class(name) or is_mask_name(name) for name in inner)
        and not any(split_of(name) or is_ood_name(name) for name in inner)
        and not repeated(tops)
    )


def _in_several(holders: Iterable[Folder]) -> set[str]:
    """Class names that more than one group has; these get the group's name in front."""
    return {
        name
        for holder in holders
        for name, n in Counter(
            nfc(c) for top in holder.folders.values() for c in top.folders
        ).items()
        if n > 1
    }


def _flattened(holder: Folder, twice: set[str]) -> Folder:
    """The folder with the classes of all groups; a group without subfolders is itself a class."""
    folders: dict[str, Folder] = {}
    loose = list(holder.images)
    for group, top in holder.folders.items():
        if not top.folders:
            folders[group] = top
            continue
        loose += top.images
        for name, inner in top.folders.items():
            folders[f"{group}_{name}" if nfc(name) in twice else name] = inner
    return replace(holder, images=loose, folders=folders)
