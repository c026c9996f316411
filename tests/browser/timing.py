"""Limits of time on a machine that does other things, too."""

from collections.abc import Callable


def soonest(limit: float, measure: Callable[[], float], times: int = 3) -> float:
    """The first of a few measurements that is below the limit, else the least of them."""
    measured: list[float] = []
    while len(measured) < times and (not measured or measured[-1] >= limit):
        measured.append(measure())
    return min(measured)
