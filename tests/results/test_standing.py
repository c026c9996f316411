"""The accuracies of a run at an α, from records whose numbers can be computed by hand."""

import pytest

from core.errors import UserError
from core.results.intervals import wilson
from core.results.records import (
    DomainScore,
    Evaluation,
    HandSetMixing,
    Mixing,
    RunConfig,
    RunRecord,
    Selection,
    WisePoint,
)
from core.results.standing import standing, undominated


def score(correct: int, n: int) -> DomainScore:
    low, high = wilson(correct, n)
    share = correct / n
    return DomainScore(
        n=n, correct=correct, accuracy=share, low=low, high=high, ece=0, nll=0, macro=share
    )


def evaluation(test: int, night: int, snow: int) -> Evaluation:
    domains = {"test": score(test, 50), "ood/night": score(night, 20), "ood/snow": score(snow, 40)}
    return Evaluation(domains=domains, id=test / 50, ood=(night / 20 + snow / 40) / 2)


@pytest.fixture
def record() -> RunRecord:
    middle = {"test": 0.8, "ood/night": 0.55, "ood/snow": 0.5}
    return RunRecord(
        run_id="one",
        config=RunConfig(data="x", method="ft").model_dump(mode="json"),
        classes=["fox", "owl"],
        evaluations={"zero-shot": evaluation(30, 10, 24), "fine-tuned": evaluation(45, 8, 12)},
        wise=[WisePoint(alpha=0.35, id=0.8, ood=0.525, domains=middle)],
        selection=Selection(checkpoint="last", alpha=0.35, alpha_chosen_on="val"),
        mixing=Mixing.wise(0.35),
        timing={},
        environment={},
        files={},
    )


def test_a_measured_alpha_has_the_interval_of_its_counts(record):
    at = standing(record, Mixing.wise(0.35))
    night = at.domains["ood/night"]
    assert (night.n, night.accuracy) == (20, 0.55)
    assert (night.low, night.high) == wilson(11, 20)
    assert (at.id.low, at.id.high) == pytest.approx(wilson(40, 50))
    assert at.ood is not None
    assert at.ood.accuracy == pytest.approx(0.525)
    assert at.ood.n == 60


def test_the_ends_are_the_evaluations_themselves(record):
    assert standing(record, Mixing.wise(0)).id.accuracy == 0.6
    assert standing(record, Mixing.wise(1)).id.accuracy == 0.9
    assert standing(record, Mixing.wise(1)).domains["ood/snow"].accuracy == 0.3


def test_an_alpha_that_was_not_measured_is_refused_with_the_grid(record):
    with pytest.raises(UserError, match=r"measured at 0\.35, got α = 0\.4"):
        standing(record, Mixing.wise(0.4))


def test_a_point_is_dominated_by_what_is_better_on_one_and_no_worse_on_the_other():
    points = [(0.6, 0.6), (0.8, 0.5), (0.8, 0.4), (0.5, 0.5), (0.6, 0.6)]
    assert undominated(points) == [True, True, False, False, True]


def test_what_was_set_by_hand_and_measured_stands_like_the_grid(record):
    hand = HandSetMixing(mixing=Mixing.wise(0.4), evaluation=evaluation(41, 9, 20), changes={})
    at = standing(record, Mixing.wise(0.4), [hand])
    assert at.id.accuracy == 0.82
    with pytest.raises(UserError, match=r"α = 0\.4, steady"):
        standing(record, Mixing.steady(0.4), [hand])
