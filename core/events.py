"""Events of a run in progress. The command line prints them, the worker stores them."""

from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

from core.params import JsonObject
from core.results.records import AccuracyChange, DomainScore, MeanChange, Mixing

T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """Base class of all events. `kind` is the event's name in JSON."""

    kind: ClassVar[str]

    def to_json(self) -> JsonObject:
        """The event as a flat JSON object, with its kind."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Stage(Event):
    """A phase begins: `data`, `zero-shot`, `training`, `measuring`, `gate`, `choosing`, `wise`,
    `stress`, `drift`, `saving`, `done`."""

    kind = "stage"
    name: str
    detail: str = ""


@dataclass(frozen=True)
class Step(Event):
    """One optimiser step, or one step of a method that has no optimiser."""

    kind = "step"
    step: int
    steps: int
    epoch: int
    epochs: int
    loss: float
    terms: dict[str, float] = field(default_factory=dict)
    """Every term of the loss by name, unweighted."""
    lr: float = 0.0
    grad_norm: float = 0.0
    images_per_second: float = 0.0
    memory_bytes: int = 0
    """Memory the run uses on its device; 0 if it was not measured."""
    busy: float | None = None
    """Utilisation of the device, from 0 to 1; None if unknown."""


@dataclass(frozen=True)
class Advanced(Event):
    """Progress of a phase that has no optimiser steps."""

    kind = "advanced"
    step: int
    """Parts that are done, out of `steps`."""
    steps: int


@dataclass(frozen=True)
class Resumed(Event):
    """Training continues from a checkpoint; later events of the earlier attempt are void."""

    kind = "resumed"
    step: int
    """Steps that are done."""
    steps: int
    epoch: int
    epochs: int
    log_bytes: int
    """Length of the run's log when the checkpoint was made."""


@dataclass(frozen=True)
class Measuring(Event):
    """Images are about to be encoded outside of optimiser steps, which may take long: the frozen
    tower's first pass, a validation, or a measurement of all domains."""

    kind = "measuring"
    step: int


@dataclass(frozen=True)
class Evaluated(Event):
    """A classifier was measured on the domains; `step` is 0 for zero-shot."""

    kind = "evaluated"
    label: str
    """`zero-shot`, `training` (measured during training), `fine-tuned`, or `alpha` (grid point)."""
    step: int
    domains: dict[str, DomainScore]
    alpha: float | None = None

    def to_json(self) -> JsonObject:
        """The event as JSON, scores included."""
        scores = {name: score.model_dump() for name, score in self.domains.items()}
        return {"kind": self.kind, **self.__dict__, "domains": scores}


@dataclass(frozen=True)
class Recommended(Event):
    """The verdict: the recommended mixing, measured on every domain and compared with zero-shot.
    It comes before the rest of the frontier is measured."""

    kind = "recommended"
    mixing: Mixing
    domains: dict[str, DomainScore]
    changes: dict[str, AccuracyChange]
    """Against zero-shot on the same images, by domain."""
    mean_change: MeanChange | None
    """Over the OOD domains; None without any."""

    def to_json(self) -> JsonObject:
        """All parts as JSON."""
        return {
            "kind": self.kind,
            "mixing": self.mixing.model_dump(),
            "domains": {name: score.model_dump() for name, score in self.domains.items()},
            "changes": {name: change.model_dump() for name, change in self.changes.items()},
            "mean_change": self.mean_change.model_dump() if self.mean_change else None,
        }


@dataclass(frozen=True)
class Saved(Event):
    """A file of the run folder was written, or written again."""

    kind = "saved"
    what: str
    path: str


@dataclass(frozen=True)
class Warned(Event):
    """A warning for the user; the run continues."""

    kind = "warned"
    message: str


def result_of(steps: Generator[Any, None, T]) -> T:
    """Runs a generator of events to its end and returns its result; the events are dropped."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: T = stop.value
            return found
