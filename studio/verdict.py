"""One sentence about what a run gained and what it cost, and about two runs on the same images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.records import DomainScore, Evaluation, RunRecord, WisePoint
from studio import words
from studio.markup import count, number, percent, points

if TYPE_CHECKING:
    from core.evaluation.paired import Paired  # imports scipy


def verdict(record: RunRecord) -> str:
    """The sentence for the α that the run chose."""
    zero = record.evaluations["zero-shot"]
    tuned = record.evaluations["fine-tuned"]
    if record.selection.alpha == 0:
        return _keep_zero_shot(zero, tuned)
    at = min(record.wise, key=lambda point: abs(point.alpha - record.selection.alpha))
    score = zero.domains.get("test") or zero.domains["val"]
    first = (
        f"At α = {at.alpha:.2f} accuracy on your images goes from {percent(zero.id)} to "
        f"{percent(at.id)} ({points(at.id - zero.id)}, n = {score.n})"
    )
    if zero.ood is None or at.ood is None or tuned.ood is None:
        return f"{first}. Without OOD images nobody can say what it cost elsewhere."
    change = at.ood - zero.ood
    whole = tuned.ood - zero.ood
    rest = f"; {_elsewhere(zero.domains, at, change)}."
    if at.alpha < 1 and whole < change - 0.005:
        rest += f" Fine-tuning alone (α = 1) would have made that {points(whole)}."
    return first + rest


def paired_verdict(paired: "Paired") -> str:
    """What the images that both of two runs were measured on say of the second."""
    images = count(paired.n, "image")
    if paired.verdict == "same-answers":
        return f"Both get the same ones right of {images}."
    if paired.verdict == "cannot-tell":
        return f"{images} cannot separate these two runs."
    more = abs(paired.only_second - paired.only_first)
    side = "more" if paired.verdict == "better" else "fewer"
    return f"{count(more, 'image')} {side} right of {number(paired.n)}."


def named_verdict(paired: "Paired", first: str, second: str) -> str:
    """The same with the names of both runs."""
    say, images = words.Compare, count(paired.n, "image")
    if paired.verdict == "same-answers":
        return say.same_answers.format(first=first, second=second, images=images)
    if paired.verdict == "cannot-tell":
        return say.cannot_tell.format(first=first, second=second, images=images)
    worse, better = (first, second) if paired.verdict == "better" else (second, first)
    more = number(abs(paired.only_second - paired.only_first))
    return say.better.format(first=worse, second=better, more=more, images=images)


def _keep_zero_shot(zero: Evaluation, tuned: Evaluation) -> str:
    """No mixture was better on validation: the honest answer is the model one started from."""
    gain = f"{points(tuned.id - zero.id)} on your images"
    if zero.ood is not None and tuned.ood is not None:
        gain += f" and {points(tuned.ood - zero.ood)} on the other domains"
    return (
        "On the validation images no mixture beat zero-shot, so α = 0 is chosen: plain CLIP. "
        f"Fine-tuning alone (α = 1) shows {gain}; more validation images would tell them apart."
    )


def _elsewhere(zero: Mapping[str, DomainScore], at: WisePoint, change: float) -> str:
    """What happened to the OOD domains, with a name for each that fell clearly."""
    fallen = [
        name.removeprefix("ood/")
        for name, score in zero.items()
        if name.startswith("ood/") and at.domains[name] < score.low
    ]
    if fallen:
        return (
            f"the other domains change by {points(change)} on average, "
            f"and {_names(fallen)} fell clearly below zero-shot"
        )
    if change > 0.005:
        return f"the other domains gain {points(change)} on average"
    if change < -0.005:
        lost = points(-change).lstrip("+")
        return f"the other domains lose {lost} on average, within their intervals"
    return f"the other domains hold ({points(change)} on average)"


def _names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
