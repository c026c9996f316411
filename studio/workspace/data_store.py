"""Stores data sets in the home folder: from the demo or an upload, with thumbnails."""

import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from core.data.dataset import Dataset, IngestReport, Item, Role
from core.data.demo import write_demo
from core.data.hashes import place_of
from core.data.images import is_image_name
from core.data.ingest import open_dataset
from core.data.layout import read_layout
from core.data.names import SETTINGS_NAME, is_label_name
from core.data.prompts import display_name
from core.data.settings import DatasetSettings
from core.data.split import SideCounts, default_shots, keep_split, sizes, split_domains
from core.errors import UserError
from jobs.uploads.client import UploadClient
from studio.workspace import words
from studio.workspace.session import is_id

DEMO = "demo"


@dataclass(frozen=True)
class Opened:
    """A data set, and its images by hash, because thumbnails are requested by hash."""

    data_id: str
    dataset: Dataset
    images: Mapping[str, Path]
    version: int
    form_tasks: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Tasks of the form, by settings (see `studio.train.next_run`)."""

    @cached_property
    def sizes(self) -> Mapping[str, SideCounts]:
        """Images that train, choose and measure, by class folder."""
        return sizes(self.dataset)

    @cached_property
    def domains(self) -> Mapping[str, Sequence[Item]]:
        """The images of every domain as runs have them: val and test may be cut from train."""
        return split_domains(self.dataset)

    @cached_property
    def shots(self) -> int:
        """The proposed number of shots."""
        return default_shots(self.dataset)

    def per_class(self, shots: int) -> float:
        """The mean number of training images per class in a run with so many shots, over classes
        that have images.
        """
        counts = [size.train for size in self.sizes.values() if size.train]
        return sum(min(shots, n) for n in counts) / len(counts) if counts else 0.0


class DataStore:
    """All data sets under `HOME/datasets`. Visitors name data sets by id; paths stay in here."""

    def __init__(self, home: Path, arrived: Path, uploads: UploadClient) -> None:
        """`arrived` is the folder of the browser's files; only `uploads` reads their contents."""
        self.folder = home / "datasets"
        self._cache = home / "cache"
        self._thumbs = self._cache / "thumbs"
        self._arrived = arrived
        self._uploads = uploads
        self._opened: dict[str, Opened] = {}
        self._reports: dict[str, list[IngestReport]] = {}
        self._lock = threading.RLock()

    def ids(self) -> list[str]:
        """Data sets, the newest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if path.is_dir() and is_id(path.name)]
        return [p.name for p in sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)]

    def has(self, data_id: str | None) -> bool:
        """True if there is such a data set."""
        return is_id(data_id) and (self.folder / str(data_id)).is_dir()

    def path(self, data_id: str) -> Path:
        """The folder of a data set."""
        if not self.has(data_id):
            raise UserError(words.DataSets.unknown_data.format(name=data_id))
        return self.folder / data_id

    def title(self, data_id: str) -> str:
        """The title of a data set, without reading its images."""
        with self._lock:
            opened = self._opened.get(data_id)
        if opened:
            return opened.dataset.title
        settings = DatasetSettings.read(self.path(data_id) / SETTINGS_NAME)
        return settings.title or display_name(data_id)

    def open(self, data_id: str) -> Opened:
        """The data set, read at most once until it changes."""
        path = self.path(data_id)
        with self._lock:
            if data_id not in self._opened:
                self._opened[data_id] = self._read(path)
            return self._opened[data_id]

    def _read(self, path: Path, label: str = "") -> Opened:
        """A data set with its split; errors call it `label`, by default by its id."""
        dataset = open_dataset(path, self._cache, decode=False, label=label)
        dataset = _split(dataset, self._cache)
        shown = (item for domain in dataset.domains for item in domain.items)
        images = {item.sha256: dataset.root / item.path for item in (*dataset.excluded, *shown)}
        return Opened(path.name, dataset, images, time.monotonic_ns())

    def reports(self, data_id: str) -> list[IngestReport]:
        """The reports on the uploads of this data set, while the studio remembers them."""
        with self._lock:
            return list(self._reports.get(data_id, ()))

    def change(self, data_id: str, change: Callable[[Dataset], None]) -> None:
        """Change `dataset.yaml`; changes are made one after another."""
        with self._lock:
            change(self.open(data_id).dataset)
            self._opened.pop(data_id, None)

    def remove(self, data_id: str) -> None:
        """Delete a data set with its images; it disappears from the list at once."""
        with self._lock:
            path = self.path(data_id)
            gone = path.rename(self.folder / f".gone-{secrets.token_hex(6)}")
            for what in ("hashes", "decodable"):
                place_of(path, self._cache, what).unlink(missing_ok=True)
            self._opened.pop(data_id, None)
            self._reports.pop(data_id, None)
        shutil.rmtree(gone)

    def add_demo(self) -> str:
        """Make the demo data set if it does not exist, and return its id."""
        if not self.has(DEMO):
            partial = self.folder / f".{DEMO}-{secrets.token_hex(4)}"
            self.folder.mkdir(parents=True, exist_ok=True)
            write_demo(partial)
            partial.rename(self.folder / DEMO)
        return DEMO

    def add_upload(
        self,
        files: Sequence[Mapping[str, Any]],
        role: Role,
        data_id: str | None,
        folder: str = "",
    ) -> tuple[str, IngestReport]:
        """Put uploaded files into a data set, and return its id with the report.

        The data set is new if `data_id` is None or does not exist. `folder` is the name of the
        dropped folder, the only sign of an empty one. Raises `UserError` like the command line if
        there is nothing to train on.
        """
        placed = [(str(file.get("rel", "")), self._uploaded(file)) for file in files]
        new = not self.has(data_id)
        target = data_id or self.fresh_id(files)
        root = self.folder / target
        if new or not placed:
            _check_folder(placed, folder)
        try:
            report = self._uploads.take(placed, root, role).report
            if new:
                _give_title(root, _title(placed))
            with self._lock:  # an upload that is added during this block makes it read again
                self._opened.pop(target, None)
                if new:  # read now, because an unreadable data set would fail on every page
                    self._opened[target] = self._read(root, _label(placed))
        except UserError:
            if new:
                shutil.rmtree(root, ignore_errors=True)
            raise
        with self._lock:
            self._reports.setdefault(target, []).append(report)
        for _, path in placed:
            path.unlink(missing_ok=True)
        return target, report

    @contextmanager
    def photo(self, path: Path) -> Iterator[Path]:
        """A checked copy of an uploaded image; both files are deleted afterwards."""
        sent = self._uploaded({"path": str(path)})
        try:
            with self._uploads.photo(sent, sent.name) as photo:
                yield photo
        finally:
            sent.unlink(missing_ok=True)

    def fresh_id(self, files: Sequence[Mapping[str, Any]], exact: bool = True) -> str:
        """An id for a new data set, from the name of its upload. Without `exact` it has a random
        suffix, which hides the names that are taken.
        """
        title = _title([(str(file.get("rel", "")), Path()) for file in files])
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:32] or "images"
        name = slug if exact else f"{slug}-{secrets.token_hex(3)}"
        while (self.folder / name).exists():
            name = f"{slug}-{secrets.token_hex(3)}"
        return name

    def thumb(self, data_id: str, sha256: str, effect: str = "") -> Path:
        """A small WebP of one image, made on the first request; under an effect of the stress set
        if one is named.
        """
        source = self.open(data_id).images.get(sha256)
        if source is None:
            raise UserError(words.DataSets.unknown_image)
        name = f"{sha256}-{effect}" if effect else sha256
        target = self._thumbs / sha256[:2] / f"{name}.webp"
        if not target.exists():
            self._uploads.thumbnail(source, target, (effect, sha256))
        return target

    def _uploaded(self, file: Mapping[str, Any]) -> Path:
        path = Path(str(file.get("path", ""))).resolve()
        if not path.is_relative_to(self._arrived.resolve()) or not path.is_file():
            raise UserError(words.DataSets.lost_upload)
        return path


def _split(dataset: Dataset, cache: Path) -> Dataset:
    """The data set with a stored split. If it cannot be split, a run on it reports the reason."""
    try:
        return keep_split(dataset, cache)
    except UserError:
        return dataset


def _title(placed: Sequence[tuple[str, Path]]) -> str:
    first = PurePosixPath(placed[0][0]) if placed else PurePosixPath("images")
    return first.stem if len(first.parts) == 1 else first.parts[0]


def _give_title(root: Path, title: str) -> None:
    """Give a new data set the title of the dropped folder, because its id may have a suffix."""
    settings = DatasetSettings.read(root / SETTINGS_NAME)
    if not settings.title:
        named = settings.model_copy(update={"title": display_name(title)})
        named.write(root / SETTINGS_NAME)


def _label(placed: Sequence[tuple[str, Path]]) -> str:
    """The name of an upload in errors: that of its folder or zip, if it has only one."""
    tops = {rel.split("/")[0] for rel, _ in placed}
    return tops.pop() if len(tops) == 1 else words.DataSets.upload


def _check_folder(placed: Sequence[tuple[str, Path]], folder: str) -> None:
    """Read a dropped folder like the command line, so that both report the same errors."""
    if not placed:
        read_layout([], folder or words.DataSets.upload)
    inside = [rel.partition("/")[2] for rel, _ in placed]
    label = _label(placed)
    # A table of labels is read like the images: in a process under limits.
    if any(map(is_label_name, inside)) and any(map(is_image_name, inside)):
        return
    if all(inside) and label != words.DataSets.upload:
        read_layout(inside, label)
