"""Uploads into a data set folder: names made safe, every image decoded once, bytes untouched.

ROOT/train/<class>/*, val/…, test/…, ood/<domain>/<class>/* and dataset.yaml.
"""

import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from filecmp import cmp
from itertools import count
from pathlib import Path

from core.data.archive import unpack
from core.data.dataset import IngestReport, Role
from core.data.images import UnreadableImage, read_image
from core.data.layout import Layout, Placed, read_layout, read_ood_layout
from core.data.names import SETTINGS_NAME, matching_class
from core.data.prompts import display_name
from core.data.settings import DatasetSettings
from core.errors import UserError

_THREADS = min(4, os.cpu_count() or 1)
_LONGEST_NAME_BYTES = 150
_LONGEST_EXTENSION = 10
_NOT_ON_WINDOWS = re.compile(r'[<>:"|?*/\\]')
_RESERVED_ON_WINDOWS = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
_DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""With them a name reads otherwise than it is."""


def place_files(
    files: Iterable[tuple[str, Path]], root: Path, role: Role = "train", domain: str | None = None
) -> IngestReport:
    """Copy uploaded files to where they belong under `root`, and say what was understood.

    `files` are (path as the browser sent it, where the bytes lie). With role `train`, split and
    `ood` folders in the drop are honoured. With `ood`, the dropped folder names the domain unless
    `domain` does. A file that does not decode is left out, with the reason in `ignored`.
    Raises `UserError` when nothing of the drop can be used.
    """
    sources, refused = _safe_sources(files)
    known = _class_folders(root)
    layout = _read_drop(list(sources), role, domain, known)
    prefix = f"{layout.base}/" if layout.base else ""
    arrivals = [
        _Arrival(prefix + place.path, _with_known_class(place, known), sources[prefix + place.path])
        for place in layout.placed
    ]
    good, unreadable = _decodable(arrivals)
    if not good:
        path, reason = unreadable[0]
        raise UserError(f"No image of the upload can be read: '{path}': {reason}.")
    doubled = _copy(good, root)
    problems = _update_settings(root, layout, sources.get(f"{prefix}{SETTINGS_NAME}"))
    return IngestReport(
        understood=layout.report.understood,
        ignored=(*refused, *layout.report.ignored, *unreadable, *doubled),
        warnings=(*layout.report.warnings, *_summary(unreadable), *problems),
    )


def place_zip(
    path: Path, root: Path, role: Role = "train", domain: str | None = None
) -> IngestReport:
    """The same for a zip; its name without `.zip` counts as the dropped folder's."""
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unzipping-", dir=root.parent) as workspace:
        unpacked = unpack(path, Path(workspace))
        files = [(f"{path.stem}/{inner}", unpacked.folder / inner) for inner in unpacked.paths]
        return place_files(files, root, role, domain)


def safe_name(name: str) -> str:
    """A file or folder name that every file system takes, and never empty: `a:b.` is `a_b`."""
    name = unicodedata.normalize("NFC", name)
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
    name = _NOT_ON_WINDOWS.sub("_", _DIRECTION_MARKS.sub("", name)).strip().rstrip(". ")
    if _RESERVED_ON_WINDOWS.match(name):
        name = f"_{name}"
    stem, extension = _split_extension(name)
    return stem.encode()[:_LONGEST_NAME_BYTES].decode(errors="ignore") + extension or "_"


@dataclass(frozen=True)
class _Arrival:
    """An uploaded image: its path in the drop, where it belongs, where its bytes lie."""

    path: str
    place: Placed
    source: Path

    @property
    def folder(self) -> str:
        return f"{self.place.domain}/{self.place.class_name}"

    @property
    def name(self) -> str:
        # Folders inside a class become part of the name, and tell equal names apart.
        return safe_name(self.place.name.replace("/", "-"))


def _safe_sources(
    files: Iterable[tuple[str, Path]],
) -> tuple[dict[str, Path], list[tuple[str, str]]]:
    """Safe path to bytes, and the paths that are refused. What was distinct stays distinct."""
    sources: dict[str, Path] = {}
    refused: list[tuple[str, str]] = []
    safe_of: dict[str, str] = {"": ""}
    taken: set[str] = set()
    for raw, source in files:
        parts = [part for part in re.split(r"[/\\]", raw) if part not in ("", ".")]
        if ".." in parts or not parts:
            refused.append((safe_name(raw), "its path leaves the folder"))
            continue
        for depth in range(1, len(parts) + 1):
            path, parent = "/".join(parts[:depth]), "/".join(parts[: depth - 1])
            if path not in safe_of:
                safe_of[path] = _free(safe_of[parent], safe_name(parts[depth - 1]), taken)
                taken.add(safe_of[path])
        sources[safe_of["/".join(parts)]] = source
    return sources, refused


