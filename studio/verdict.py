"""One sentence about what a run gained and what it cost, and about two runs on the same images."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.records import DomainScore, Evaluation, RunRecord, WisePoint
from studio import words
from studio.markup import count, decimal, listed, number, percent, points

w = words.Verdict

if TYPE_CHECKING:
    from core.evaluation.paired import Paired  # imports numpy


def verdict(record: RunRecord) -> str:
    """The sentence for the α that the run chose."""
    zero = record.evaluations["zero-shot"]
    tuned = record.evaluations["fine-tuned"]
    if record.selection.alpha == 0:
        return _keep_zero_shot(zero, tuned)
    at = min(record.wise, key=lambda point: abs(point.alpha - record.selection.alpha))
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
    said = w.whole.format(gain=gain, elsewhere=_elsewhere(zero.domains, at, change))
    if at.alpha < 1 and whole < change - 0.005:
        said += f" {w.alone.format(change=points(whole))}"
    return said


def paired_verdict(paired: "Paired") -> str:
    """What the images that both of two runs were measured on say of the second."""
    images = count(paired.n, *words.Numbers.images)
    if paired.verdict == "same-answers":
        return w.same_answers.format(images=images)
    if paired.verdict == "cannot-tell":
        return w.cannot_tell.format(images=images)
    more = count(abs(paired.only_second - paired.only_first), *words.Numbers.images)
    side = w.more if paired.verdict == "better" else w.fewer
    return side.format(images=more, n=number(paired.n))


def named_verdict(paired: "Paired", first: str, second: str) -> str:
    """The same with the names of both runs."""
    say, images = words.Compare, count(paired.n, *words.Numbers.images)
    if paired.verdict == "same-answers":
        return say.same_answers.format(first=first, second=second, images=images)
    if paired.verdict == "cannot-tell":
        return say.cannot_tell.format(first=first, second=second, images=images)
    worse, better = (first, second) if paired.verdict == "better" else (second, first)
    more = number(abs(paired.only_second - paired.only_first))
    return say.better.format(first=worse, second=better, more=more, images=images)


def _keep_zero_shot(zero: Evaluation, tuned: Evaluation) -> str:
    """No mixture was better on validation: the honest answer is the model one started from."""
    gain = w.keep_id.format(id=points(tuned.id - zero.id))
    if zero.ood is not None and tuned.ood is not None:
        own, other = points(tuned.id - zero.id), points(tuned.ood - zero.ood)
        gain = w.keep_both.format(id=own, ood=other)
    return w.keep_zero_shot.format(gain=gain)


def _elsewhere(zero: Mapping[str, DomainScore], at: WisePoint, change: float) -> str:
    """What happened to the OOD domains, with a name for each that fell clearly."""
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
    return w.held.format(change=points(change))
