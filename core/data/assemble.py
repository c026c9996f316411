"""Puts uploads into a data set folder: safe names, every image decoded and written again.

The result is ROOT/train/<class>/*, val/…, test/…, ood/<domain>/<class>/* and dataset.yaml.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from filecmp import cmp
from itertools import count
from pathlib import Path

from core.data.archive import unpack
from core.data.dataset import IngestReport, Role, left_out
from core.data.images import UnreadableImage
from core.data.layout import Layout, PlacedImage, Sidecars, read_layout, read_ood_layout
from core.data.limits import Limits, in_gib
from core.data.names import SETTINGS_NAME, matching_class, nfc, safe_name, split_extension
from core.data.prompts import display_name
from core.data.reencode import ReencodedImage, reencode
from core.data.settings import DatasetSettings
from core.errors import UserError

_THREADS = min(4, os.cpu_count() or 1)
_SAME_FORMAT = {".png": {".png"}, ".jpg": {".jpg", ".jpeg", ".jpe", ".jfif"}}

Bring = Callable[[Path, Path, str], ReencodedImage]
"""Re-encodes one image: (uploaded file, new file, name for errors). Raises `UnreadableImage`."""


@dataclass(frozen=True)
class UploadHandling:
    """The limits, the re-encoder and the temporary folder of an upload."""

    limits: Limits = field(default_factory=Limits)
    bring: Bring = reencode
    """Runs in this process by default; the studio uses a decoder process with limits."""
    workspace: Path | None = None
    """Folder for unfinished files, on the disk of the data set; by default next to it."""

    def temporary(self, root: Path) -> tempfile.TemporaryDirectory[str]:
        """A temporary folder for files that are not in their final place yet."""
        folder = self.workspace or root.parent
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".arriving-", dir=folder)


_PLAIN = UploadHandling()


def place_files(
    files: Iterable[tuple[str, Path]],
    root: Path,
    role: Role = "train",
    domain: str | None = None,
    handling: UploadHandling = _PLAIN,
) -> IngestReport:
    """Moves uploaded files to their places under `root`, and reports how they were read.

    `files` are (path as the browser sent it, stored file). With role `train`, split and `ood`
    folders in the upload are respected. With `ood`, the uploaded folder names the domain unless
    `domain` does. A file that does not decode is left out, with the reason in `ignored`.
    Raises `UserError` if nothing in the upload can be used.
    """
    sources, refused = _safe_sources(files)
    known = _class_folders(root)
    layout = _read_drop(sources, role, domain, known)
    prefix = f"{layout.base}/" if layout.base else ""
    arrivals = [
        _UploadedImage(
            prefix + place.path, _with_known_class(place, known), sources[prefix + place.path]
        )
        for place in layout.placed
    ]
    _check_count(arrivals, handling.limits)
    with handling.temporary(root) as staging:
        good, unreadable = _bring_all(arrivals, Path(staging), handling)
        if not good:
            path, reason = unreadable[0]
            raise UserError(f"No image of the upload can be read: '{path}': {reason}.")
        doubled = _settle(good, root)
    problems = _update_settings(root, layout, sources.get(f"{prefix}{SETTINGS_NAME}"))
    return IngestReport(
        understood=(*layout.report.understood, *_first_frames(good)),
        ignored=(*refused, *layout.report.ignored, *unreadable, *doubled),
        warnings=(
            *layout.report.warnings,
            *left_out([*refused, *unreadable]),
            *_emptied(arrivals, good),
            *problems,
        ),
    )


def place_zip(
    path: Path,
    root: Path,
    role: Role = "train",
    domain: str | None = None,
    handling: UploadHandling = _PLAIN,
    sent_as: str = "",
) -> IngestReport:
    """Does the same for a zip; its name without `.zip` is the name of the uploaded folder.

    `sent_as` is the zip's original name if the file at `path` has another one.
    """
    name = Path(sent_as.replace("\\", "/")).stem or path.stem
    with handling.temporary(root) as workspace:
        unpacked = unpack(path, Path(workspace), handling.limits)
        files = [(f"{name}/{inner}", unpacked.folder / inner) for inner in unpacked.paths]
        report = place_files(files, root, role, domain, handling)
    if unpacked.encoding:  # stored, so that a person can choose another reading of the names later
        settings = DatasetSettings.read(root / SETTINGS_NAME)
        named = settings.model_copy(update={"zip_names": unpacked.encoding})
        named.write(root / SETTINGS_NAME)
    return replace(
        report,
        ignored=(*unpacked.refused, *report.ignored),
        warnings=(*unpacked.warnings, *report.warnings),
    )


@dataclass(frozen=True)
class _UploadedImage:
    """An uploaded image: its path in the upload, its place in the data set, its stored file."""

    path: str
    place: PlacedImage
    source: Path

    @property
    def folder(self) -> str:
        return f"{self.place.domain}/{self.place.class_name}"

    @property
    def name(self) -> str:
        # Folders inside a class become part of the name, so that equal names stay different.
        return safe_name(self.place.name.replace("/", "-"))


def _safe_sources(
    files: Iterable[tuple[str, Path]],
) -> tuple[dict[str, Path], list[tuple[str, str]]]:
    """(safe path to file, refused paths with reasons). Different paths stay different."""
    sources: dict[str, Path] = {}
    refused: list[tuple[str, str]] = []
    safe_of: dict[str, str] = {"": ""}
    taken: set[str] = set()
    for raw, source in files:
        parts = [nfc(part) for part in re.split(r"[/\\]", raw) if part not in ("", ".")]
        if ".." in parts or not parts:
            refused.append((safe_name(raw), "its path leaves the folder"))
            continue
        for depth in range(1, len(parts) + 1):
            path, parent = "/".join(parts[:depth]), "/".join(parts[: depth - 1])
            if path not in safe_of:
                safe_of[path] = _free(safe_of[parent], safe_name(parts[depth - 1]), taken)
                taken.add(safe_of[path])
        path = safe_of["/".join(parts)]
        if raw.endswith("/"):  # an empty folder of a zip
            sources[f"{path}/"] = source
            continue
        if path in sources:  # two names that differ in the encoding of their accents
            path = _free(safe_of["/".join(parts[:-1])], safe_name(parts[-1]), taken)
            taken.add(path)
        sources[path] = source
    return sources, refused


def _free(parent: str, name: str, taken: set[str]) -> str:
    prefix = f"{parent}/" if parent else ""
    return next(path for n in count(1) if (path := prefix + _numbered(name, n)) not in taken)


def _numbered(name: str, number: int) -> str:
    """`fox.jpg`, then `fox-2.jpg`."""
    stem, extension = split_extension(name)
    return name if number == 1 else f"{stem}-{number}{extension}"


def _read_drop(
    sources: Mapping[str, Path], role: Role, domain: str | None, known: Sequence[str]
) -> Layout:
    paths, sidecars = list(sources), Sidecars(sources.get)
    tops = {path.split("/")[0] for path in paths}
    label = tops.pop() if len(tops) == 1 else "the upload"
    if role == "train":
        return read_layout(paths, label, least_classes=1, sidecars=sidecars)
    if not known:
        raise UserError(
            f"'{label}': add the training images first; other images are matched to their classes."
        )
    if role == "ood":
        named = safe_name(domain) if domain else None
        return read_ood_layout(paths, label, known, named, sidecars)
    layout = read_ood_layout(paths, label, known, sidecars=sidecars)
    return replace(
        layout, placed=tuple(replace(place, role=role, domain=role) for place in layout.placed)
    )


def _class_folders(root: Path) -> list[str]:
    train = root / "train"
    return sorted(f.name for f in train.iterdir() if f.is_dir()) if train.is_dir() else []


def _with_known_class(place: PlacedImage, known: Sequence[str]) -> PlacedImage:
    """The image with the spelling of an existing class, if its class differs only in spelling."""
    return replace(place, class_name=matching_class(place.class_name, known) or place.class_name)


def _check_count(arrivals: Sequence[_UploadedImage], limits: Limits) -> None:
    if len(arrivals) > limits.images:
        raise UserError(
            f"The upload holds {len(arrivals)} images, at most {limits.images} are taken. Leave "
            "some out, or send them in parts."
        )


@dataclass(frozen=True)
class _StagedImage:
    """A re-encoded image that is not in its final place yet."""

    arrival: _UploadedImage
    file: Path
    picture: ReencodedImage

    @property
    def name(self) -> str:
        """The name of the image, with the extension of its new format."""
        stem, extension = split_extension(self.arrival.name)
        kept = extension if extension.lower() in _SAME_FORMAT[self.picture.suffix] else None
        return stem + (kept or self.picture.suffix)


def _bring_all(
    arrivals: Sequence[_UploadedImage], staging: Path, handling: UploadHandling
) -> tuple[list[_StagedImage], list[tuple[str, str]]]:
    """(images that could be read, as new files in `staging`; the others with reasons)."""
    most, written = handling.limits.kept_bytes, 0

    def one(number: int, arrival: _UploadedImage) -> _StagedImage | str:
        nonlocal written
        if written > most:
            return f"the images before it fill {in_gib(most)}, the most that is kept"
        file = staging / f"{number:06d}"
        try:
            picture = handling.bring(arrival.source, file, arrival.path)
        except UnreadableImage as error:
            file.unlink(missing_ok=True)
            return error.reason
        written += file.stat().st_size
        return _StagedImage(arrival, file, picture)

    with ThreadPoolExecutor(_THREADS) as pool:
        results = list(pool.map(one, count(), arrivals))
    good = [result for result in results if isinstance(result, _StagedImage)]
    pairs = zip(arrivals, results, strict=True)
    return good, [(a.path, result) for a, result in pairs if isinstance(result, str)]


def _emptied(arrivals: Iterable[_UploadedImage], good: Iterable[_StagedImage]) -> list[str]:
    """A sentence for each class of which no image could be read."""
    wanted = dict.fromkeys(arrival.folder for arrival in arrivals)
    there = {each.arrival.folder for each in good}
    return [
        f"Class '{folder.rpartition('/')[2]}' has no image in {folder.rpartition('/')[0]} that can "
        "be read."
        for folder in wanted
        if folder not in there
    ]


def _first_frames(brought: Sequence[_StagedImage]) -> tuple[str, ...]:
    several = [each.arrival.path for each in brought if each.picture.several]
    if not several:
        return ()
    if len(several) == 1:
        return (f"'{several[0]}' has several frames or pages: the first one is used.",)
    return (
        f"{len(several)} images such as '{several[0]}' have several frames or pages: the first one "
        "is used.",
    )


def _settle(brought: Iterable[_StagedImage], root: Path) -> list[tuple[str, str]]:
    """Moves the files to their places. Returns images that are there already, with the reason."""
    doubled = []
    names: dict[str, dict[str, str]] = {}
    for each in brought:
        folder = root / each.arrival.folder
        folder.mkdir(parents=True, exist_ok=True)
        if each.arrival.folder not in names:
            # Compared without case, so that the folder can move to any file system.
            names[each.arrival.folder] = {name.casefold(): name for name in os.listdir(folder)}
        taken = names[each.arrival.folder]
        for number in count(1):
            name = _numbered(each.name, number)
            other = taken.get(name.casefold())
            if other is None:
                each.file.rename(folder / name)  # atomic, because it is on the same disk
                taken[name.casefold()] = name
                break
            if cmp(each.file, folder / other, shallow=False):
                doubled.append((each.arrival.path, "it is there already"))
                break
    return doubled


def _update_settings(root: Path, layout: Layout, dropped: Path | None) -> tuple[str, ...]:
    """Writes `dataset.yaml`: merges the settings that are there with those of the upload.

    A class without a name of its own is not listed: its folder's name is read each time.
    """
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
    if new.exclude or new.relabel:  # they name paths in the upload, and the files have new paths
        problems += (
            f"The excluded and moved images in the upload's {SETTINGS_NAME} were not used.",
        )
    labels = {folder: display_name(label) for folder, label in layout.names.items()}
    named = {**labels, **old.classes, **new.classes}
    changes = {
        "title": old.title or new.title or (display_name(wrapper) if wrapper else ""),
        "classes": {folder: name for folder, name in named.items() if folder in folders},
        "templates": new.templates or old.templates,
        "allow_fewer": new.allow_fewer or old.allow_fewer,
        "group_by": new.group_by if new.group_by != "none" else old.group_by,
    }
    old.model_copy(update=changes).write(root / SETTINGS_NAME)
    return problems
