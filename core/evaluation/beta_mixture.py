"""Fits a mixture of Beta distributions to numbers between 0 and 1 by EM."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp

STARTS = 3
"""Number of k-means starts; the result with the highest likelihood counts."""
MOST_ITERATIONS = 1000
ENOUGH = 1e-4
"""EM ends when an iteration gains less mean log-likelihood than this."""
EDGE = 1e-6
"""Values are kept this far from 0 and 1, where the density has no logarithm."""
LEAST_VARIANCE = 1e-8
"""Lower limit of a variance: equal numbers give a sharp peak, not an infinite one."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BetaMixture:
    """K components: their shares, and the parameters a and b of their densities, all `(K,)`."""

    share: Floats
    a: Floats
    b: Floats

    @property
    def means(self) -> Floats:
        """`(K,)`: a/(a + b)."""
        return self.a / (self.a + self.b)

    def log_density(self, values: Floats) -> Floats:
        """`(N, K)`: log of share times density, of values `(N,)`."""
        x = np.clip(values, EDGE, 1 - EDGE)[:, None]
        density = (self.a - 1) * np.log(x) + (self.b - 1) * np.log1p(-x) - betaln(self.a, self.b)
        found: Floats = np.log(self.share) + density
        return found

    def likeliest(self, values: Floats) -> NDArray[np.intp]:
        """The most probable component of each value: `(N,)`."""
        return self.log_density(values).argmax(1)


def fit_beta_mixture(values: Floats, components: int, seed: int) -> BetaMixture:
    """The mixture for values `(N,)`, with at most `components` components and at most one per
    distinct value.

    Every M-step matches moments (`by_moments`), as in DaWin (arXiv 2410.03782).
    """
    from sklearn.cluster import KMeans  # a second of imports that most processes do not need

    values = np.clip(np.asarray(values, dtype=np.float64), EDGE, 1 - EDGE)
    count = min(components, len(np.unique(values)))
    ends = []
    for start in range(STARTS):
        found = KMeans(count, n_init=1, random_state=seed + start).fit_predict(values[:, None])
        ends.append(_climb(values, np.eye(count)[found]))
    return max(ends, key=lambda end: end[1])[0]


def by_moments(values: Floats, responsibilities: Floats) -> BetaMixture:
    """Components with the weighted means and variances of values `(N,)`; weights are `(N, K)`.

    a + b = m(1 − m)/v − 1, a = m(a + b). v is at most m(1 − m)/4, so that a + b is at least 3.
    """
    counts = responsibilities.sum(0) + 10 * np.finfo(np.float64).eps
    mean = responsibilities.T @ values / counts
    spread = (values[:, None] - mean) ** 2
    variance = (responsibilities * spread).sum(0) / counts
    widest = mean * (1 - mean)
    variance = np.clip(variance, LEAST_VARIANCE, np.maximum(widest / 4, LEAST_VARIANCE))
    total = np.maximum(widest / variance - 1, 1e-3)
    return BetaMixture(counts / counts.sum(), total * mean, total * (1 - mean))


def _climb(values: Floats, responsibilities: Floats) -> tuple[BetaMixture, float]:
    """EM from these responsibilities; returns the mixture and its last mean log-likelihood."""
    mixture, before = by_moments(values, responsibilities), -np.inf
    for _ in range(MOST_ITERATIONS):
        joint = mixture.log_density(values)
        each = logsumexp(joint, axis=1)
        mixture = by_moments(values, np.exp(joint - each[:, None]))
        reached = float(each.mean())
        if abs(reached - before) < ENOUGH:
            break
        before = reached
    return mixture, reached
