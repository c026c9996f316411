"""Limits of time on a machine that does other things, too."""

from collections.abc import Callable
from statistics import median

GOAL_FLOPS = 300e9
"""fp32 products a second of the two cores on which goals were set (see docs/speed.md)."""


MOST_ALLOWED = 3.0
"""A processor that is slower still does not excuse a page that takes so long."""


def usual(measure: Callable[[], float], times: int = 5) -> float:
    """The median of a few measurements."""
    return median(measure() for _ in range(times))


def allowance() -> float:
    """The factor by which arithmetic alone may take longer here: 1, or up to `MOST_ALLOWED` on a
    processor that multiplies more slowly than the one on which the goals were set.
    """
    import torch  # seconds, which only those few tests pay that are held to a limit

    from tests.bench.speed.machine import multiply_rate

    rate = median(multiply_rate(torch.device("cpu"), torch.float32) for _ in range(3))
    return min(max(1.0, GOAL_FLOPS / rate), MOST_ALLOWED)
