"""The folder of a run, with its config, events, record and weights. Imports no torch."""

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
from core.params import JsonObject
from core.results.records import HandSetMixing, RunConfig, RunRecord, read_config, write_json

MOST_BY_HAND = 50
"""Most mixings set by hand that a run keeps; older ones are dropped."""


class KeptCheckpoint(NamedTuple):
    """A checkpoint on disk. Checkpoints sort by age: by attempt, then phase, then step."""

    attempt: int
    phase: int
    """Number of the training phase, for a method that trains twice."""
    step: int
    path: Path


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. Any process can read everything about a run from here."""

    path: Path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        """The settings of the run."""
        return self.path / "config.json"

    @property
    def events_path(self) -> Path:
        """The events of the run, one JSON object per line."""
        return self.path / "events.jsonl"

    @property
    def record_path(self) -> Path:
        """The results; this file exists only if the run finished."""
        return self.path / "record.json"

    @property
    def task_path(self) -> Path:
        """The images that trained, validated and tested (see `core.data.kept_task`)."""
        return self.path / "task.json"

    @property
    def weights_path(self) -> Path:
        """The fine-tuned tower and head, and the zero-shot head they started from."""
        return self.path / "classifier.safetensors"

    @property
    def prototypes_path(self) -> Path:
        """Spurious prototypes, and the features that move between them, in the plane."""
        return self.path / "prototypes.json"

    @property
    def predictions_path(self) -> Path:
        """The answers of the zero-shot, recommended and fine-tuned classifiers to every image."""
        return self.path / "predictions.safetensors"

    @property
    def grid_path(self) -> Path:
        """Per image and α: True if the answer was right, and the likelihood of the true class."""
        return self.path / "grid.safetensors"

    @property
    def gate_path(self) -> Path:
        """The gate of steady mixing, with early-layer statistics of the training images."""
        return self.path / "gate.safetensors"

    @property
    def by_hand_path(self) -> Path:
        """Mixings that people set by hand after the run, with their results."""
        return self.path / "by-hand.json"

    @property
    def attempts_path(self) -> Path:
        """One folder per attempt, with its checkpoints until the run is finished."""
        return self.path / "attempts"

    def checkpoints(self) -> list[KeptCheckpoint]:
        """The checkpoints, newest first. They are not opened, so some may be damaged."""
        found = []
        for path in self.attempts_path.glob("*/checkpoints/[!.]*"):
            phase, _, step = path.name.partition("-")
            found.append(KeptCheckpoint(int(path.parts[-3]), int(phase), int(step), path))
        return sorted(found, reverse=True)

    def files(self) -> dict[str, str]:
        """The existing files: role to file name."""
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
        """Makes the folder and writes the config, unless the folder has it already.

        The queue, the worker and the run call this in turn: each needs the config to be there, and
        the first one writes it. Raises `UserError` if the folder already holds a finished run.
        """
        if self.record_path.exists():
            raise UserError(f"{self.path} already holds a finished run. Name another folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        for leftover in self.path.glob(".*.tmp"):  # from a process killed while it was writing
            leftover.unlink(missing_ok=True)
        payload = config.model_dump(mode="json")
        try:
            if json.loads(self.config_path.read_bytes()) == payload:
                return
        except (FileNotFoundError, ValueError):
            pass  # there is none yet, or it was edited
        write_json(self.config_path, payload)

    def config(self) -> RunConfig:
        """The config as it was frozen."""
        return read_config(json.loads(self.config_path.read_text("utf-8")))

    def record(self) -> RunRecord:
        """The record. Raises `UserError` if the run has not finished."""
        return RunRecord.read(self.record_path)

    def by_hand(self) -> list[HandSetMixing]:
        """The mixings that were set by hand and measured, oldest first."""
        try:
            payload = json.loads(self.by_hand_path.read_text("utf-8"))
        except FileNotFoundError:
            return []
        return [HandSetMixing.model_validate(one) for one in payload]

    def keep_by_hand(self, measured: HandSetMixing) -> None:
        """Adds a mixing set by hand; it replaces an earlier measurement of the same mixing."""
        others = [one for one in self.by_hand() if one.mixing != measured.mixing]
        kept = [*others, measured][-MOST_BY_HAND:]
        write_json(self.by_hand_path, [one.model_dump(mode="json") for one in kept])

    def events(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Events with `seq` above `after`, oldest first. A line that is still being written is
        skipped; a later call returns it.
        """
        if not self.events_path.exists():
            return
        with open(self.events_path, encoding="utf-8") as lines:
            for seq, line in enumerate(lines, start=1):
                if seq > after and line.endswith("\n"):
                    yield {"seq": seq, **json.loads(line)}


class EventLog:
    """Appends events to a run's log as they happen.

    The first event starts a new log. If it is `Resumed`, the log up to the checkpoint is kept and
    the rest is cut off.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.events_path
        self._file: BinaryIO | None = None

    def append(self, event: Event) -> JsonObject:
        """Writes one event with the wall-clock time (seconds since 1970)."""
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
        """Starts a new file with the first `size` bytes. A reader notices by the new inode."""
        self.close()
        said = self._path.read_bytes()[:size] if size and self._path.exists() else b""
        whole = said[: said.rfind(b"\n") + 1]
        publish(self._path, lambda partial: partial.write_bytes(whole))
        self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115
        return self._file


def _append(file: BinaryIO, line: bytes) -> None:
    """Writes the whole line or, if the disk is full, nothing."""
    before = file.seek(0, os.SEEK_END)
    try:
        rest = line
        while rest:
            rest = rest[file.write(rest) :]
    except OSError:
        file.truncate(before)
        raise
