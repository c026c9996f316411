"""How far a run is: a fold over its events, for the page and the command line."""

import json
import math
import os
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from core.runs import RunFolder

T = TypeVar("T")
_WINDOW = 30
"""Steps over which speed is averaged: long enough to be calm, short enough to follow a change."""


@dataclass(frozen=True)
class Progress:
    """A run as its events tell it, up to the event number `seq`.

    Lists hold what is newer than the `after` that was asked for. A run that was started again or
    went back to a checkpoint has another `started`: ask again with `after=0` then.
    """

    seq: int = 0
    phase: str = ""
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    images_per_second: float | None = None
    memory_bytes: int | None = None
    """What the run held on its device at the last step."""
    busy: float | None = None
    """How busy it kept the device, from 0 to 1."""
    eta_seconds: float | None = None
    """Until the end of the phase."""
    started: float | None = None
    """Time of the first event, or of the last return to a checkpoint; seconds since 1970."""
    updated: float | None = None
    """Time of the last event."""
    losses: list[list[float]] = field(default_factory=list)
    """`[step, loss]` of training."""
    terms: dict[str, list[list[float]]] = field(default_factory=dict)
    """Each term of the loss as `[step, value]`."""
    updates: list[list[float]] = field(default_factory=list)
    """`[step, learning rate, gradient norm]` of training."""
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    """`{label, step, alpha, domains}`; `domains` is name to `DomainScore` as JSON."""
    warnings: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """The run in sentences, with the time of day."""


class _Series(Generic[T]):
    """Values with the number of the event they came from, so that the newer part can be cut off."""

    def __init__(self) -> None:
        self._seqs: list[int] = []
        self._values: list[T] = []

    def add(self, seq: int, value: T) -> None:
        self._seqs.append(seq)
        self._values.append(value)

    def after(self, seq: int) -> list[T]:
        return self._values[bisect_right(self._seqs, seq) :]


