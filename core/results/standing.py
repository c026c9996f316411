"""The accuracies of a run under one mixing, with intervals: by domain, ID and OOD.

Reads only the record. Imports neither torch nor scipy, so that the page can use it directly.
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
class MeasuredAccuracy:
    """An accuracy over n images, with the ends of its 95 % interval."""

    n: int
    accuracy: float
    low: float
    high: float
    classes_all: int | None = None
    classes_present: int | None = None
    accuracy_own: float | None = None
    """Accuracy with only the classes present as candidates; None if all are, or not measured."""


AccuracyLike = MeasuredAccuracy | DomainScore


@dataclass(frozen=True)
class Standing:
    """The accuracies of one run under one mixing."""

    mixing: Mixing
    domains: dict[str, MeasuredAccuracy]
    id: MeasuredAccuracy
    ood: MeasuredAccuracy | None
    """Unweighted mean over the OOD domains; None without any."""


ZERO_SHOT = Mixing.wise(0)
FINE_TUNED = Mixing.wise(1)


def standing(record: RunRecord, mixing: Mixing, by_hand: Iterable[HandSetMixing] = ()) -> Standing:
    """The accuracies under a measured mixing. The `UserError` for any other names the measured α.

    `by_hand` are mixings that people set and measured after the run.
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
) -> dict[str, MeasuredAccuracy] | None:
    """The accuracies of a run under a mixing, by domain; None if it was not measured."""
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


def mean(scores: Sequence[AccuracyLike]) -> MeasuredAccuracy:
    """The unweighted mean accuracy over domains, with n of all of them; see `mean_interval`."""
    low, high = mean_interval([(score.accuracy, score.low, score.high) for score in scores])
    accuracy = sum(score.accuracy for score in scores) / len(scores)
    return MeasuredAccuracy(sum(score.n for score in scores), accuracy, low, high)


def inside(domains: Mapping[str, T]) -> list[T]:
    """The in-distribution values: that of `test`, or all that are not OOD if there is no test."""
    if "test" in domains:
        return [domains["test"]]
    return [score for name, score in domains.items() if not name.startswith("ood/")]


def undominated(points: Iterable[tuple[float, float]]) -> list[bool]:
    """For each (ID, OOD): True if no other is at least as good on both and better on one."""
    known = list(points)
    return [not any(_beats(other, one) for other in known) for one in known]


def _beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one != other and one[0] >= other[0] and one[1] >= other[1]


def _shares(evaluation: Evaluation) -> dict[str, MeasuredAccuracy]:
    return {
        name: MeasuredAccuracy(
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


def _share(accuracy: float, n: int) -> MeasuredAccuracy:
    low, high = wilson(round(accuracy * n), n)
    return MeasuredAccuracy(n, accuracy, low, high)
