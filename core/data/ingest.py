"""Opens a folder or a zip as a `Dataset`: lists, sorts, names and hashes its images.

Images that do not decode are left out.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import is_zipfile

import platformdirs

from core.data.archive import UnpackedZip, unpack
from core.data.class_names import class_names
from core.data.dataset import Dataset, Domain, IngestReport, Item, Role, left_out
from core.data.decodable import unreadable
from core.data.glance import Glance
from core.data.hashes import hash_files, place_of
from core.data.layout import Sidecars, read_layout
from core.data.listing import LINK_TO_NOTHING, NOT_TEXT, list_folder
from core.data.names import SETTINGS_NAME, stray_reason
from core.data.prompts import display_name
from core.data.settings import DatasetSettings
from core.data.split import read_split
from core.errors import UserError, printable

_ORDER = ("train", "val", "test", "ood")
_MOST_NAMED = 5


def open_dataset(
    path: Path | str,
    workspace: Path | None = None,
    *,
    decode: bool = True,
    glances: dict[str, Glance] | None = None,
    zip_names: str | None = None,
    label: str = "",
) -> Dataset:
    """Opens the data set in a folder or a zip. Images that cannot be read are left out and named.

    A zip is unpacked under `workspace` (by default the user's cache folder), once per content.
    `workspace` also stores the hash of each file and the images that decode, so that unchanged
    files are not read again. Without `decode` no image is opened, and only images already known to
    be damaged are left out. `glances`, if given, receives a summary of every image, by hash.
    `zip_names` is the encoding of names in a zip that declare none; by default it is guessed.
    Errors call the data `label`, by default the name of the folder or zip.
    Items are in natural order of their paths, the same on every file system.
    Raises `UserError` if there is nothing to train on or `dataset.yaml` is wrong.
    """
    # Links are not resolved, so that a linked data set keeps the name that the user knows.
    absolute = Path(os.path.abspath(Path(path).expanduser()))
    try:
        found = _find(absolute, workspace, zip_names)
        if found:
            found = replace(found, label=label or found.label)
            return _read(found, workspace, decode, glances)
    except PermissionError as error:
        raise UserError(f"'{error.filename}': permission denied. Change its permissions.") from None
    if absolute.exists():
        raise UserError(f"'{absolute.name}' must be a folder of images or a zip of one.")
    raise UserError(f"There is no folder or zip at '{path}'. Check the path.")


def unpack_to(path: Path, folder: Path, names: str | None = None) -> UnpackedZip:
    """Unpacks a zip into a new folder. `names` is the encoding of names that declare none.

    Raises `UserError` if the folder exists already or the zip cannot be unpacked.
    """
    path, folder = path.expanduser(), folder.expanduser()
    if not path.is_file():
        raise UserError(f"There is no zip at '{path}'. Check the path.")
    if os.path.lexists(folder):
        raise UserError(f"'{folder}' is there already. Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=folder.parent) as workspace:
        unpacked = unpack(path, Path(workspace), names=names)
        unpacked.folder.rename(folder)
    return replace(unpacked, folder=folder)


@dataclass(frozen=True)
class _DataFiles:
    """The files of a folder, or of the folder that a zip was unpacked to."""

    root: Path
    paths: Sequence[str]
    label: str
    """The name of the data in error messages."""
    title: str
    refused: Sequence[tuple[str, str]]
    """(path, reason) of entries that are not in `paths`."""
    notes: tuple[str, ...]
    zip_names: str = ""


def _find(path: Path, workspace: Path | None, zip_names: str | None) -> _DataFiles | None:
    if path.is_dir():
        listing = list_folder(path)
        if listing.refused and not listing.files:
            one, reason = listing.refused[0]
            raise UserError(f"'{path.name}' holds no files, only such as '{one}': {reason}.")
        wanted = [
            (one, reason)
            for one, reason in listing.refused
            if reason == NOT_TEXT or stray_reason(one) is None
        ]
        return _DataFiles(
            path, listing.files, path.name, path.name, listing.refused, left_out(wanted)
        )
    if path.is_file() and (path.suffix.lower() == ".zip" or is_zipfile(path)):
        place = workspace or platformdirs.user_cache_path("evenkeel") / "unpacked"
        found = unpack(path, place, names=zip_names)
        names = (path.name, path.stem)
        return _DataFiles(
            found.folder, found.paths, *names, found.refused, found.warnings, found.encoding
        )
    return None


def _read(
    found: _DataFiles, workspace: Path | None, decode: bool, glances: dict[str, Glance] | None
) -> Dataset:
    layout = read_layout(found.paths, found.label, sidecars=Sidecars.below(found.root))
    root = found.root / layout.base
    settings = DatasetSettings.read(root / SETTINGS_NAME, layout.classes)
    said = {folder: layout.names.get(folder, folder) for folder in layout.classes}
    by_hand = [settings.classes.get(folder) for folder in layout.classes]
    names = class_names([*said.values()], by_hand)
    kept = {
        what: place_of(found.root, workspace, what) if workspace else None
        for what in ("hashes", "decodable")
    }
    hashes = hash_files(root, [place.path for place in layout.placed], kept["hashes"])
    left_out_by_hand = frozenset(settings.exclude)
    index = {folder: label for label, folder in enumerate(layout.classes)}
    items: dict[str, list[Item]] = {"train": []}
    excluded: list[Item] = []
    there = {p.path: sha for p, sha in zip(layout.placed, hashes, strict=True) if sha}
    used = {path: sha for path, sha in there.items() if path not in left_out_by_hand}
    damaged = unreadable(root, used, kept["decodable"], decode, glances)
    unread: list[tuple[str, str]] = []
    for place, sha256 in zip(layout.placed, hashes, strict=True):
        if sha256 is None or place.path in damaged:
            reason = damaged.get(place.path) or _why_empty(root / place.path)
            unread.append((place.path, reason))
            continue
        class_name = settings.relabel.get(place.path, place.class_name)
        item = Item(place.path, index[class_name], sha256)
        those = excluded if place.path in left_out_by_hand else items.setdefault(place.domain, [])
        those.append(item)
    roles: dict[str, Role] = {"train": "train"}
    roles |= {place.domain: place.role for place in layout.placed}
    ordered = sorted(items, key=lambda name: (_ORDER.index(roles[name]), name))
    if not any(items.values()) and unread and not excluded:
        path, reason = unread[0]
        raise UserError(f"No image of '{found.label}' can be read: '{path}': {reason}.")
    notes = tuple(map(printable, (*found.notes, *_unread(unread))))
    report = IngestReport(
        understood=layout.report.understood,
        ignored=(*found.refused, *layout.report.ignored, *unread),
        warnings=(
            *layout.report.warnings,
            *notes,
            *_same_names(layout.classes, names),
            *_not_there(settings, {place.path for place in layout.placed}),
        ),
    )
    return Dataset(
        root=root,
        title=settings.title or display_name(layout.base.rpartition("/")[2] or found.title),
        classes=layout.classes,
        names=names,
        zip_names=settings.zip_names or found.zip_names,
        named_by_hand=frozenset(settings.classes),
        own_names=tuple(map(display_name, said.values())),
        templates=settings.templates,
        allow_fewer=settings.allow_fewer,
        domains=tuple(Domain(name, roles[name], tuple(items[name])) for name in ordered),
        report=report,
        excluded=tuple(excluded),
        group_by=settings.group_by,
        split=read_split(root, workspace),
        unreadable=tuple(unread),
        notes=notes,
    )


def _why_empty(path: Path) -> str:
    return "the file is empty" if path.exists() else LINK_TO_NOTHING


def _unread(unread: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """A warning that names the images that cannot be read."""
    if not unread:
        return ()
    if len(unread) == 1:
        path, reason = unread[0]
        return (f"'{path}' cannot be read and is left out: {reason}.",)
    named = ", ".join(f"'{path}' ({reason})" for path, reason in unread[:_MOST_NAMED])
    more = f", … {len(unread) - _MOST_NAMED} more" if len(unread) > _MOST_NAMED else ""
    return (f"{len(unread)} images cannot be read and are left out: {named}{more}.",)


def _not_there(settings: DatasetSettings, paths: set[str]) -> tuple[str, ...]:
    """A warning about images that `dataset.yaml` names but that are missing."""
    gone = [path for path in (*settings.exclude, *settings.relabel) if path not in paths]
    if not gone:
        return ()
    more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
    return (
        f"{SETTINGS_NAME} names '{gone[0]}'{more}, but no image of the data set has that path.",
    )


def _same_names(classes: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    return tuple(
        f"Classes '{first[name]}' and '{folder}' are both called '{name}': no model can tell them "
        f"apart by name. Give them different names in {SETTINGS_NAME}."
        for folder, name in zip(classes, names, strict=True)
        if first.setdefault(name, folder) != folder
    )