class Fold:
    """Takes events one by one in their order; `progress()` says where that leads."""

    def __init__(self) -> None:
        self._now = Progress()
        self._losses: _Series[list[float]] = _Series()
        self._terms: dict[str, _Series[list[float]]] = {}
        self._updates: _Series[list[float]] = _Series()
        self._evaluations: _Series[dict[str, Any]] = _Series()
        self._warnings: _Series[str] = _Series()
        self._log: _Series[str] = _Series()
        self._recent: deque[tuple[float, int, float]] = deque(maxlen=_WINDOW)
        self._epoch_losses: list[float] = []

    def add(self, event: Mapping[str, Any]) -> None:
        """One more event, as `RunFolder.events` gives it."""
        seq, at = event["seq"], event.get("time")
        started = at if self._now.started is None else self._now.started
        self._now = _with(self._now, seq=seq, started=started, updated=at)
        match event["kind"]:
            case "stage":
                self._end_epoch(event)
                self._recent.clear()
                self._now = _with(self._now, phase=event["name"], step=0, steps=0)
                detail = f": {event['detail']}" if event.get("detail") else ""
                self._say(event, f"{event['name']}{detail}")
            case "step":
                self._step(event)
            case "resumed":
                self._recent.clear()
                counts = {name: event[name] for name in ("step", "steps", "epoch", "epochs")}
                self._now = _with(self._now, started=at, phase="training", **counts)
                self._say(event, f"going on after step {event['step']} of {event['steps']}")
            case "evaluated":
                self._end_epoch(event)
                keys = ("label", "step", "alpha", "domains")
                self._evaluations.add(seq, {key: event.get(key) for key in keys})
                self._say(event, _in_words(event))
            case "saved":
                self._end_epoch(event)
                self._say(event, f"saved {event['what']} ({event['path']})")
            case "warned":
                self._warnings.add(seq, event["message"])
                self._say(event, f"warning: {event['message']}")

    def progress(self, after: int = 0) -> Progress:
        """Where the run is; its lists hold what came with events above `after`."""
        terms = {name: series.after(after) for name, series in self._terms.items()}
        return _with(
            self._now,
            images_per_second=self._images_per_second(),
            eta_seconds=self._eta_seconds(),
            losses=self._losses.after(after),
            terms={name: values for name, values in terms.items() if values},
            updates=self._updates.after(after),
            evaluations=self._evaluations.after(after),
            warnings=self._warnings.after(after),
            log=self._log.after(after),
        )

    def _step(self, event: Mapping[str, Any]) -> None:
        if event["epoch"] != self._now.epoch:
            self._end_epoch(event)
        counts = {name: event[name] for name in ("step", "steps", "epoch", "epochs")}
        use = {"memory_bytes": event.get("memory_bytes") or None, "busy": event.get("busy")}
        self._now = _with(self._now, **counts, **use)
        rate = event.get("images_per_second") or 0.0
        self._recent.append((event.get("time") or 0.0, event["step"], rate))
        if self._now.phase != "training":
            return
        seq, step, loss = event["seq"], event["step"], event["loss"]
        self._epoch_losses.append(loss)
        if math.isfinite(loss):
            self._losses.add(seq, [step, loss])
        if event.get("lr") and math.isfinite(event.get("grad_norm", math.nan)):
            self._updates.add(seq, [step, event["lr"], event["grad_norm"]])
        for name, value in (event.get("terms") or {}).items():
            self._terms.setdefault(name, _Series()).add(seq, [step, value])

    def _end_epoch(self, event: Mapping[str, Any]) -> None:
        if self._epoch_losses and self._now.phase == "training":
            mean = sum(self._epoch_losses) / len(self._epoch_losses)
            self._say(event, f"epoch {self._now.epoch}/{self._now.epochs}: mean loss {mean:.4f}")
        self._epoch_losses = []

    def _say(self, event: Mapping[str, Any], sentence: str) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(event.get("time") or 0))
        self._log.add(event["seq"], f"{clock}  {sentence}")

    def _images_per_second(self) -> float | None:
        rates = [rate for _, _, rate in self._recent if rate > 0]
        return sum(rates) / len(rates) if rates else None

    def _eta_seconds(self) -> float | None:
        if len(self._recent) < 2 or not self._now.steps:
            return None
        (begin, first, _), (end, last, _) = self._recent[0], self._recent[-1]
        seconds_per_step = (end - begin) / max(last - first, 1)
        return max(self._now.steps - last, 0) * seconds_per_step


def fold(events: Iterable[Mapping[str, Any]]) -> Progress:
    """The progress that all these events amount to."""
    folded = Fold()
    for event in events:
        folded.add(event)
    return folded.progress()


class Reader:
    """Follows one run's log.

    Each reading parses only what was written since the last, by any thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._forget(inode=0)

    def read(self, after: int = 0) -> Progress:
        """The progress by now; see `Progress` for `after`."""
        with self._lock:
            self._catch_up()
            return self._fold.progress(after)

    def _catch_up(self) -> None:
        try:
            file = open(self._path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            self._forget(inode=0)
            return
        with file:
            inode = os.fstat(file.fileno()).st_ino
            size = os.fstat(file.fileno()).st_size
            if inode != self._inode or size < self._offset:
                self._forget(inode)  # a new attempt began a new log
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written
                self._offset += len(line)
                self._seq += 1
                self._fold.add({"seq": self._seq, **json.loads(line)})

    def _forget(self, inode: int) -> None:
        self._inode = inode
        self._offset = 0
        self._seq = 0
        self._fold = Fold()


@lru_cache(maxsize=64)
def _reader(path: Path) -> Reader:
    return Reader(path)


def read_progress(folder: RunFolder, after: int = 0) -> Progress:
    """How far the run is.

    Cheap to call every second: the last 64 runs' logs are followed, not re-read.
    """
    return _reader(folder.events_path).read(after)


def _with(progress: Progress, **changes: Any) -> Progress:
    return Progress(**{**progress.__dict__, **changes})


def _in_words(event: Mapping[str, Any]) -> str:
    label = event["label"]
    if event.get("alpha") is not None:
        label = f"alpha {event['alpha']:g}"
    scores = ", ".join(
        f"{name} {score['accuracy']:.1%}" for name, score in event["domains"].items()
    )
    return f"{label}: {scores}"
