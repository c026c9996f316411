"""Limits of time on a machine that does other things, too."""

from collections.abc import Callable

GOAL_FLOPS = 300e9
"""fp32 products a second of the two cores on which goals were set (see docs/speed.md)."""


def soonest(limit: float, measure: Callable[[], float], times: int = 5) -> float:
    """The first of a few measurements that is below the limit, else the least of them."""
    measured: list[float] = []
    while len(measured) < times and (not measured or measured[-1] >= limit):
        measured.append(measure())
    return min(measured)


def allowance() -> float:
    """By how much longer this processor may take for what is all arithmetic: 1, or more if it
    multiplies more slowly than the one that goals were set on.
    """
    import torch  # seconds, which only those few tests pay that are held to a limit

    from tests.bench.speed.machine import multiply_rate

    rate = max(multiply_rate(torch.device("cpu"), torch.float32) for _ in range(3))
    return max(1.0, GOAL_FLOPS / rate)
