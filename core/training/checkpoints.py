"""Checkpoints on disk: each has its own folder, appears complete or not at all, and is verified
before use.

`RUN/attempts/<attempt>/checkpoints/<phase>-<step>/` holds the tensors as safetensors, the position
as JSON, and `SHA256SUMS` over both. Nothing is pickled.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.durable import crash_at, discard_folder, file_sha256, publish_folder, sync
from core.errors import DiskFull
from core.results.records import RunConfig
from core.results.runs import KeptCheckpoint, RunFolder
from core.training.brake import Brake

KEPT = 2
LARGEST_SHARE = 0.02
"""The largest share of the time that checkpoints at the ends of epochs may take."""
TENSORS, POSITION, SUMS = "tensors.safetensors", "position.json", "SHA256SUMS"
GIB = 1 << 30


@dataclass(frozen=True)
class Keeping:
    """Settings for the checkpoints of a run."""

    attempt: int | None = None
    """Number of the attempt, higher than any before; None takes the next number in the folder."""
    reserve_bytes: int = 2 * GIB
    """Free disk space that a run needs to start; three checkpoints must fit as well."""
    least_seconds: float = 5.0
    """Shortest time between two checkpoints at epoch ends. An epoch that ends within 50 times the
    duration of the last write gets none either, so checkpoints cost at most 2 % of the time.
    """
    most_seconds: float = 300.0
    """Longest time without a checkpoint: longer epochs get checkpoints in between."""


@dataclass(frozen=True)
class Position:
    """The position of a training: all of its state except the tensors."""

    phase: int = 0
    step: int = 0
    """Steps done."""
    rate_halvings: int = 0
    """Number of times that the training went back with half the learning rate."""
    parts: int = 1
    """Number of parts in which a batch is computed."""
    best: float = -1.0
    """Validation accuracy of the best weights so far, which the checkpoint holds."""
    log_bytes: int = 0
    """Length of the run's log."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Seconds that the run has spent, by activity."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found complete."""

    position: Position
    state: Mapping[str, Tensor]


