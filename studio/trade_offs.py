"""What our own benchmark measured of each method, for the dots on its card."""

import functools
import json
import math
from dataclasses import dataclass
from typing import Any

from core.embedded import assets
from studio.guide import REFERENCE

FILE = "benchmark.json"
SHOTS = 16
MOST = 3


@dataclass(frozen=True)
class TradeOff:
    """One method against zero-shot on the demo: changes as fractions of 1, dots out of three."""

    id_change: float
    ood_change: float
    seeds: int
    id_dots: int
    """A share of the best gain of all methods; none without a gain."""
    ood_dots: int
    """Three where nothing is lost, none for the method that loses most."""


@functools.cache
def measured() -> dict[str, TradeOff]:
    """Method to what was measured; a method that was not measured has no dots."""
    payload = json.loads((assets() / FILE).read_text("utf-8"))
    return trade_offs(payload["experiments"]["methods"])


def trade_offs(rows: list[dict[str, Any]]) -> dict[str, TradeOff]:
    """From the benchmark's rows of its experiment `methods`."""
    shown = [row for row in rows if row["shots"] == SHOTS and row["ood_change"] is not None]
    best = max((row["id_change"] for row in shown), default=0.0)
    worst = max((-row["ood_change"] for row in shown), default=0.0)
    return {
        row["label"]: TradeOff(
            id_change=row["id_change"],
            ood_change=row["ood_change"],
            seeds=row["seeds"],
            id_dots=math.ceil(MOST * _share(row["id_change"], best)),
            ood_dots=MOST - math.floor(MOST * _share(-row["ood_change"], worst)),
        )
        for row in shown
    }


@functools.cache
def step_costs() -> dict[str, float]:
    """Method to the time of a training step relative to plain fine-tuning's, as measured."""
    payload = json.loads((assets() / FILE).read_text("utf-8"))
    seconds = {row["label"]: row["step_seconds"] for row in payload["experiments"]["cost"]}
    return {name: took / seconds[REFERENCE] for name, took in seconds.items()}


def _share(value: float, largest: float) -> float:
    return max(0.0, value) / largest if largest > 0 else 0.0
