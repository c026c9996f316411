"""The Beta mixture: moments by hand, real clusters, and numbers that are all equal."""

import numpy as np
import pytest

from core.evaluation.dawin import BetaMixture, by_moments, fit_beta_mixture
from tests.mutants import Mutant


def test_moments_are_matched():
    found = by_moments(np.array([0.4, 0.5, 0.6]), np.ones((3, 1)))
    assert (found.a[0], found.b[0]) == pytest.approx((18.25, 18.25))
    # Weights 3 and 1 of 0.2 and 0.6: mean 0.3, variance 0.03, a + b = 0.21/0.03 − 1 = 6.
    found = by_moments(np.array([0.2, 0.6]), np.array([[3.0], [1.0]]))
    assert (found.a[0], found.b[0]) == pytest.approx((1.8, 4.2))
    assert found.means[0] == pytest.approx(0.3)


def test_no_component_is_wider_than_the_cap():
    found = by_moments(np.array([0.01, 0.99]), np.ones((2, 1)))  # variance 0.24, capped at 0.0625
    assert (found.a[0], found.b[0]) == pytest.approx((1.5, 1.5))


def test_the_density_is_that_of_a_beta_distribution():
    one = BetaMixture(np.array([0.5]), np.array([2.0]), np.array([3.0]))
    # 12·x·(1 − x)² is 1.728 at 0.4, halved by the share.
    assert one.log_density(np.array([0.4]))[0, 0] == pytest.approx(np.log(0.864))


def groups() -> tuple[np.ndarray, np.ndarray]:
    """180 numbers in three groups, and the group of each."""
    generator = np.random.default_rng(0)
    values = [generator.normal(centre, 0.02, 60) for centre in (0.2, 0.5, 0.8)]
    return np.concatenate(values), np.repeat([0, 1, 2], 60)


def test_groups_that_are_there_are_found():
    values, truth = groups()
    mixture = fit_beta_mixture(values, 3, seed=0)
    order = np.argsort(mixture.means)
    assert mixture.means[order] == pytest.approx([0.2, 0.5, 0.8], abs=0.01)
    assert mixture.share == pytest.approx([1 / 3] * 3, abs=0.01)
    assert (order[truth] == mixture.likeliest(values)).all()


def test_the_same_seed_gives_the_same_mixture():
    values = np.random.default_rng(1).beta(2, 3, 200)
    first, again = (fit_beta_mixture(values, 3, seed=4) for _ in range(2))
    assert (first.a == again.a).all()
    assert (first.b == again.b).all()


@pytest.mark.parametrize("values", [[0.5] * 40, [0.3] * 20 + [0.7] * 20, [0.0] * 20 + [1.0] * 20])
def test_few_distinct_numbers_make_as_many_components(values):
    mixture = fit_beta_mixture(np.array(values), 3, seed=0)
    assert sorted(mixture.means) == pytest.approx(sorted(set(values)), abs=1e-3)
    assert np.isfinite(mixture.log_density(np.array(values))).all()


MUTANTS = [
    Mutant(
        "core.evaluation.dawin",
        "widest / variance - 1",
        "widest / variance",
        test_moments_are_matched,
    ),
    Mutant(
        "core.evaluation.dawin",
        "widest / 4",
        "widest",
        test_no_component_is_wider_than_the_cap,
    ),
    Mutant(
        "core.evaluation.dawin",
        "counts / counts.sum(), total * mean, total * (1 - mean)",
        "counts / counts.sum(), total * (1 - mean), total * mean",
        test_moments_are_matched,
    ),
    Mutant(
        "core.evaluation.dawin",
        " - betaln(self.a, self.b)",
        "",
        test_the_density_is_that_of_a_beta_distribution,
    ),
    Mutant(
        "core.evaluation.dawin",
        "np.log(self.share) + density",
        "density",
        test_the_density_is_that_of_a_beta_distribution,
    ),
]