class Damaged(Exception):
    """A checkpoint differs from what was written; the message says how."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(
        self,
        folder: RunFolder,
        config: RunConfig,
        keeping: Keeping | None = None,
        brake: Brake | None = None,
    ) -> None:
        """Removes checkpoints of another config: the folder now belongs to this run."""
        keeping = keeping or Keeping()
        self.brake = brake or Brake()
        self.seconds: dict[str, float] = {}
        """Seconds that this attempt has spent so far; the caller who measures them sets it."""
        self.spent_before: Mapping[str, float] = {}
        """Seconds spent by the earlier attempts that this one continues."""
        self._folder = folder
        self._keeping = keeping
        self._config = _digest(config.model_dump(mode="json"))
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None
        self._written = time.monotonic()
        self._cost = 0.0
        self._phase = -1
        self._found: Checkpoint | None = None
        self._complaints: list[str] = []
        kept = folder.checkpoints()
        self._attempt = keeping.attempt or 1 + max((each.attempt for each in kept), default=0)
        for leftover in folder.attempts_path.glob("*/checkpoints/.*"):
            shutil.rmtree(leftover, ignore_errors=True)
        for each in kept:
            if _told_config(each.path) not in (self._config, None):
                discard_folder(each.path)
        self.may_resume = bool(folder.checkpoints())
        """True if there may be a checkpoint to continue from that nobody has looked for yet."""

    def require_room(self, state_bytes: int = 0) -> None:
        """Raise `DiskFull` unless the reserve and three checkpoints of that size fit."""
        needed = max(self._keeping.reserve_bytes, 3 * state_bytes)
        free = shutil.disk_usage(self._folder.path).free
        if free < needed:
            raise DiskFull(
                f"disk: a run needs {needed / GIB:.1f} GiB free on the disk of "
                f"{self._folder.path.name}, and there are {free / GIB:.1f} GiB. Free some space."
            )

    def next_phase(self, made_of: str) -> tuple[int, Checkpoint | None]:
        """The number of the training that begins now, from 0, and the checkpoint to continue from.
        The checkpoint is of this phase, or of a later one if this phase is over.
        """
        self._phase += 1
        if self._phase == 0:
            self._found = self.newest(made_of)
        found = self._found
        if found and found.position.phase == self._phase:
            self._found, self.spent_before = None, found.position.seconds
        return self._phase, found

    def newest(self, made_of: str) -> Checkpoint | None:
        """The newest complete checkpoint made from the same images and model. All others that are
        found on the way are removed, with a complaint.
        """
        self.settle()
        self.may_resume = False
        for kept in self._folder.checkpoints():
            try:
                return self._read(kept, made_of)
            except Damaged as problem:
                name = kept.path.relative_to(self._folder.path)
                self._complaints.append(f"The checkpoint {name} was skipped: {problem}.")
                discard_folder(kept.path)
        return None

    def complaints(self) -> list[str]:
        """One sentence for each checkpoint that was skipped since the last call."""
        said, self._complaints = self._complaints, []
        return said

    def is_due(self, epoch_ended: bool) -> bool:
        """True if it is time for a checkpoint: at the end of an epoch, unless checkpoints would
        cost too much time, and within long epochs.
        """
        since = time.monotonic() - self._written
        if since >= self._keeping.most_seconds:
            return True
        busy = self._pending is not None and not self._pending.done()
        least = max(self._keeping.least_seconds, self._cost / LARGEST_SHARE)
        return epoch_ended and since >= least and not busy

    def save(self, position: Position, state: dict[str, Tensor], made_of: str) -> None:
        """Write a checkpoint while training goes on. The next call raises any error of this one."""
        self.settle()
        log = self._folder.events_path
        said = log.stat().st_size if log.exists() else 0
        names = self.spent_before.keys() | self.seconds.keys()
        both = (self.spent_before, dict(self.seconds))
        spent = {name: sum(part.get(name, 0.0) for part in both) for name in sorted(names)}
        position = replace(position, log_bytes=said, seconds=spent)
        self._pending = self._writer.submit(self._write, position, state, made_of)
        self._written = time.monotonic()

    def settle(self) -> None:
        """Wait until the last checkpoint is on the disk."""
        pending, self._pending = self._pending, None
        if pending:
            pending.result()

    def close(self) -> None:
        """End the thread, and ignore an error of the last write."""
        self._writer.shutdown(wait=True)

    def clear(self) -> None:
        """Remove all checkpoints: the run is finished, so an error of the last write no longer
        matters.
        """
        self.close()
        shutil.rmtree(self._folder.attempts_path, ignore_errors=True)

    def _write(self, position: Position, state: dict[str, Tensor], made_of: str) -> None:
        started = time.monotonic()
        if self._folder.events_path.exists():
            sync(self._folder.events_path)  # the log is never shorter than the checkpoint says
        told = {"config": self._config, "made_of": made_of, **asdict(position)}

        def write(folder: Path) -> None:
            save_file(state, folder / TENSORS)
            (folder / POSITION).write_text(json.dumps(told, indent=1), "utf-8")
            sums = [f"{file_sha256(folder / name)}  {name}\n" for name in (TENSORS, POSITION)]
            (folder / SUMS).write_text("".join(sums), "utf-8")

        name = f"{position.phase}-{position.step:08d}"
        path = self._folder.attempts_path / str(self._attempt) / "checkpoints" / name
        if path.exists():  # from before the training went back
            discard_folder(path)
        publish_folder(path, write)
        for old in self._folder.checkpoints()[KEPT:]:
            discard_folder(old.path)
        self._cost = time.monotonic() - started
        crash_at("after-checkpoint")

    def _read(self, kept: KeptCheckpoint, made_of: str) -> Checkpoint:
        try:
            _verify(kept.path)
            told = json.loads((kept.path / POSITION).read_text("utf-8"))
            state = load_file(kept.path / TENSORS)
        except OSError as error:
            raise Damaged(f"it cannot be read ({error.strerror})") from None
        except (ValueError, SafetensorError) as error:
            raise Damaged(f"it is not what was written ({error})") from None
        if told.pop("config") != self._config or told.pop("made_of") != made_of:
            raise Damaged("it was made of other images, another model or other settings")
        return Checkpoint(Position(**told), state)


def _verify(folder: Path) -> None:
    """Raise `Damaged` unless both files match their checksums."""
    if not (folder / SUMS).exists():
        raise Damaged("its checksums are missing")
    sums = (folder / SUMS).read_text("utf-8").splitlines()
    for name in (TENSORS, POSITION):
        if f"{file_sha256(folder / name)}  {name}" not in sums:
            raise Damaged(f"{name} is not what was written")


def _told_config(folder: Path) -> Any:
    """The digest of the config that the checkpoints were made with; None if it cannot be read."""
    try:
        return json.loads((folder / POSITION).read_text("utf-8")).get("config")
    except (OSError, ValueError, AttributeError):
        return None


def _digest(payload: Any) -> str:
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
