"""How far a run is: a fold over its events, for the page and the command line."""

import math
import os
import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic_core import from_json  # takes NaN like `json`, and half the time

from core.runs import RunFolder

T = TypeVar("T")
WINDOW = 30
"""Steps over which speed is averaged: long enough to be calm, short enough to follow a change."""
MOST_POINTS = 8192
"""Of a curve. A longer one keeps every second step, then every fourth, and always its ends."""


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
    """`[step, loss]` of training; of more than `MOST_POINTS` an even part, as below."""
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

    def keep(self, stays: Callable[[T], bool]) -> None:
        """Drop the others, but not the first."""
        kept = [i for i, value in enumerate(self._values) if i == 0 or stays(value)]
        self._seqs = [self._seqs[i] for i in kept]
        self._values = [self._values[i] for i in kept]

    def __len__(self) -> int:
        return len(self._values)


class _Curves:
    """What training steps measured: series of `[step, …]`, each of at most `MOST_POINTS`.

    All of them stay at the same steps, and at the newest.
    """

    def __init__(self) -> None:
        self._series: dict[str, _Series[list[float]]] = {}
        self._stride = 1
        self._newest: Mapping[str, Any] = {}

    def add(self, event: Mapping[str, Any]) -> None:
        self._newest = event
        if event["step"] % self._stride:
            return
        for name, point in _points(event):
            self._series.setdefault(name, _Series()).add(event["seq"], point)
        if max(map(len, self._series.values()), default=0) > MOST_POINTS:
            self._stride *= 2
            for series in self._series.values():
                series.keep(lambda point: point[0] % self._stride == 0)

    def after(self, seq: int) -> dict[str, list[list[float]]]:
        """By name what is newer than the event `seq`; a series without such a point is left out."""
        found = {name: series.after(seq) for name, series in self._series.items()}
        if self._newest and self._newest["seq"] > seq and self._newest["step"] % self._stride:
            for name, point in _points(self._newest):
                found.setdefault(name, []).append(point)
        return {name: points for name, points in found.items() if points}


_TERM = "term "


def _points(event: Mapping[str, Any]) -> Iterator[tuple[str, list[float]]]:
    """What one step adds to the series. Numbers that are none make a gap."""
    step, loss = event["step"], event["loss"]
    if math.isfinite(loss):
        yield "losses", [step, loss]
    if event.get("lr") and math.isfinite(event.get("grad_norm", math.nan)):
        yield "updates", [step, event["lr"], event["grad_norm"]]
    for name, value in (event.get("terms") or {}).items():
        yield _TERM + name, [step, value]


@dataclass
class _Now:
    """The part of `Progress` that is one value each, as it changes."""

    seq: int = 0
    phase: str = ""
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    memory_bytes: int | None = None
    busy: float | None = None
    started: float | None = None
    updated: float | None = None

    def count(self, event: Mapping[str, Any]) -> None:
        self.step, self.steps = event["step"], event["steps"]
        self.epoch, self.epochs = event["epoch"], event["epochs"]


class Fold:
    """Takes events one by one in their order; `progress()` says where that leads."""

    def __init__(self) -> None:
        self._now = _Now()
        self._curves = _Curves()
        self._evaluations: _Series[dict[str, Any]] = _Series()
        self._warnings: _Series[str] = _Series()
        self._log: _Series[str] = _Series()
        self._recent: deque[tuple[float, int, float]] = deque(maxlen=WINDOW)
        self._epoch_losses: list[float] = []

    def add(self, event: Mapping[str, Any]) -> None:
        """One more event, as `RunFolder.events` gives it."""
        seq, now = event["seq"], self._now
        now.seq, now.updated = seq, event.get("time")
        if now.started is None:
            now.started = now.updated
        match event["kind"]:
            case "step":
                self._step(event)
            case "stage":
                self._end_epoch(event)
                self._recent.clear()
                now.phase, now.step, now.steps = event["name"], 0, 0
                detail = f": {event['detail']}" if event.get("detail") else ""
                self._say(event, f"{event['name']}{detail}")
            case "resumed":
                self._recent.clear()
                now.started, now.phase = now.updated, "training"
                now.count(event)
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
        curves = self._curves.after(after)
        return Progress(
            **vars(self._now),
            images_per_second=self._images_per_second(),
            eta_seconds=self._eta_seconds(),
            losses=curves.pop("losses", []),
            updates=curves.pop("updates", []),
            terms={name.removeprefix(_TERM): points for name, points in curves.items()},
            evaluations=self._evaluations.after(after),
            warnings=self._warnings.after(after),
            log=self._log.after(after),
        )

    def _step(self, event: Mapping[str, Any]) -> None:
        now = self._now
        if event["epoch"] != now.epoch:
            self._end_epoch(event)
        now.count(event)
        now.memory_bytes, now.busy = event.get("memory_bytes") or None, event.get("busy")
        rate = event.get("images_per_second") or 0.0
        self._recent.append((event.get("time") or 0.0, event["step"], rate))
        if now.phase != "training":
            return
        self._epoch_losses.append(event["loss"])
        self._curves.add(event)

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
                event = from_json(line, cache_strings="keys")
                event["seq"] = self._seq
                self._fold.add(event)

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


def _in_words(event: Mapping[str, Any]) -> str:
    label = event["label"]
    if event.get("alpha") is not None:
        label = f"alpha {event['alpha']:g}"
    scores = ", ".join(
        f"{name} {score['accuracy']:.1%}" for name, score in event["domains"].items()
    )
    return f"{label}: {scores}"
