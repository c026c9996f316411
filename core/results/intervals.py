"""Confidence intervals of proportions and of their means."""

import math
from collections.abc import Sequence

Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


def wilson(correct: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); (0, 1) if n is 0.

    `correct` may be the mean of several counts of the same n.
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = correct / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def mean_interval(shares: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    """95 % interval of the unweighted mean of independent proportions, each `(share, low, high)`.

    The squared distances of each share from the ends of its own interval are added, like variances
    (MOVER: Zou and Donner 2008, Statistics in Medicine 27:1693–1702). For one share this is its own
    interval; for none it is (0, 1).
    """
    if not shares:
        return 0.0, 1.0
    mean = sum(share for share, _, _ in shares) / len(shares)
    below = math.hypot(*(share - low for share, low, _ in shares))
    above = math.hypot(*(high - share for share, _, high in shares))
    return mean - below / len(shares), mean + above / len(shares)
