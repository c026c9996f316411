"""Folder or zip to `Dataset`: found, understood, named and hashed; not decoded yet."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import is_zipfile

import platformdirs

from core.data.archive import unpack
from core.data.class_names import class_names
from core.data.dataset import Dataset, Domain, IngestReport, Item, Role, left_out
from core.data.hashes import hash_files, place_of
from core.data.layout import Beside, read_layout
from core.data.names import SETTINGS_NAME
from core.data.prompts import display_name
from core.data.settings import DatasetSettings
from core.errors import UserError

_ORDER = ("train", "val", "test", "ood")
_EMPTY = "empty file, or a link to nothing"


def open_dataset(path: Path | str, workspace: Path | None = None) -> Dataset:
    """The data set in a folder or a zip.

    A zip is unpacked under `workspace` (by default the user's cache folder), once for its content.
    With a `workspace`, hashes are kept in there, and files that did not change are not read again.
    The order of items is the natural one of their paths, the same on every file system.
    Raises `UserError` when there is nothing to train on or `dataset.yaml` is wrong.
    """
    # Not resolved: a data set that is a link keeps the name that the user knows.
    absolute = Path(os.path.abspath(Path(path).expanduser()))
    try:
        if absolute.is_dir():
            files = list(list_files(absolute))
            return _read(absolute, files, absolute.name, absolute.name, workspace)
        named_zip = absolute.suffix.lower() == ".zip" and absolute.is_file()
        if named_zip or is_zipfile(absolute):
            place = workspace or platformdirs.user_cache_path("evenkeel") / "unpacked"
            unpacked = unpack(absolute, place)
            named = (absolute.name, absolute.stem)
            return _read(unpacked.folder, unpacked.paths, *named, workspace, unpacked.refused)
    except PermissionError as error:
        raise UserError(f"'{error.filename}': permission denied. Change its permissions.") from None
    if absolute.exists():
        raise UserError(f"'{absolute.name}' must be a folder of images or a zip of one.")
    raise UserError(f"There is no folder or zip at '{path}'. Check the path.")


def list_files(folder: Path) -> Iterator[str]:
    """Every file below `folder` as a relative POSIX path; an empty folder ends in `/`.

    Links are followed, since data sets are often built of them, but never in a circle.
    """
    folder = folder.resolve()
    waiting = [("", folder, frozenset({folder}))]
    while waiting:
        prefix, here, above = waiting.pop()
        with os.scandir(here) as entries:
            found = list(entries)
        if prefix and not found:
            yield prefix
        for entry in found:
            if entry.is_dir():
                inner = here / entry.name
                target = inner.resolve() if entry.is_symlink() else inner
                if target not in above:
                    waiting.append((f"{prefix}{entry.name}/", inner, above | {target}))
            elif entry.is_file() or entry.is_symlink():
                yield prefix + entry.name


def _read(
    root: Path,
    paths: Sequence[str],
    label: str,
    title: str,
    workspace: Path | None,
    refused: Sequence[tuple[str, str]] = (),
) -> Dataset:
    layout = read_layout(paths, label, beside=Beside.below(root))
    kept = place_of(root, workspace) if workspace else None
    root /= layout.base
    settings = DatasetSettings.read(root / SETTINGS_NAME, layout.classes)
    said = {folder: layout.names.get(folder, folder) for folder in layout.classes}
    by_hand = [settings.classes.get(folder) for folder in layout.classes]
    names = class_names([*said.values()], by_hand)
    hashes = hash_files(root, [place.path for place in layout.placed], kept)
    left_out_by_hand = frozenset(settings.exclude)
    index = {folder: label for label, folder in enumerate(layout.classes)}
    items: dict[str, list[Item]] = {"train": []}
    excluded: list[Item] = []
    unread: list[tuple[str, str]] = []
    for place, sha256 in zip(layout.placed, hashes, strict=True):
        if sha256 is None:
            unread.append((place.path, _EMPTY))
            continue
        class_name = settings.relabel.get(place.path, place.class_name)
        item = Item(place.path, index[class_name], sha256)
        those = excluded if place.path in left_out_by_hand else items.setdefault(place.domain, [])
        those.append(item)
    roles: dict[str, Role] = {"train": "train"}
    roles |= {place.domain: place.role for place in layout.placed}
    ordered = sorted(items, key=lambda name: (_ORDER.index(roles[name]), name))
    report = IngestReport(
        understood=layout.report.understood,
        ignored=(*refused, *layout.report.ignored, *unread),
        warnings=(
            *layout.report.warnings,
            *left_out(refused),
            *_same_names(layout.classes, names),
            *_not_there(settings, {place.path for place in layout.placed}),
        ),
    )
    return Dataset(
        root=root,
        title=settings.title or display_name(layout.base.rpartition("/")[2] or title),
        classes=layout.classes,
        names=names,
        named_by_hand=frozenset(settings.classes),
        own_names=tuple(map(display_name, said.values())),
        templates=settings.templates,
        allow_fewer=settings.allow_fewer,
        domains=tuple(Domain(name, roles[name], tuple(items[name])) for name in ordered),
        report=report,
        excluded=tuple(excluded),
        group_by=settings.group_by,
    )


def _not_there(settings: DatasetSettings, paths: set[str]) -> tuple[str, ...]:
    """A warning for images that `dataset.yaml` speaks of and that are gone."""
    gone = [path for path in (*settings.exclude, *settings.relabel) if path not in paths]
    if not gone:
        return ()
    more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
    return (
        f"{SETTINGS_NAME} speaks of '{gone[0]}'{more}, and no image of the data set has that path.",
    )


def _same_names(classes: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    return tuple(
        f"Classes '{first[name]}' and '{folder}' are both called '{name}': no model can tell them "
        f"apart by name. Give them different names in {SETTINGS_NAME}."
        for folder, name in zip(classes, names, strict=True)
        if first.setdefault(name, folder) != folder
    )
