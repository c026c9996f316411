"""Accuracy by number of shots, ID and OOD: of finished runs, and of models without training."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.results.intervals import mean_interval, wilson
from core.results.records import RunRecord
from core.results.untrained import UntrainedCurve

Shares = Mapping[str, tuple[float, int]]
"""Domain to accuracy and number of images."""


@dataclass(frozen=True)
class AccuracyAtShots:
    """Accuracy at one number of shots. Fractions of 1."""

    shots: int
    mean: float
    low: float
    high: float
    """Ends of the 95 % interval over images; more draws of the shots do not narrow it."""
    n: int
    """The number of measured images."""
    draws: int
    """The number of runs, or draws of the shots, that the accuracy is a mean of."""


def sides(shares: Shares) -> dict[str, Shares]:
    """Groups domains: `id` is test (else all that are not OOD), `ood` the OOD domains, if any."""
    ood = {name: share for name, share in shares.items() if name.startswith("ood/")}
    own = {name: share for name, share in shares.items() if name not in ood}
    own = {"test": own["test"]} if "test" in own else own
    return {side: found for side, found in (("id", own), ("ood", ood)) if found}


def point(shots: int, draws: Sequence[Shares]) -> AccuracyAtShots:
    """The unweighted mean over domains of the mean over draws."""
    names = [name for name in draws[0] if all(name in one for one in draws)]
    means = [(fmean(one[name][0] for one in draws), draws[0][name][1]) for name in names]
    low, high = mean_interval([(share, *wilson(share * n, n)) for share, n in means])
    mean, n = fmean(share for share, _ in means), sum(n for _, n in means)
    return AccuracyAtShots(shots, mean, low, high, n, len(draws))


def of_runs(records: Sequence[RunRecord]) -> dict[str, list[AccuracyAtShots]]:
    """The points of finished runs by side, each run at its chosen α; fewest shots first."""
    return _points([(int(record.config["shots"]), chosen(record)) for record in records])


def zero_shot(record: RunRecord) -> dict[str, AccuracyAtShots]:
    """Zero-shot accuracy on the images of a run, by side: the point at 0 shots."""
    scores = record.evaluations["zero-shot"].domains
    shares = {name: (score.accuracy, score.n) for name, score in scores.items()}
    return {side: point(0, [found]) for side, found in sides(shares).items()}


def without_training(
    curve: UntrainedCurve, head: str = "mixed"
) -> dict[str, list[AccuracyAtShots]]:
    """The points of `measure_shots` by side, for one of its heads."""
    draws: list[tuple[int, Shares]] = []
    for seed in range(curve.plan.seeds):
        by_shots: defaultdict[int, dict[str, tuple[float, int]]] = defaultdict(dict)
        for domain, points in curve.domains.items():
            for one in points:
                if one.head == head and seed < len(one.accuracies):
                    by_shots[one.shots][domain] = (one.accuracies[seed], curve.sizes[domain])
        draws += list(by_shots.items())
    return _points(draws)


def chosen(record: RunRecord) -> Shares:
    """The accuracies of the recommended mixing, by domain."""
    if "recommended" in record.evaluations:
        scores = record.evaluations["recommended"].domains
        return {name: (score.accuracy, score.n) for name, score in scores.items()}
    at = min(record.wise, key=lambda one: abs(one.alpha - record.mixing.alpha))
    sizes = {name: score.n for name, score in record.evaluations["fine-tuned"].domains.items()}
    return {name: (share, sizes[name]) for name, share in at.domains.items() if name in sizes}


def _points(draws: Sequence[tuple[int, Shares]]) -> dict[str, list[AccuracyAtShots]]:
    """Averages the draws by side and number of shots."""
    found: dict[str, dict[int, list[Shares]]] = {}
    for shots, shares in draws:
        for side, domains in sides(shares).items():
            found.setdefault(side, {}).setdefault(shots, []).append(domains)
    return {
        side: [point(shots, at) for shots, at in sorted(by_shots.items())]
        for side, by_shots in found.items()
    }
