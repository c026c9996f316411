"""Folds the events of a run into how far it is."""

import re
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.results.records import Mixing
from core.rounding import percent, points
from jobs.progress.curves import TERM, Curves, Series
from jobs.progress.log import Told, whole

WINDOW = 30
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
    """`[step, loss]` of training; of more than `MOST_POINTS` an even part, as below."""
    terms: dict[str, list[list[float]]] = field(default_factory=dict)
    """Each term of the loss as `[step, value]`."""
    updates: list[list[float]] = field(default_factory=list)
    """`[step, learning rate, gradient norm]` of training."""
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    """`{label, step, alpha, domains}`; `domains` is name to `DomainScore` as JSON."""
    recommended: dict[str, Any] | None = None
    """The verdict as the event `Recommended` has it; None before it is known."""
    warnings: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """The run in sentences, with the time of day."""


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
    began: float | None = None
    """Time at which the phase began."""

    def count(self, event: Mapping[str, Any]) -> None:
        self.step, self.steps = event["step"], event["steps"]
        self.epoch = event.get("epoch", self.epoch)
        self.epochs = event.get("epochs", self.epochs)


_STEP = re.compile(
    rb'\{"time": [^,]+, "kind": "step", "step": (\d+), "steps": \d+, '
    rb'"epoch": (\d+), "epochs": \d+, "loss": ([^,]+), '
)
"""How the line of a step begins, with what every step counts by: number, epoch, loss."""


class Fold:
    """Takes events one by one in their order; `progress()` says where that leads.

    A log is nearly all steps. Of most no more is read than `_STEP` finds: the points of few are on
    the curves, and where the run is and how fast, only the newest tell.
    """

    def __init__(self) -> None:
        self._now = _Now()
        self._curves = Curves()
        self._evaluations: Series[dict[str, Any]] = Series()
        self._warnings: Series[str] = Series()
        self._log: Series[str] = Series()
        self._recommended: dict[str, Any] | None = None
        self._recent: deque[tuple[int, Told]] = deque(maxlen=WINDOW)
        """Steps of this phase."""
        self._is_behind = False
        """Whether the newest of them has not been read further than `_STEP`."""
        self._epoch_losses: list[float | bytes] = []

    def add_line(self, seq: int, line: bytes) -> None:
        """One more event, as it stands in the log."""
        found = _STEP.match(line)
        if found is None or not self._recent:
            self.add(whole(seq, line))
            return
        step, epoch, loss = found.groups()
        if int(epoch) != self._now.epoch:
            self.add(whole(seq, line))
            return
        self._recent.append((seq, line))
        self._is_behind = True
        if self._now.phase == "training":
            self._epoch_losses.append(loss)
            self._curves.add(seq, int(step), line)

    def add(self, event: Mapping[str, Any]) -> None:
        """One more event, as `RunFolder.events` gives it."""
        self._catch_up()
        seq, now = event["seq"], self._now
        now.seq, now.updated = seq, event.get("time")
        if now.started is None:
            now.started = now.updated
        match event["kind"]:
            case "step":
                self._step(event)
            case "advanced":
                self._recent.append((seq, event))
                now.count(event)
            case "recommended":
                about = ("kind", "seq", "time")
                self._recommended = {key: v for key, v in event.items() if key not in about}
                self._say(event, _verdict_in_words(event))
            case "stage":
                self._end_epoch(event)
                self._recent.clear()
                now.phase, now.step, now.steps = event["name"], 0, 0
                now.began = now.updated
                detail = f": {event['detail']}" if event.get("detail") else ""
                self._say(event, f"{event['name']}{detail}")
            case "resumed":
                self._recent.clear()
                now.started, now.phase = now.updated, "training"
                self._recommended = None
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
        """The progress of the run. Its lists hold only what came with events above `after`."""
        self._catch_up()
        curves = self._curves.after(after)
        recent = [whole(*step) for step in self._recent]
        return Progress(
            **{name: value for name, value in vars(self._now).items() if name != "began"},
            images_per_second=_images_per_second(recent),
            eta_seconds=_eta_seconds(recent, self._now.began),
            losses=curves.pop("losses", []),
            updates=curves.pop("updates", []),
            terms={name.removeprefix(TERM): points for name, points in curves.items()},
            evaluations=self._evaluations.after(after),
            recommended=self._recommended,
            warnings=self._warnings.after(after),
            log=self._log.after(after),
        )

    def _step(self, event: Mapping[str, Any]) -> None:
        if event["epoch"] != self._now.epoch:
            self._end_epoch(event)
        self._recent.append((event["seq"], event))
        self._stand_at(event)
        if self._now.phase == "training":
            self._epoch_losses.append(event["loss"])
            self._curves.add(event["seq"], event["step"], event)

    def _catch_up(self) -> None:
        if self._is_behind:
            self._is_behind = False
            self._stand_at(whole(*self._recent[-1]))

    def _stand_at(self, step: Mapping[str, Any]) -> None:
        """The progress that a step reports, until the next one."""
        now = self._now
        now.seq, now.updated = step["seq"], step.get("time")
        now.count(step)
        now.memory_bytes, now.busy = step.get("memory_bytes") or None, step.get("busy")
        if now.phase == "training":
            self._curves.hold(step)

    def _end_epoch(self, event: Mapping[str, Any]) -> None:
        if self._epoch_losses and self._now.phase == "training":
            mean = sum(map(float, self._epoch_losses)) / len(self._epoch_losses)
            self._say(event, f"epoch {self._now.epoch}/{self._now.epochs}: mean loss {mean:.4f}")
        self._epoch_losses = []

    def _say(self, event: Mapping[str, Any], sentence: str) -> None:
        clock = time.strftime("%H:%M:%S", time.localtime(event.get("time") or 0))
        self._log.add(event["seq"], f"{clock}  {sentence}")


def _images_per_second(steps: Sequence[Mapping[str, Any]]) -> float | None:
    rates = [rate for step in steps if (rate := step.get("images_per_second") or 0.0) > 0]
    return sum(rates) / len(rates) if rates else None


def _eta_seconds(steps: Sequence[Mapping[str, Any]], began: float | None) -> float | None:
    """Until the end of the phase; where parts are counted the first tells as much, from the
    beginning on.
    """
    if steps and steps[0]["kind"] == "advanced" and len(steps) < WINDOW and began is not None:
        steps = [{"step": 0, "time": began}, *steps]
    if len(steps) < 2 or not steps[-1]["steps"]:
        return None
    first, last = steps[0], steps[-1]
    took = (last.get("time") or 0.0) - (first.get("time") or 0.0)
    seconds_per_step = took / max(last["step"] - first["step"], 1)
    return float(max(last["steps"] - last["step"], 0) * seconds_per_step)


def fold(events: Iterable[Mapping[str, Any]]) -> Progress:
    """The progress that all these events amount to."""
    folded = Fold()
    for event in events:
        folded.add(event)
    return folded.progress()


def _in_words(event: Mapping[str, Any]) -> str:
    label = event["label"]
    if event.get("alpha") is not None:
        label = f"alpha {event['alpha']:g}"
    scores = ", ".join(
        f"{name} {percent(score['accuracy'])} %" for name, score in event["domains"].items()
    )
    return f"{label}: {scores}"


def _verdict_in_words(event: Mapping[str, Any]) -> str:
    changed = ", ".join(
        f"{name} {points(change['difference'])} points ({change['outcome']})"
        for name, change in event["changes"].items()
    )
    mixing = Mixing.model_validate(event["mixing"])
    return f"recommended: {mixing}; against zero-shot {changed}"
