"""Points of the shots curve: which images count where, means, and intervals."""

import math

import pytest

from core.results.by_shots import of_runs, sides, without_training, zero_shot
from core.results.intervals import mean_interval, wilson
from core.results.records import Mixing
from core.results.untrained import ShotsCurvePoint, ShotsPlan, UntrainedCurve
from tests.mutants import Mutant
from tests.studio.conftest import TUNED, ZERO, point


def test_the_interval_of_a_mean_is_wilsons_for_one_share_and_narrower_for_more():
    (a, b), (c, d) = wilson(35, 50), wilson(10, 20)
    assert mean_interval([(0.7, a, b)]) == pytest.approx(wilson(35, 50))
    low, high = mean_interval([(0.7, a, b), (0.5, c, d)])
    assert low == pytest.approx(0.6 - math.hypot(0.7 - a, 0.5 - c) / 2)
    assert high == pytest.approx(0.6 + math.hypot(b - 0.7, d - 0.5) / 2)
    assert mean_interval([]) == (0, 1)


def test_validation_images_are_on_no_side_and_ood_is_the_mean_of_its_domains():
    shares = {"val": (0.1, 40), "test": (0.6, 100), "ood/a": (0.5, 10), "ood/b": (0.7, 90)}
    found = sides(shares)
    assert {side: list(one) for side, one in found.items()} == {
        "id": ["test"],
        "ood": ["ood/a", "ood/b"],
    }


def test_runs_of_equal_shots_are_one_point_at_the_alpha_that_each_chose(record):
    def run(shots, alpha):
        config = {**record.config, "shots": shots}
        return record.model_copy(update={"config": config, "mixing": Mixing.wise(alpha)})

    found = of_runs([run(16, 0.0), run(4, 1.0), run(16, 1.0)])
    assert [(one.shots, one.draws) for one in found["id"]] == [(4, 1), (16, 2)]
    assert found["id"][0].mean == pytest.approx(TUNED.domains["test"].accuracy)
    assert found["id"][1].mean == pytest.approx(point(0.5).id)
    assert found["ood"][0].mean == pytest.approx(point(1.0).ood)
    assert (found["id"][0].n, found["ood"][0].n) == (100, 100)
    assert zero_shot(record)["ood"].mean == pytest.approx(ZERO.ood)


def test_draws_without_training_are_averaged_domain_by_domain():
    def head(name, shots, *accuracies):
        return ShotsCurvePoint(name, shots, sum(accuracies) / 2, None, accuracies)

    curve = UntrainedCurve(
        encoder="embedded",
        alpha=None,
        plan=ShotsPlan(seeds=2),
        sizes={"test": 50, "ood/a": 20, "ood/b": 30},
        domains={
            "test": [head("mixed", 1, 0.4, 0.6), head("zero-shot", 1, 0.9, 0.9)],
            "ood/a": [head("mixed", 1, 0.2, 0.2)],
            "ood/b": [head("mixed", 1, 0.6, 0.4)],
        },
        advice=[],
        notes=[],
    )
    found = without_training(curve)
    assert [(p.shots, p.mean, p.n, p.draws) for p in found["id"]] == [(1, 0.5, 50, 2)]
    assert found["ood"][0].mean == pytest.approx(0.35)
    assert (found["id"][0].low, found["id"][0].high) == pytest.approx(wilson(25, 50))


MUTANTS = [
    Mutant(
        "core.results.intervals",
        "mean - below / len(shares)",
        "mean - below",
        test_the_interval_of_a_mean_is_wilsons_for_one_share_and_narrower_for_more,
    ),
]
