"""The Wilson interval against numbers worked out by hand."""

import pytest

from core.results.intervals import wilson
from tests.mutants import Mutant


def test_wilson_equals_the_textbook_interval():
    # 8 of 10: centre (0.8 + 0.19207)/(1.38415) = 0.71674, half-width 0.22659 (Wilson 1927).
    low, high = wilson(8, 10)
    assert low == pytest.approx(0.49016, abs=1e-4)
    assert high == pytest.approx(0.94332, abs=1e-4)


def test_wilson_equals_the_published_example():
    low, high = wilson(81, 263)  # Newcombe 1998, Table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_wilson_stays_inside_and_knows_nothing_of_nothing():
    assert wilson(0, 5)[0] == 0
    assert wilson(5, 5)[1] == 1
    assert wilson(0, 0) == (0, 1)


MUTANTS = [
    Mutant(
        "core.results.intervals",
        "z2 / (2 * n)",
        "z2 / n",
        test_wilson_equals_the_textbook_interval,
    ),
    Mutant(
        "core.results.intervals",
        "z2 / (4 * n * n)",
        "z2 / (4 * n)",
        test_wilson_equals_the_published_example,
    ),
    Mutant(
        "core.results.intervals",
        "half = z / (1 + z2 / n) *",
        "half = z *",
        test_wilson_equals_the_textbook_interval,
    ),
]
