"""Reads the results of our own benchmark: methods, images and models."""

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
"""A fall is clear if the whole interval lies below minus this, a fraction of 1."""
Word = Literal["rose", "held", "fell", "fell-clearly"]


@dataclass(frozen=True)
class Situation:
    """The properties of a data set that are known before any training."""

    per_class: float
    """The mean number of training images per class."""
    ood_domains: int
    family: str
    """The model's family: `small` like the embedded one, or `clip`."""
    zero_shot_id: float | None = None
    """Zero-shot accuracy on the visitor's images, a fraction of 1; None if it is not known yet."""


@dataclass(frozen=True)
class Span:
    """A change of accuracy against zero-shot, a fraction of 1, with its 95 % interval."""

    change: float
    low: float | None = None
    """The lower end; both ends are None in results of older versions."""
    high: float | None = None

    @property
    def word(self) -> Word | None:
        """The word for the change by its interval; None without an interval."""
        if self.low is None or self.high is None:
            return None
        if self.low > 0:
            return "rose"
        if self.high >= 0:
            return "held"
        return "fell-clearly" if self.high < -CLEARLY else "fell"


@dataclass(frozen=True)
class TradeOff:
    """One method against zero-shot, on images like the training images (ID) and on others (OOD)."""

    method: str
    seeds: int
    id: Span | None
    """The ID change of the recommended mixing; None in results of older versions."""
    ood: Span | None
    """The mean over the other domains; None without any."""
    tuned_id: Span
    """The ID change of the fine-tuned weights alone."""
    tuned_ood: Span | None
    step_seconds: float
    """The time of a training step; 0 for a method without steps."""


@dataclass(frozen=True)
class Benchmark:
    """The methods measured on one data set with one model."""

    title: str
    situation: Situation
    classes: int | None
    methods: Mapping[str, TradeOff] = field(hash=False)


@functools.cache
def benchmarks() -> tuple[Benchmark, ...]:
    """All shipped results."""
    return read(_payload())


def read(payload: Mapping[str, Any]) -> tuple[Benchmark, ...]:
    """The results that `python -m tests.bench.methods` wrote, in this version or the one before."""
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
    """The time of a training step by method, relative to plain fine-tuning."""
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
    """The step times on the first data set that has them."""
    for found in _datasets(payload):
        if rows := found["experiments"].get("cost"):
            return {row["label"]: row["step_seconds"] for row in rows}
    return {}
