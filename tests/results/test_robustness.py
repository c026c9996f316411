"""Effective robustness, relative accuracy and correlation against hand-worked numbers and scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from core.errors import UserError
from core.results.robustness import (
    Measurement,
    ModelPoint,
    fit_baselines,
    logit,
    pearson,
    relative_accuracy,
)
from tests.mutants import Mutant


def point(reference: float, shift: float, n: int = 100) -> ModelPoint:
    return ModelPoint(Measurement(reference, n), Measurement(shift, n))


def test_effective_robustness_equals_the_hand_worked_number():
    # Odds: reference 1 and 4, shift 1/4 and 1. The line through both: logit(shift) =
    # logit(reference) − ln 4. At reference 0.9 the odds are 9, so 9/4 are expected: 9/13.
    fit = fit_baselines([point(0.5, 0.2), point(0.8, 0.5)])
    assert (fit.slope, fit.intercept) == pytest.approx((1.0, -math.log(4)))
    assert fit.expected(Measurement(0.9, 100)) == pytest.approx(9 / 13)
    assert fit.effective_robustness(point(0.9, 0.75)) == pytest.approx(0.75 - 9 / 13)


def test_a_baseline_of_two_has_none_by_construction():
    baselines = [point(0.5, 0.2), point(0.8, 0.5)]
    fit = fit_baselines(baselines)
    assert [fit.effective_robustness(one) for one in baselines] == pytest.approx([0, 0], abs=1e-12)


def test_the_line_is_the_one_of_scipy():
    random = np.random.default_rng(0)
    baselines = [point(*random.uniform(0.1, 0.9, 2)) for _ in range(8)]
    fit = fit_baselines(baselines)
    x, y = (
        [logit(m) for m in side]
        for side in ((p.reference for p in baselines), (p.shift for p in baselines))
    )
    expected = stats.linregress(x, y)
    assert (fit.slope, fit.intercept) == pytest.approx((expected.slope, expected.intercept))
    assert fit.models == 8


def test_an_accuracy_of_one_or_zero_is_half_an_image_short_of_it():
    assert logit(Measurement(1.0, 10)) == pytest.approx(math.log(19))  # 9.5 against 0.5
    assert logit(Measurement(0.0, 10)) == pytest.approx(-math.log(19))
    assert logit(Measurement(0.75, 4)) == pytest.approx(math.log(3))  # untouched


def test_a_line_needs_two_models_that_differ():
    with pytest.raises(UserError, match="at least 2 baseline models, got 1"):
        fit_baselines([point(0.5, 0.2)])
    with pytest.raises(UserError, match=r"must differ in ID accuracy, and all have 70\.0 %"):
        fit_baselines([point(0.7, 0.2), point(0.7, 0.5), point(0.7, 0.6)])


def test_relative_accuracy_is_shift_over_reference():
    assert relative_accuracy(point(0.8, 0.6)) == pytest.approx(0.75)
    assert relative_accuracy(point(0.0, 0.6)) is None


def test_the_correlation_equals_the_hand_worked_number():
    # Deviations (−1, 0, 1) and (−1, 1, 0): 1/√(2·2).
    assert pearson([1, 2, 3], [1, 3, 2]) == pytest.approx(0.5)
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 20))
    assert pearson(x, y) == pytest.approx(stats.pearsonr(x, y).statistic)


def test_there_is_no_correlation_without_spread():
    assert pearson([1], [2]) is None
    assert pearson([1, 1], [2, 3]) is None


MUTANTS = [
    Mutant(
        "core.results.robustness",
        "point.shift.accuracy - self.expected(point.reference)",
        "self.expected(point.reference) - point.shift.accuracy",
        test_effective_robustness_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.results.robustness",
        "_share(self.intercept + self.slope * logit(reference))",
        "(self.intercept + self.slope * reference.accuracy)",
        test_effective_robustness_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.results.robustness",
        "y.mean() - slope * x.mean()",
        "y.mean()",
        test_the_line_is_the_one_of_scipy,
    ),
    Mutant(
        "core.results.robustness",
        "0.5 / measured.n",
        "1 / measured.n",
        test_an_accuracy_of_one_or_zero_is_half_an_image_short_of_it,
    ),
    Mutant(
        "core.results.robustness",
        "return point.shift.accuracy / point.reference.accuracy",
        "return point.shift.accuracy - point.reference.accuracy",
        test_relative_accuracy_is_shift_over_reference,
    ),
    Mutant(
        "core.results.robustness",
        "a, b = a - a.mean(), b - b.mean()",
        "a, b = a, b",
        test_the_correlation_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.results.robustness",
        "spread @ y / (spread @ spread)",
        "spread @ spread / (spread @ y)",
        test_the_line_is_the_one_of_scipy,
    ),
    Mutant(
        "core.results.robustness",
        "share / (1 - share)",
        "share",
        test_an_accuracy_of_one_or_zero_is_half_an_image_short_of_it,
    ),
]
