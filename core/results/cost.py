"""What a method costs to train, relative to another such as FT. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingCost:
    """How many times as long as the other run it took; 1 is as long."""

    per_step: float | None
    """Wall clock of one optimiser step; None where one of the two takes none, or is too old to say.
    """
    total: float | None
    """Wall clock of all of training; None where the other took none."""


def training_cost(timing: Mapping[str, float], baseline: Mapping[str, float]) -> TrainingCost:
    """Cost of a run by its record's `timing`, relative to the run that `baseline` is of.

    It means something between runs on the same idle machine, with the same model and batch size. A
    run that finds the frozen tower's features in the cache is spared what the first one paid.
    """
    total, other = timing.get("train_seconds", 0.0), baseline.get("train_seconds", 0.0)
    steps, other_steps = timing.get("steps", 0.0), baseline.get("steps", 0.0)
    per_step = None
    if other and steps and other_steps:
        per_step = (total / steps) / (other / other_steps)
    return TrainingCost(per_step, total / other if other else None)
