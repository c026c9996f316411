"""A mixture of Beta distributions, fitted to numbers between 0 and 1 by EM."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp

STARTS = 3
"""k-means starts; the one that ends likeliest counts."""
MOST_ITERATIONS = 1000
ENOUGH = 1e-4
"""A gain in mean log-likelihood that is not worth another iteration."""
EDGE = 1e-6
"""How near 0 or 1 a number counts: the density has no logarithm at the ends themselves."""
LEAST_VARIANCE = 1e-8
"""Equal numbers are a sharp peak and not an infinite one."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BetaMixture:
    """K components: their shares, and a and b of their densities, all `(K,)`."""

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
        """`(N,)`: the component that each value most probably is of."""
        return self.log_density(values).argmax(1)


def fit_beta_mixture(values: Floats, components: int, seed: int) -> BetaMixture:
    """The mixture of at most so many components for values `(N,)`: no more than distinct values.

    Every M-step matches moments (`by_moments`), as DaWin's (arXiv 2410.03782).
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
    """EM from these responsibilities; the mixture and the mean log-likelihood on the way to it."""
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
