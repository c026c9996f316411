"""Where a run stands at one α: accuracies with intervals, by domain, on ID, and over all OOD.

From its record alone. Imports neither torch nor scipy, so the page may ask at once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.errors import UserError
from core.intervals import wilson
from core.records import DomainScore, RunRecord

_ENDS = {0.0: "zero-shot", 1.0: "fine-tuned"}
T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """An accuracy over n images with the ends of its 95 % interval."""

    n: int
    accuracy: float
    low: float
    high: float


Measured = Share | DomainScore


@dataclass(frozen=True)
class Standing:
    """One run at one α."""

    alpha: float
    domains: dict[str, Share]
    id: Share
    ood: Share | None
    """Unweighted mean over the OOD domains; None without any."""


def standing(record: RunRecord, alpha: float) -> Standing:
    """The run at an α that it was measured at; a `UserError` names those."""
    alpha = float(alpha)
    if alpha in _ENDS:
        scores = record.evaluations[_ENDS[alpha]].domains
        domains = {
            name: Share(score.n, score.accuracy, score.low, score.high)
            for name, score in scores.items()
        }
    else:
        sizes = record.evaluations["zero-shot"].domains
        domains = {
            name: _share(accuracy, sizes[name].n)
            for name, accuracy in _measured_at(record, alpha).items()
        }
    ood = [share for name, share in domains.items() if name.startswith("ood/")]
    return Standing(alpha, domains, mean(inside(domains)), mean(ood) if ood else None)


def mean(scores: Sequence[Measured]) -> Share:
    """The unweighted mean accuracy over domains, with n of all of them; see `mean_interval`."""
    low, high = mean_interval(scores)
    accuracy = sum(score.accuracy for score in scores) / len(scores)
    return Share(sum(score.n for score in scores), accuracy, low, high)


def mean_interval(scores: Sequence[Measured]) -> tuple[float, float]:
    """95 % interval of the unweighted mean accuracy over domains.

    The squared distances of every domain's Wilson limits from its accuracy add up as variances do
    (Zou and Donner 2008, Statistics in Medicine 27:1693–1702); of one domain it is Wilson's own.
    """
    middle = sum(score.accuracy for score in scores) / len(scores)
    below = math.hypot(*(score.accuracy - score.low for score in scores)) / len(scores)
    above = math.hypot(*(score.high - score.accuracy for score in scores)) / len(scores)
    return middle - below, middle + above


def inside(domains: Mapping[str, T]) -> list[T]:
    """What the ID accuracy is of: `test`, or all that is not out-of-distribution without one."""
    if "test" in domains:
        return [domains["test"]]
    return [score for name, score in domains.items() if not name.startswith("ood/")]


def undominated(points: Iterable[tuple[float, float]]) -> list[bool]:
    """For each (ID, OOD): is no other at least as good on both and better on one?"""
    known = list(points)
    return [not any(_beats(other, one) for other in known) for one in known]


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] >= other[1]


def _measured_at(record: RunRecord, alpha: float) -> dict[str, float]:
    for point in record.wise:
        if math.isclose(point.alpha, alpha, abs_tol=1e-9):
            return point.domains
    grid = ", ".join(f"{point.alpha:g}" for point in record.wise)
    raise UserError(
        f"alpha: run {record.run_id} was measured at {grid}, got {alpha:g}. Choose one of these."
    )


def _share(accuracy: float, n: int) -> Share:
    low, high = wilson(round(accuracy * n), n)
    return Share(n, accuracy, low, high)
