"""The training time of a method relative to another, such as FT. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingCost:
    """Training time as a multiple of another run's; 1 means equal."""

    per_step: float | None
    """Time per optimiser step; None if one run has no steps, or its record is too old to say."""
    total: float | None
    """Time of the whole training; None if the other run took no time."""


def training_cost(timing: Mapping[str, float], baseline: Mapping[str, float]) -> TrainingCost:
    """The cost of a run relative to a baseline, from the `timing` of both records.

    Compare only runs on the same idle machine, with the same model and batch size. A run that finds
    the frozen tower's features in the cache saves the time that the first run spent on them.
    """
    total, other = timing.get("train_seconds", 0.0), baseline.get("train_seconds", 0.0)
    steps, other_steps = timing.get("steps", 0.0), baseline.get("steps", 0.0)
    per_step = None
    if other and steps and other_steps:
        per_step = (total / steps) / (other / other_steps)
    return TrainingCost(per_step, total / other if other else None)
