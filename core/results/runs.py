"""The folder of a run: where config, events, record and weights lie. Imports no torch."""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from core.durable import publish
from core.errors import UserError
from core.events import Event, Resumed
from core.results.records import ByHand, RunConfig, RunRecord, read_config, write_json

MOST_BY_HAND = 50
"""Mixings set by hand that are kept of a run, the newest."""


class Kept(NamedTuple):
    """A checkpoint; of two the greater is the newer: that of a later attempt, then further on."""

    attempt: int
    phase: int
    """Number of the training, for a method that trains twice."""
    step: int
    path: Path


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. Everything about a run can be read from here, by any process."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        """What was asked."""
        return self.path / "config.json"

    @property
    def events_path(self) -> Path:
        """What the run said, one JSON object a line."""
        return self.path / "events.jsonl"

    @property
    def record_path(self) -> Path:
        """What happened; its presence means that the run finished."""
        return self.path / "record.json"

    @property
    def task_path(self) -> Path:
        """Which image taught, chose and measured (see `core.data.kept_task`)."""
        return self.path / "task.json"

    @property
    def weights_path(self) -> Path:
        """Tuned tower and head, and the zero-shot head they started from."""
        return self.path / "classifier.safetensors"

    @property
    def prototypes_path(self) -> Path:
        """Spurious prototypes and the features drifting between them, in the plane."""
        return self.path / "prototypes.json"

    @property
    def predictions_path(self) -> Path:
        """What zero-shot, recommended and fine-tuned classifier said of every image measured."""
        return self.path / "predictions.safetensors"

    @property
    def grid_path(self) -> Path:
        """Whether every image was right, and how likely its class was, at every α."""
        return self.path / "grid.safetensors"

    @property
    def gate_path(self) -> Path:
        """The gate of steady mixing, with its bank of training images' early statistics."""
        return self.path / "gate.safetensors"

    @property
    def by_hand_path(self) -> Path:
        """What people measured of a finished run besides: mixings that they set by hand."""
        return self.path / "by-hand.json"

    @property
    def attempts_path(self) -> Path:
        """A folder for each attempt, with its checkpoints while the run is not finished."""
        return self.path / "attempts"

    def checkpoints(self) -> list[Kept]:
        """The newest first. Whether they are whole is not looked at."""
        found = []
        for path in self.attempts_path.glob("*/checkpoints/[!.]*"):
            phase, _, step = path.name.partition("-")
            found.append(Kept(int(path.parts[-3]), int(phase), int(step), path))
        return sorted(found, reverse=True)

    def files(self) -> dict[str, str]:
        """Role to name of the files that are there."""
        roles = {
            "config": self.config_path,
            "events": self.events_path,
            "task": self.task_path,
            "weights": self.weights_path,
            "prototypes": self.prototypes_path,
            "predictions": self.predictions_path,
            "grid": self.grid_path,
            "gate": self.gate_path,
        }
        return {role: path.name for role, path in roles.items() if path.exists()}

    def create(self, config: RunConfig) -> None:
        """Make the folder and write the config. A folder that holds a finished run is a
        `UserError`.
        """
        if self.record_path.exists():
            raise UserError(f"{self.path} already holds a finished run. Name another folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.path.glob(".*.tmp"):  # of a process that was killed while it wrote
            leftover.unlink(missing_ok=True)
        write_json(self.config_path, config.model_dump(mode="json"))

    def config(self) -> RunConfig:
        """The config as it was frozen."""
        return read_config(json.loads(self.config_path.read_text("utf-8")))

    def record(self) -> RunRecord:
        """The record; a `UserError` when the run has not finished."""
        return RunRecord.read(self.record_path)

    def by_hand(self) -> list[ByHand]:
        """The mixings that were set by hand and measured, the oldest first."""
        try:
            payload = json.loads(self.by_hand_path.read_text("utf-8"))
        except FileNotFoundError:
            return []
        return [ByHand.model_validate(one) for one in payload]

    def keep_by_hand(self, measured: ByHand) -> None:
        """Add one; the same mixing measured again takes the place of the earlier."""
        others = [one for one in self.by_hand() if one.mixing != measured.mixing]
        kept = [*others, measured][-MOST_BY_HAND:]
        write_json(self.by_hand_path, [one.model_dump(mode="json") for one in kept])

    def events(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Events with `seq` above `after`, oldest first. A line still being written is left for
        later.
        """
        if not self.events_path.exists():
            return
        with open(self.events_path, encoding="utf-8") as lines:
            for seq, line in enumerate(lines, start=1):
                if seq > after and line.endswith("\n"):
                    yield {"seq": seq, **json.loads(line)}


class EventLog:
    """Appends events to a run's log as they happen.

    A log begins anew with the first event that it is given, unless that is `Resumed`: what was said
    up to the checkpoint stays then, and the rest is cut off.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.events_path
        self._file: BinaryIO | None = None

    def append(self, event: Event) -> dict[str, Any]:
        """Write one event with the wall-clock time (seconds since 1970)."""
        if isinstance(event, Resumed):
            file = self._begin(event.log_bytes)
        else:
            file = self._file or self._begin(0)
        entry = {"time": round(time.time(), 3), **event.to_json()}
        _append(file, json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        return entry

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def _begin(self, size: int) -> BinaryIO:
        """Another file with the first `size` bytes: a reader sees by its inode that it changed."""
        self.close()
        said = self._path.read_bytes()[:size] if size and self._path.exists() else b""
        whole = said[: said.rfind(b"\n") + 1]
        publish(self._path, lambda partial: partial.write_bytes(whole))
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
        return self._file


def _append(file: BinaryIO, line: bytes) -> None:
    """All of the line or, when the disk is full, nothing of it."""
    before = file.seek(0, os.SEEK_END)
    try:
        rest = line
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        file.truncate(before)
        raise
