"""What a run says while it goes: the CLI prints it, the worker stores it, a test collects it."""

from collections.abc import Generator
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeVar

from core.results.records import Change, DomainScore, MeanChange, Mixing

T = TypeVar("T")


@dataclass(frozen=True)
class Event:
    """Something a run says. `kind` is its name on the wire."""

    kind: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """A flat JSON object with the event's kind."""
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
    """One optimiser step, or what a method does in its place."""

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
    """What the run holds on its device; 0 where nobody looked."""
    busy: float | None = None
    """How busy the device is, from 0 to 1; None where it cannot be told."""


@dataclass(frozen=True)
class Advanced(Event):
    """How far a phase without optimiser steps has come."""

    kind = "advanced"
    step: int
    """Parts that are done, of `steps`."""
    steps: int


@dataclass(frozen=True)
class Resumed(Event):
    """Training goes on from a checkpoint: what was said after it no longer holds."""

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
    """Images are about to be seen outside of steps, which may take long: an epoch's first look at
    them by the frozen tower, a validation, a measurement of all domains."""

    kind = "measuring"
    step: int


@dataclass(frozen=True)
class Evaluated(Event):
    """A classifier was measured on the domains; `step` is 0 for zero-shot."""

    kind = "evaluated"
    label: str
    """`zero-shot`, `training` (a look during training), `fine-tuned`, or `alpha` (a grid point)."""
    step: int
    domains: dict[str, DomainScore]
    alpha: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The scores as JSON as well."""
        scores = {name: score.model_dump() for name, score in self.domains.items()}
        return {"kind": self.kind, **self.__dict__, "domains": scores}


@dataclass(frozen=True)
class Recommended(Event):
    """What the run recommends, measured on every domain and compared with zero-shot: the verdict,
    before the rest of the frontier."""

    kind = "recommended"
    mixing: Mixing
    domains: dict[str, DomainScore]
    changes: dict[str, Change]
    """Against zero-shot on the same images, by domain."""
    mean_change: MeanChange | None
    """Over the OOD domains; None without any."""

    def to_json(self) -> dict[str, Any]:
        """All parts as JSON."""
        return {
            "kind": self.kind,
            "mixing": self.mixing.model_dump(),
            "domains": {name: score.model_dump() for name, score in self.domains.items()},
            "changes": {name: change.model_dump() for name, change in self.changes.items()},
            "mean_change": self.mean_change and self.mean_change.model_dump(),
        }


@dataclass(frozen=True)
class Saved(Event):
    """A file of the run folder was written (or written anew)."""

    kind = "saved"
    what: str
    path: str


@dataclass(frozen=True)
class Warned(Event):
    """Something the user should know; the run goes on."""

    kind = "warned"
    message: str


def result_of(steps: Generator[Any, None, T]) -> T:
    """What a generator of events returns, for a caller who does not listen."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: T = stop.value
            return found
