"""Writes one sentence about gain and cost of a run, or about two runs on the same images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.results.records import (
    AccuracyChange,
    DomainScore,
    Evaluation,
    MeanChange,
    Mixing,
    Outcome,
    RunRecord,
    WisePoint,
)
from core.results.standing import FINE_TUNED
from studio.frame.markup import THIN, count, decimal, listed, mixture, number, percent, points
from studio.live import words

w = words.Verdict
CLEARLY = -0.02
"""A domain fell clearly if the whole interval of its change lies below this."""

TONES: Mapping[Outcome, str] = {"better": "good", "held": "even", "worse": "bad"}
"""The colour of an outcome."""

if TYPE_CHECKING:
    from core.results.paired import PairedComparison  # imports numpy

Accuracies = Mapping[str, float]
"""Accuracy by domain, a fraction of 1."""


@dataclass(frozen=True)
class GainAndCost:
    """The recommended mixing of a run, and the accuracies of it and of both ends on the same
    images.
    """

    mixing: Mixing
    zero: Accuracies
    now: Accuracies
    tuned: Accuracies
    changes: Mapping[str, AccuracyChange]
    """The changes of the recommended mixing against zero-shot, by domain."""
    mean_change: MeanChange | None


def verdict(record: RunRecord) -> str:
    """The verdict on the recommended mixing of a run."""
    if found := _of_record(record):
        return told(found)
    return _untested(record)


def early_verdict(recommended: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]]) -> str:
    """The verdict on a run that is still measuring, from the parts of `jobs.progress.Progress`."""
    by_label = {one["label"]: one["domains"] for one in evaluations if one["alpha"] is None}
    changes = {
        name: AccuracyChange.model_validate(one) for name, one in recommended["changes"].items()
    }
    mean = recommended["mean_change"]
    return told(
        GainAndCost(
            Mixing.model_validate(recommended["mixing"]),
            _accuracies(by_label["zero-shot"]),
            _accuracies(recommended["domains"]),
            _accuracies(by_label["fine-tuned"]),
            changes,
            MeanChange.model_validate(mean) if mean else None,
        )
    )


def told(found: GainAndCost) -> str:
    """The verdict as text: in-distribution first, then every domain that changed, then the mean of
    the others.
    """
    if found.mixing.alpha == 0:
        return _keep_zero_shot(found)
    gain, ood = _at_home(found), {n: c for n, c in found.changes.items() if n.startswith("ood/")}
    mean = found.mean_change
    if not ood or mean is None:
        return w.no_ood.format(gain=gain)
    said = w.whole.format(gain=gain, elsewhere=_each(ood))
    if mean.domains > 1:
        said = w.mean.format(
            said=said,
            n=mean.domains,
            change=points(mean.difference),
            moved=w.moved[_moved(mean)],
        )
    said += "."
    alone = _mean(found.tuned, ood) - _mean(found.zero, ood)
    if found.mixing != FINE_TUNED and alone < mean.difference - 0.005:
        one = next(iter(ood)).removeprefix("ood/")
        where = w.mean_of.format(n=mean.domains) if mean.domains > 1 else one
        said += f" {w.alone.format(where=where, change=points(alone))}"
    return said


def _of_record(record: RunRecord) -> GainAndCost | None:
    """The outcome in a record; None for an older version, whose images were not compared one by
    one.
    """
    changes, ends = record.changes.get("recommended"), record.evaluations
    if changes is None or "recommended" not in ends:
        return None
    zero, now, tuned = (
        {name: score.accuracy for name, score in ends[end].domains.items()}
        for end in ("zero-shot", "recommended", "fine-tuned")
    )
    mean = record.mean_changes.get("recommended")
    return GainAndCost(record.mixing, zero, now, tuned, changes, mean)


def _at_home(found: GainAndCost) -> str:
    """The change on the domain that was trained on."""
    inside = [name for name in found.changes if not name.startswith("ood/")]
    name = "test" if "test" in inside else next(iter(inside), None)
    mixing = mixture(found.mixing)
    if name is None:  # only validation was measured, which nothing is tested on
        at = "val"
        return w.untested.format(
            mixing=mixing, zero=percent(found.zero[at]), now=percent(found.now[at])
        )
    change = found.changes[name]
    return w.at_home[_moved(change)].format(
        mixing=mixing,
        zero=percent(found.zero[name]),
        now=percent(found.now[name]),
        change=points(change.difference),
        n=number(change.n),
    )


def _each(ood: Mapping[str, AccuracyChange]) -> str:
    """The names of domains that changed, those that fell first; the others held."""
    order: tuple[Outcome, ...] = ("worse", "better")
    changed = [
        w.domain.format(
            name=name.removeprefix("ood/"),
            moved=w.moved[_moved(change)],
            change=points(change.difference),
            n=number(change.n),
        )
        for outcome in order
        for name, change in ood.items()
        if change.outcome == outcome
    ]
    held = [name for name, change in ood.items() if change.outcome == "held"]
    if len(ood) == 1 and held:
        [(name, change)] = ood.items()
        return w.domain.format(
            name=name.removeprefix("ood/"),
            moved=w.moved["held"],
            change=points(change.difference),
            n=number(change.n),
        )
    if len(held) > 2:
        rest = w.others_held if changed else w.all_held
        changed.append(rest.format(n=len(held)))
    elif held:
        names = listed([name.removeprefix("ood/") for name in held])
        changed.append(w.held.format(names=names))
    return listed(changed)


def _moved(change: AccuracyChange | MeanChange) -> str:
    """The word for an outcome: `held`, `better`, `worse` or `clearly`."""
    if change.outcome == "worse" and change.high < CLEARLY:
        return "clearly"
    return change.outcome


def _mean(accuracies: Accuracies, names: Mapping[str, AccuracyChange]) -> float:
    return sum(accuracies[name] for name in names) / len(names)


def _accuracies(domains: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    return {name: score["accuracy"] for name, score in domains.items()}


def _keep_zero_shot(found: GainAndCost) -> str:
    """The verdict if no mixture was better on validation images: keep zero-shot."""
    at = "test" if "test" in found.tuned else "val"
    gain = w.keep_id.format(id=points(found.tuned[at] - found.zero[at]))
    ood = {name: change for name, change in found.changes.items() if name.startswith("ood/")}
    if ood:
        own = points(found.tuned[at] - found.zero[at])
        other = points(_mean(found.tuned, ood) - _mean(found.zero, ood))
        gain = w.keep_both.format(id=own, ood=other, n=count(len(ood), *words.Numbers.others))
    return w.keep_zero_shot.format(gain=gain)


def _untested(record: RunRecord) -> str:
    """The verdict on a run of an older version, by the intervals of single accuracies."""
    zero = record.evaluations["zero-shot"]
    tuned = record.evaluations["fine-tuned"]
    if record.mixing.alpha == 0:
        return _keep_zero_shot_untested(zero, tuned)
    at = min(record.wise, key=lambda point: abs(point.alpha - record.mixing.alpha))
    score = zero.domains.get("test") or zero.domains["val"]
    gain = w.gain.format(
        alpha=decimal(at.alpha),
        zero=percent(zero.id),
        now=percent(at.id),
        change=points(at.id - zero.id),
        n=score.n,
    )
    if zero.ood is None or at.ood is None or tuned.ood is None:
        return w.no_ood.format(gain=gain)
    change = at.ood - zero.ood
    whole = tuned.ood - zero.ood
    elsewhere = _elsewhere(zero.domains, at, change)
    said = f"{w.whole.format(gain=gain, elsewhere=elsewhere)}."
    if at.alpha < 1 and whole < change - 0.005:
        ood = sum(name.startswith("ood/") for name in zero.domains)
        where = w.mean_of.format(n=ood) if ood > 1 else w.other_domain
        said += f" {w.alone.format(where=where, change=points(whole))}"
    return said


def tested(change: AccuracyChange) -> str:
    """The word for a change and the interval of its difference: `held (−5.1 to +3.2 pp)`."""
    low = points(change.low).removesuffix(f"{THIN}pp")
    return w.tested.format(moved=w.moved[_moved(change)], low=low, high=points(change.high))


def paired_verdict(paired: "PairedComparison") -> str:
    """The verdict on the second of two runs, from the images that both were measured on."""
    images = count(paired.n, *words.Numbers.images)
    if paired.verdict == "same-answers":
        return w.same_answers.format(images=images)
    if paired.verdict == "cannot-tell":
        return w.cannot_tell.format(images=images)
    more = count(abs(paired.only_second - paired.only_first), *words.Numbers.images)
    side = w.more if paired.verdict == "better" else w.fewer
    return side.format(images=more, n=number(paired.n))


def _keep_zero_shot_untested(zero: Evaluation, tuned: Evaluation) -> str:
    gain = w.keep_id.format(id=points(tuned.id - zero.id))
    if zero.ood is not None and tuned.ood is not None:
        own, other = points(tuned.id - zero.id), points(tuned.ood - zero.ood)
        ood = sum(name.startswith("ood/") for name in zero.domains)
        gain = w.keep_both.format(id=own, ood=other, n=count(ood, *words.Numbers.others))
    return w.keep_zero_shot.format(gain=gain)


def _elsewhere(zero: Mapping[str, DomainScore], at: WisePoint, change: float) -> str:
    """The change on the OOD domains, naming each one that fell below its interval."""
    fallen = [
        name.removeprefix("ood/")
        for name, score in zero.items()
        if name.startswith("ood/") and at.domains[name] < score.low
    ]
    if fallen:
        return w.fallen.format(change=points(change), names=listed(fallen))
    if change > 0.005:
        return w.gained.format(change=points(change))
    if change < -0.005:
        return w.lost.format(change=points(-change).lstrip("+"))
    return w.holds.format(change=points(change))
