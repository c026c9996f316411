"""α chosen on half of a domain, checked by hand; the other half has no influence."""

import numpy as np
import pytest

from core.results.grid import Grid, MixingAnswers
from core.results.halves import chosen_on_half
from core.results.intervals import wilson
from tests.mutants import Mutant

ALPHAS = (0.0, 0.5, 1.0)
DOMAIN = "ood/sketch"


def hashes(*last):
    """Hashes that end with these bytes."""
    found = np.zeros((len(last), 32), dtype=np.uint8)
    found[:, -1] = last
    return found


def grid(likely, hits, kind="wise"):
    """Answers by α: log-likelihoods and hits of the same images; zero-shot is the first."""
    rows = {}
    for alpha, these, right in zip(ALPHAS, likely, hits, strict=True):
        rows[kind, alpha, DOMAIN] = MixingAnswers(
            np.array(right, bool), np.array(these, np.float32)
        )
    rows["wise", 0.0, DOMAIN] = rows[kind, 0.0, DOMAIN]
    return Grid(ALPHAS, rows)


LIKELY = (
    # images 0, 2, 4 choose (even hashes): α 0.5 is best; 1 is behind by 0, 0.3, 0.1
    (-9.0, -0.1, -9.0, -0.1, -9.0, -0.1, -0.1, -0.1, -0.1),
    (-1.0, -5.0, -1.0, -5.0, -1.0, -5.0, -5.0, -5.0, -5.0),
    (-1.0, -9.0, -1.3, -9.0, -1.1, -9.0, -9.0, -9.0, -9.0),
)
HITS = (
    (0, 0, 0, 0, 0, 0, 0, 0, 1),
    (1, 1, 1, 1, 1, 1, 1, 1, 0),
    (1, 1, 1, 1, 1, 1, 1, 1, 1),
)
EVEN_THREE = hashes(0, 1, 2, 3, 254, 255, 7, 9, 11)


def test_alpha_is_chosen_on_the_even_half_and_reported_on_the_odd_one():
    found = chosen_on_half(grid(LIKELY, HITS), "wise", DOMAIN, EVEN_THREE)
    assert (found.alpha, found.chosen_on) == (0.5, 3)
    # Of the six others zero-shot gets the last right alone, α 0.5 the five before it.
    assert (found.reported.n, found.reported.accuracy) == (6, pytest.approx(5 / 6))
    assert (found.reported.low, found.reported.high) == wilson(5, 6)
    assert (found.zero_shot.n, found.zero_shot.accuracy) == (6, pytest.approx(1 / 6))
    assert (found.change.n, found.change.gained, found.change.lost) == (6, 5, 1)
    # Heads and tails of six coins: 2·(1 + 6)/2⁶.
    assert found.change.p == found.change.p_holm == pytest.approx(14 / 64)
    assert found.change.outcome == "held"


def test_a_gate_takes_the_largest_alpha_that_its_half_does_not_reject():
    # Behind by (0, 0.3, 0.1): mean 0.133 with a standard error of 0.088, 1.51 of these.
    found = chosen_on_half(grid(LIKELY, HITS, "steady"), "steady", DOMAIN, EVEN_THREE)
    assert found.alpha == 1.0
    assert found.reported.accuracy == 1.0


def test_what_is_reported_on_has_no_part_in_the_choice():
    other = tuple(
        tuple(one if i in (0, 2, 4) else -one for i, one in enumerate(row)) for row in LIKELY
    )
    found = [
        chosen_on_half(grid(rows, HITS), "wise", DOMAIN, EVEN_THREE) for rows in (LIKELY, other)
    ]
    assert found[0] == found[1]


def test_copies_of_an_image_are_on_one_side():
    twice = hashes(0, 1, 0, 3, 0, 1, 1, 1, 1)
    assert chosen_on_half(grid(LIKELY, HITS), "wise", DOMAIN, twice).chosen_on == 3


@pytest.mark.parametrize("last", [(2,) * 9, (3,) * 9])
def test_a_domain_that_falls_on_one_side_chooses_nothing(last):
    assert chosen_on_half(grid(LIKELY, HITS), "wise", DOMAIN, hashes(*last)) is None


def test_a_kind_that_was_not_measured_has_no_half():
    assert chosen_on_half(grid(LIKELY, HITS), "steady", DOMAIN, EVEN_THREE) is None
    assert chosen_on_half(grid(LIKELY, HITS), "wise", "ood/night", EVEN_THREE) is None


MUTANTS = [
    Mutant(
        "core.results.halves",
        "hits[~chooses]\n    after = grid.of(kind, alpha, domain).hits[~chooses]",
        "hits[chooses]\n    after = grid.of(kind, alpha, domain).hits[chooses]",
        test_alpha_is_chosen_on_the_even_half_and_reported_on_the_odd_one,
    ),
    Mutant(
        "core.results.halves",
        "log_likelihoods(kind, domain)[:, chooses]",
        "log_likelihoods(kind, domain)",
        test_what_is_reported_on_has_no_part_in_the_choice,
    ),
]
