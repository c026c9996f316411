"""Where a run stands under one mixing: accuracies with intervals, by domain, ID, and OOD.

From its record alone. Imports neither torch nor scipy, so the page may ask at once.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from core.errors import UserError
from core.results.intervals import mean_interval, wilson
from core.results.records import DomainScore, Evaluation, HandSetMixing, Mixing, RunRecord

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """An accuracy over n images with the ends of its 95 % interval."""

    n: int
    accuracy: float
    low: float
    high: float
    classes_all: int | None = None
    classes_present: int | None = None
    accuracy_own: float | None = None
    """Among the classes that are present, where some are not and it was measured."""


Measured = Share | DomainScore


@dataclass(frozen=True)
class Standing:
    """One run under one mixing."""

    mixing: Mixing
    domains: dict[str, Share]
    id: Share
    ood: Share | None
    """Unweighted mean over the OOD domains; None without any."""


ZERO_SHOT = Mixing.wise(0)
FINE_TUNED = Mixing.wise(1)


def standing(record: RunRecord, mixing: Mixing, by_hand: Iterable[HandSetMixing] = ()) -> Standing:
    """The run under a mixing that was measured; a `UserError` names the α that were.

    `by_hand` are those that people have measured besides.
    """
    domains = measured(record, mixing, by_hand)
    if domains is None:
        grid = ", ".join(f"{point.alpha:g}" for point in record.wise)
        raise UserError(
            f"alpha: run {record.run_id} was measured at {grid}, got {mixing}. Choose one of these."
        )
    ood = [share for name, share in domains.items() if name.startswith("ood/")]
    return Standing(mixing, domains, mean(inside(domains)), mean(ood) if ood else None)


def measured(
    record: RunRecord, mixing: Mixing, by_hand: Iterable[HandSetMixing] = ()
) -> dict[str, Share] | None:
    """By domain what a run was measured at under a mixing; None where it was not."""
    whole = {ZERO_SHOT: "zero-shot", FINE_TUNED: "fine-tuned", record.mixing: "recommended"}
    if found := record.evaluations.get(whole.get(mixing, "")):
        return _shares(found)
    for one in by_hand:
        if one.mixing == mixing:
            return _shares(one.evaluation)
    sizes = record.evaluations["zero-shot"].domains
    points = record.wise if mixing.kind == "wise" else record.steady.points if record.steady else []
    for point in points:
        if math.isclose(point.alpha, mixing.alpha, abs_tol=1e-9):
            return {name: _share(share, sizes[name].n) for name, share in point.domains.items()}
    return None


def mean(scores: Sequence[Measured]) -> Share:
    """The unweighted mean accuracy over domains, with n of all of them; see `mean_interval`."""
    low, high = mean_interval([(score.accuracy, score.low, score.high) for score in scores])
    accuracy = sum(score.accuracy for score in scores) / len(scores)
    return Share(sum(score.n for score in scores), accuracy, low, high)


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


def _shares(evaluation: Evaluation) -> dict[str, Share]:
    return {
        name: Share(
            score.n,
            score.accuracy,
            score.low,
            score.high,
            score.classes_all,
            score.classes_present,
            score.accuracy_own,
        )
        for name, score in evaluation.domains.items()
    }


def _share(accuracy: float, n: int) -> Share:
    low, high = wilson(round(accuracy * n), n)
    return Share(n, accuracy, low, high)
