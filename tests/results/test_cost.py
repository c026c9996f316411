"""Training cost, worked out by hand."""

import pytest

from core.results.comparison import TrainingCost, training_cost
from tests.mutants import Mutant

FT = {"train_seconds": 20.0, "steps": 100.0}


def test_the_cost_is_relative_to_the_other_run():
    # 0.6 s a step against 0.2; 30 s in all against 20.
    cost = training_cost({"train_seconds": 30.0, "steps": 50.0}, FT)
    assert (cost.per_step, cost.total) == pytest.approx((3.0, 1.5))
    assert training_cost(FT, FT) == TrainingCost(1.0, 1.0)


def test_what_takes_no_steps_has_no_cost_a_step():
    nothing = {"train_seconds": 0.0, "steps": 0.0}
    assert training_cost(nothing, FT) == TrainingCost(None, 0.0)
    assert training_cost(FT, nothing) == TrainingCost(None, None)


def test_a_record_of_an_older_version_has_a_total_alone():
    assert training_cost({"train_seconds": 30.0}, FT) == TrainingCost(None, 1.5)


MUTANTS = [
    Mutant(
        "core.results.comparison",
        "(total / steps) / (other / other_steps)",
        "total / other",
        test_the_cost_is_relative_to_the_other_run,
    ),
    Mutant(
        "core.results.comparison",
        "total / other if other",
        "other / total if other",
        test_the_cost_is_relative_to_the_other_run,
    ),
]
