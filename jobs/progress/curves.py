"""Curves of a run: what its steps measured, of which an even part is kept."""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from jobs.progress.log import Told, whole

T = TypeVar("T")
MOST_POINTS = 8192
"""Of a curve. A longer one keeps every second step, then every fourth, and always its ends."""
TERM = "term "
"""What the name of a term's curve begins with."""


class Series(Generic[T]):
    """Values with the number of the event they came from, so that the newer part can be cut off."""

    def __init__(self) -> None:
        self._seqs: list[int] = []
        self._values: list[T] = []

    def add(self, seq: int, value: T) -> None:
        """One more."""
        self._seqs.append(seq)
        self._values.append(value)

    def after(self, seq: int) -> list[T]:
        """The points of later events."""
        return self._values[bisect_right(self._seqs, seq) :]

    def keep(self, stays: Callable[[T], bool]) -> None:
        """Drop the others."""
        kept = [i for i, value in enumerate(self._values) if stays(value)]
        self._seqs = [self._seqs[i] for i in kept]
        self._values = [self._values[i] for i in kept]


class Curves:
    """The measurements of training steps: series of `[step, …]`, each of at most `MOST_POINTS`.

    All of them stay at the same steps: each of them at first, then every second, then every fourth,
    and always the first and the newest.
    """

    def __init__(self) -> None:
        self._series: dict[str, Series[list[float]]] = defaultdict(Series)
        self._steps: list[int] = []
        """Those that stay."""
        self._waiting: list[tuple[int, int, Told]] = []
        """The last of them, which may be gone before anybody looks: number of the event, step."""
        self._stride = 1
        self._newest: Mapping[str, Any] = {}

    def hold(self, event: Mapping[str, Any]) -> None:
        """This is the newest step."""
        self._newest = event

    def add(self, seq: int, step: int, told: Told) -> None:
        """One more step."""
        if step % self._stride:
            return
        self._steps.append(step)
        self._waiting.append((seq, step, told))
        if len(self._steps) > MOST_POINTS:
            self._stride *= 2
            self._steps = [step for step in self._steps if self._stays(step)]
            self._waiting = [one for one in self._waiting if self._stays(one[1])]
            for series in self._series.values():
                series.keep(lambda point: self._stays(point[0]))

    def after(self, seq: int) -> dict[str, list[list[float]]]:
        """By name what is newer than the event `seq`; a series without such a point is left out."""
        for number, _, told in self._waiting:
            for name, point in _points(whole(number, told)):
                self._series[name].add(number, point)
        self._waiting = []
        found = {name: series.after(seq) for name, series in self._series.items()}
        newest = self._newest
        if newest and newest["seq"] > seq and not self._stays(newest["step"]):
            for name, point in _points(newest):
                found.setdefault(name, []).append(point)
        return {name: points for name, points in found.items() if points}

    def _stays(self, step: float) -> bool:
        return step % self._stride == 0 or step == self._steps[0]


def _points(event: Mapping[str, Any]) -> Iterator[tuple[str, list[float]]]:
    """The points that one step adds to the series. Numbers that are none make a gap."""
    step, loss = event["step"], event["loss"]
    if math.isfinite(loss):
        yield "losses", [step, loss]
    if event.get("lr") and math.isfinite(event.get("grad_norm", math.nan)):
        yield "updates", [step, event["lr"], event["grad_norm"]]
    for name, value in (event.get("terms") or {}).items():
        yield TERM + name, [step, value]
