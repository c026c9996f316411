"""`Figure`: one measured number with its target, and how the figures of a run are told."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

HEADINGS = ("figure", "what", "target", "measured", "spread", "n", "reached")


@dataclass(frozen=True)
class Target:
    """What a figure has to be."""

    direction: Literal["at least", "at most"]
    bound: float

    def is_met_by(self, value: float) -> bool:
        """Whether `value` is on the right side of the bound."""
        return value >= self.bound if self.direction == "at least" else value <= self.bound


@dataclass(frozen=True)
class Figure:
    """The median of several readings, beside what it has to be."""

    key: str
    """`T1` … `T10`; several figures may share one."""
    what: str
    """What was measured, for people."""
    unit: str
    """`×` for a ratio, `%`, `s`, `MB/s`, …"""
    target: Target
    readings: tuple[float, ...]
    """At least one, in the order they were taken."""
    note: str = ""
    """What one must know to read it."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What it was computed from, by names with their units."""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.readings)

    @property
    def spread(self) -> tuple[float, float]:
        """The smallest and the largest reading."""
        return min(self.readings), max(self.readings)

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return self.target.is_met_by(self.value)

    def to_json(self) -> dict[str, Any]:
        """All of it, with median, spread and verdict."""
        told = {"value": self.value, "spread": self.spread, "reached": self.reached}
        return {**asdict(self), **told}

    def in_words(self) -> tuple[str, ...]:
        """The cells under `HEADINGS`."""
        return (
            self.key,
            self.what,
            f"{self.target.direction} {self._number(self.target.bound)}",
            self._number(self.value),
            " to ".join(self._number(value) for value in self.spread),
            str(len(self.readings)),
            "yes" if self.reached else "no",
        )

    def _number(self, value: float) -> str:
        return f"{value:.3g} {self.unit}"


def markdown(figures: Sequence[Figure], machine: Mapping[str, Any]) -> str:
    """The machine, a table of all figures, and below it what was measured on the way."""
    lines = [" · ".join(f"{name} {value}" for name, value in machine.items()), ""]
    lines += [_row(HEADINGS), _row(["---"] * len(HEADINGS))]
    lines += [_row(figure.in_words()) for figure in figures]
    lines.append("")
    for figure in figures:
        facts = ", ".join(f"{name} {value:.4g}" for name, value in figure.facts.items())
        told = " ".join(part for part in (figure.note, f"{facts}." if facts else "") if part)
        lines += [f"- {figure.key} {figure.what}: {told}"] if told else []
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