def _free(parent: str, name: str, taken: set[str]) -> str:
    prefix = f"{parent}/" if parent else ""
    return next(path for n in count(1) if (path := prefix + _numbered(name, n)) not in taken)


def _numbered(name: str, number: int) -> str:
    """`fox.jpg`, then `fox-2.jpg`."""
    stem, extension = _split_extension(name)
    return name if number == 1 else f"{stem}-{number}{extension}"


def _split_extension(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, dot + extension) if stem and len(extension) <= _LONGEST_EXTENSION else (name, "")


def _read_drop(paths: list[str], role: Role, domain: str | None, known: Sequence[str]) -> Layout:
    tops = {path.split("/")[0] for path in paths}
    label = tops.pop() if len(tops) == 1 else "the upload"
    if role == "train":
        return read_layout(paths, label, least_classes=1)
    if not known:
        raise UserError(
            f"'{label}': add the training images first; other images are matched to their classes."
        )
    if role == "ood":
        return read_ood_layout(paths, label, known, safe_name(domain) if domain else None)
    layout = read_ood_layout(paths, label, known)
    return replace(
        layout, placed=tuple(replace(place, role=role, domain=role) for place in layout.placed)
    )


def _class_folders(root: Path) -> list[str]:
    train = root / "train"
    return sorted(f.name for f in train.iterdir() if f.is_dir()) if train.is_dir() else []


def _with_known_class(place: Placed, known: Sequence[str]) -> Placed:
    """More images of a class that is there already go to its folder, however it is spelled."""
    return replace(place, class_name=matching_class(place.class_name, known) or place.class_name)


def _decodable(arrivals: Sequence[_Arrival]) -> tuple[list[_Arrival], list[tuple[str, str]]]:
    with ThreadPoolExecutor(_THREADS) as pool:
        reasons = list(pool.map(_why_unreadable, arrivals))
    good = [arrival for arrival, reason in zip(arrivals, reasons, strict=True) if reason is None]
    bad = [(a.path, reason) for a, reason in zip(arrivals, reasons, strict=True) if reason]
    return good, bad


def _why_unreadable(arrival: _Arrival) -> str | None:
    try:
        read_image(arrival.source, arrival.path)
    except UnreadableImage as error:
        return error.reason
    return None


def _summary(unreadable: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    if not unreadable:
        return ()
    path, reason = unreadable[0]
    if len(unreadable) == 1:
        return (f"'{path}' was left out: {reason}.",)
    return (f"{len(unreadable)} images were left out, such as '{path}': {reason}.",)


def _copy(arrivals: Iterable[_Arrival], root: Path) -> list[tuple[str, str]]:
    """Copy the files; those that are there already are returned with the reason."""
    doubled = []
    names: dict[str, dict[str, str]] = {}
    for arrival in arrivals:
        folder = root / arrival.folder
        folder.mkdir(parents=True, exist_ok=True)
        if arrival.folder not in names:
            # Compared without case, so that the folder can move to any file system.
            names[arrival.folder] = {name.casefold(): name for name in os.listdir(folder)}
        taken = names[arrival.folder]
        for number in count(1):
            name = _numbered(arrival.name, number)
            other = taken.get(name.casefold())
            if other is None:
                break
            if cmp(arrival.source, folder / other, shallow=False):
                doubled.append((arrival.path, "it is there already"))
                break
        if other is None:
            _copy_whole(arrival.source, folder / name)
            taken[name.casefold()] = name
    return doubled


def _copy_whole(source: Path, target: Path) -> None:
    """Copy so that nobody ever reads a half, not even after a full disk."""
    partial = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _update_settings(root: Path, layout: Layout, dropped: Path | None) -> tuple[str, ...]:
    """Write `dataset.yaml` with every class; what the drop's own one says is taken over."""
    folders = _class_folders(root)
    old = DatasetSettings.read(root / SETTINGS_NAME)
    new = DatasetSettings()
    problems: tuple[str, ...] = ()
    if dropped is not None:
        try:
            new = DatasetSettings.read(dropped, folders)
        except UserError as error:
            problems = (f"The upload's {SETTINGS_NAME} was not used. {error}",)
    wrapper = layout.base.rpartition("/")[2]
    DatasetSettings(
        title=old.title or new.title or (display_name(wrapper) if wrapper else ""),
        classes={
            folder: new.classes.get(folder) or old.classes.get(folder) or display_name(folder)
            for folder in folders
        },
        templates=new.templates or old.templates,
        allow_fewer=new.allow_fewer or old.allow_fewer,
    ).write(root / SETTINGS_NAME)
    return problems
