"""Reliability bins and the calibration error against numbers worked out by hand."""

import numpy as np
import pytest

from core.results.calibration import calibration_error, reliability
from tests.mutants import Mutant

CONFIDENCE = np.array([0.9, 0.9, 0.6, 0.6, 0.6, 1.0])
HIT = np.array([True, False, True, True, False, True])


def test_every_answer_lies_in_the_bin_of_its_confidence():
    # With 5 bins 0.9 and 1.0 lie in (0.8, 1], 0.6 in (0.4, 0.6]: closed on the right.
    bins = reliability(CONFIDENCE, HIT, 5)
    assert [one.count for one in bins] == [0, 0, 3, 0, 3]
    assert (bins[2].low, bins[2].high) == (0.4, 0.6)
    assert bins[2].confidence == pytest.approx(0.6)
    assert bins[2].accuracy == pytest.approx(2 / 3)
    assert bins[4].confidence == pytest.approx((0.9 + 0.9 + 1.0) / 3)
    assert bins[4].accuracy == pytest.approx(2 / 3)


def test_an_empty_bin_claims_nothing():
    bins = reliability(CONFIDENCE, HIT, 5)
    assert (bins[0].confidence, bins[0].accuracy) == (None, None)


def test_a_confidence_of_zero_and_of_one_have_a_bin():
    bins = reliability(np.array([0.0, 1.0]), np.array([False, True]), 15)
    assert (bins[0].count, bins[-1].count) == (1, 1)


def test_the_error_weighs_each_bin_by_its_count():
    # (0.4, 0.6]: |2/3 − 0.6| = 1/15 on 3 of 6. (0.8, 1]: |2/3 − 14/15| = 4/15 on 3 of 6.
    # Half of 1/15 and half of 4/15 are 1/6.
    assert calibration_error(reliability(CONFIDENCE, HIT, 5)) == pytest.approx(1 / 6)
    # One more sure and right answer: (0.8, 1] has 4, accuracy 3/4, confidence 0.95.
    more = reliability(np.append(CONFIDENCE, 1.0), np.append(HIT, True), 5)
    assert calibration_error(more) == pytest.approx((3 * (1 / 15) + 4 * 0.2) / 7)


MUTANTS = [
    Mutant(
        "core.results.calibration",
        "np.ceil(confidence * bins)",
        "1 + np.floor(confidence * bins)",
        test_every_answer_lies_in_the_bin_of_its_confidence,
    ),
    Mutant(
        "core.results.calibration",
        "weights=confidence",
        "weights=confidence**2",
        test_every_answer_lies_in_the_bin_of_its_confidence,
    ),
    Mutant(
        "core.results.calibration",
        "1, bins).astype",
        "1, bins - 1).astype",
        test_a_confidence_of_zero_and_of_one_have_a_bin,
    ),
    Mutant(
        "core.results.calibration",
        "one.count * abs(",
        "whole / len(bins) * abs(",
        test_the_error_weighs_each_bin_by_its_count,
    ),
    Mutant(
        "core.results.calibration",
        "abs(one.accuracy - one.confidence)",
        "(one.accuracy - one.confidence)",
        test_the_error_weighs_each_bin_by_its_count,
    ),
]
