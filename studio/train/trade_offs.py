"""What our own benchmark measured of each method, on which images, and with which model."""

import functools
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.embedded import assets
from studio.train.guide import REFERENCE

FILE = "benchmark.json"
CLEARLY = 0.02
"""A fall is clear where the whole interval lies further down than this, a fraction of 1."""
Word = Literal["rose", "held", "fell", "fell-clearly"]


@dataclass(frozen=True)
class Situation:
    """What images are like, and what is known of them before any training."""

    per_class: float
    """Training images of a class, the mean over classes."""
    ood_domains: int
    family: str
    """Of the model: `small`, as the embedded one is, or `clip`."""
    zero_shot_id: float | None = None
    """Zero-shot accuracy on one's own images, a fraction of 1; None where it is not known yet."""


@dataclass(frozen=True)
class Span:
    """A change of accuracy against zero-shot, a fraction of 1, with its 95 % interval."""

    change: float
    low: float | None = None
    """None, and `high` with it, in results of older versions."""
    high: float | None = None

    @property
    def word(self) -> Word | None:
        """What the interval lets one say; None without one."""
        if self.low is None or self.high is None:
            return None
        if self.low > 0:
            return "rose"
        if self.high >= 0:
            return "held"
        return "fell-clearly" if self.high < -CLEARLY else "fell"


@dataclass(frozen=True)
class TradeOff:
    """One method against zero-shot: on images as it was taught (ID), and on others (OOD)."""

    method: str
    seeds: int
    id: Span | None
    """Of what a run recommends, which is what a click gives; None in results of older versions."""
    ood: Span | None
    """The mean over the other domains; None without any."""
    tuned_id: Span
    """Of the tuned weights alone."""
    tuned_ood: Span | None
    step_seconds: float
    """0 where no steps are taken."""


@dataclass(frozen=True)
class Benchmark:
    """Methods that were measured on one data set with one model."""

    title: str
    situation: Situation
    classes: int | None
    methods: Mapping[str, TradeOff] = field(hash=False)


@functools.cache
def benchmarks() -> tuple[Benchmark, ...]:
    """All that were measured, as they are shipped."""
    return read(_payload())


def read(payload: Mapping[str, Any]) -> tuple[Benchmark, ...]:
    """From what `python -m tests.bench.methods` writes, of this version or the one before."""
    costs = _step_seconds(payload)
    return tuple(
        Benchmark(
            title=str(found["title"]),
            situation=_situation(found["situation"]),
            classes=found["situation"].get("classes"),
            methods={
                row["label"]: _trade_off(row, costs)
                for row in found["experiments"]["methods"]
                if row["shots"] == found["situation"]["shots"]
            },
        )
        for found in _datasets(payload)
        if found["experiments"].get("methods")
    )


@functools.cache
def step_costs() -> dict[str, float]:
    """Method to the time of a training step relative to plain fine-tuning's, as measured."""
    seconds = _step_seconds(_payload())
    return {name: took / seconds[REFERENCE] for name, took in seconds.items()}


def _payload() -> dict[str, Any]:
    payload: dict[str, Any] = json.loads((assets() / FILE).read_text("utf-8"))
    return payload


def _datasets(payload: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    if "datasets" in payload:
        return list(payload["datasets"].values())
    rows = payload["experiments"]["methods"]  # schema 2 knows one data set, the demo
    shots = max(row["shots"] for row in rows)
    situation = {
        "shots": shots,
        "zero_shot_id": rows[0]["id"] - rows[0]["id_change"],
        "family": "small",
        "ood_domains": len([name for name in rows[0]["domain_changes"] if name != "test"]),
    }
    return [{**payload, "title": "Demo", "situation": situation}]


def _situation(found: Mapping[str, Any]) -> Situation:
    images, classes = found.get("images"), found.get("classes")
    return Situation(
        per_class=images / classes if images and classes else float(found["shots"]),
        ood_domains=int(found["ood_domains"]),
        family=str(found["family"]),
        zero_shot_id=found.get("zero_shot_id"),
    )


def _trade_off(row: Mapping[str, Any], costs: Mapping[str, float]) -> TradeOff:
    tuned = _span(row, "id")
    assert tuned is not None
    return TradeOff(
        method=row["label"],
        seeds=row["seeds"],
        id=_span(row, "recommended_id"),
        ood=_span(row, "recommended_ood"),
        tuned_id=tuned,
        tuned_ood=_span(row, "ood"),
        step_seconds=costs.get(row["label"], row.get("step_seconds") or 0.0),
    )


def _span(row: Mapping[str, Any], name: str) -> Span | None:
    change = row.get(f"{name}_change")
    if change is None or math.isnan(change):
        return None
    return Span(change, row.get(f"{name}_low"), row.get(f"{name}_high"))


def _step_seconds(payload: Mapping[str, Any]) -> dict[str, float]:
    """Of the first data set on which steps were timed."""
    for found in _datasets(payload):
        if rows := found["experiments"].get("cost"):
            return {row["label"]: row["step_seconds"] for row in rows}
    return {}
