"""Recommends a method, from the results of our own benchmark."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.data.split import MOST_BY_DEFAULT
from core.results.records import RunConfig
from studio.frame.markup import count, decimal, points
from studio.train import words
from studio.train.trade_offs import Benchmark, Situation, Span, TradeOff, benchmarks

if TYPE_CHECKING:
    from studio.workspace import Workspace

w = words.Train
PLAIN = str(RunConfig.model_fields["method"].default)
"""Plain fine-tuning."""
RULER = "zero-shot"
MOST_LOST = 0.005
"""The most that a recommended method's OOD change may be below the best one, a fraction of 1."""
ONE_GAIN = 0.01
"""ID changes that differ by less, a fraction of 1, count as equal. Their intervals are far wider,
but the best estimate of a method that gains four points less is still four points less.
"""
ONE_PRICE = 1.5
"""Step times within this factor count as equal: the time of the same step varied as much between
days.
"""
DOUBLINGS = 2.0
"""Images per class are similar up to a factor of four."""
ACCURACIES = 0.25
"""Zero-shot accuracies are similar up to this difference."""


@dataclass(frozen=True)
class Recommendation:
    """A method, the reason for it, and the numbers behind it."""

    method: str
    reason: str
    """One sentence."""
    evidence: Benchmark | None
    """The most similar data set of the benchmark; None if no data set is similar."""
    rows: tuple[TradeOff, ...] = ()
    """The compared methods, the recommended one first."""


def recommend(situation: Situation, measured: Sequence[Benchmark] | None = None) -> Recommendation:
    """The method with the best ID change of its recommended mixing on the most similar data set,
    among the methods that lose nothing on OOD domains.

    A method loses nothing if its OOD change is not significantly below zero-shot, and at most
    `MOST_LOST` below the best of these. Among methods that gain as much as the best (`ONE_GAIN`),
    cheaper steps win, then plain fine-tuning.
    """
    found = nearest(situation, benchmarks() if measured is None else measured)
    chosen = _best(found.methods) if found and is_similar(situation, found.situation) else ()
    if not found or not chosen:
        return Recommendation(PLAIN, w.not_measured.format(yours=_told(situation)), None)
    return Recommendation(chosen[0].method, _reason(situation, found, chosen[0]), found, chosen)


def nearest(situation: Situation, measured: Sequence[Benchmark]) -> Benchmark | None:
    """The most similar data set: the same model family first, then images per class and zero-shot
    accuracy.
    """

    def distance(one: Benchmark) -> tuple[bool, float]:
        doublings, accuracies = _apart(situation, one.situation)
        return (
            one.situation.family != situation.family,
            doublings / DOUBLINGS + accuracies / ACCURACIES,
        )

    return min(measured, key=distance, default=None)


def is_similar(one: Situation, other: Situation) -> bool:
    """True if results from one situation apply to the other."""
    doublings, accuracies = _apart(one, other)
    return one.family == other.family and doublings <= DOUBLINGS and accuracies <= ACCURACIES


def situation_of(mine: "Workspace", data_id: str) -> Situation:
    """The situation of a data set with its draft's model; zero-shot accuracy if it is known."""
    opened, draft = mine.data.open(data_id), mine.draft(data_id)
    zero = mine.answers.zero_shot(data_id)
    domains = zero.value.evaluation.domains if zero.state == "ready" else {}
    own = domains.get("test") or domains.get("train")
    return Situation(
        per_class=opened.per_class(MOST_BY_DEFAULT),
        ood_domains=sum(domain.role == "ood" for domain in opened.dataset.domains),
        family="small" if draft["model"] == "embedded" else "clip",
        zero_shot_id=own.accuracy if own else None,
    )


def drafted(mine: "Workspace", data_id: str) -> dict[str, Any]:
    """The next run on a data set; if no method was chosen, with the recommended one."""
    draft = mine.draft(data_id)
    if "method" in mine.drafts.get(data_id):
        return draft
    return {**draft, "method": recommend(situation_of(mine, data_id)).method}


def _apart(one: Situation, other: Situation) -> tuple[float, float]:
    """The distance of two situations: doublings of the images per class, and zero-shot accuracy (0
    if one is unknown).
    """
    doublings = abs(math.log2(max(one.per_class, 1) / max(other.per_class, 1)))
    if one.zero_shot_id is None or other.zero_shot_id is None:
        return doublings, 0.0
    return doublings, abs(one.zero_shot_id - other.zero_shot_id)


@dataclass(frozen=True)
class _Candidate:
    of: TradeOff
    id: Span
    ood: float


def _best(methods: Mapping[str, TradeOff]) -> tuple[TradeOff, ...]:
    """The methods that lose nothing on OOD domains, the recommended one first."""
    kept = [
        _Candidate(one, one.id, one.ood.change if one.ood else 0.0)
        for name, one in methods.items()
        if name != RULER and one.id and not _falls(one.ood)
    ]
    highest = max((one.ood for one in kept), default=0.0)
    kept = [one for one in kept if one.ood >= highest - MOST_LOST]
    if not kept:
        return ()
    best = max(kept, key=lambda one: one.id.change)
    equal = [one for one in kept if one.id.change >= best.id.change - ONE_GAIN]
    price = min(one.of.step_seconds for one in equal) * ONE_PRICE
    cheap = [one for one in equal if one.of.step_seconds <= price]
    chosen = max(cheap, key=lambda one: (one.of.method == PLAIN, one.id.change))
    others = sorted(kept, key=lambda one: -one.id.change)
    return (chosen.of, *(one.of for one in others if one is not chosen))


def _falls(span: Span | None) -> bool:
    return span is not None and span.word in ("fell", "fell-clearly")


def _reason(situation: Situation, found: Benchmark, chosen: TradeOff) -> str:
    parts = []
    if own := chosen.id:
        said = w.gained if own.change > 0 else w.changed_by
        parts.append(said.format(change=points(own.change), interval=interval(own)))
    if ood := chosen.ood:
        said = w.elsewhere[ood.word or "unknown"]
        parts.append(said.format(change=points(ood.change), interval=interval(ood)))
    what = w.reason_and.join(parts)
    return w.reason.format(yours=_told(situation), where=found.title, what=what)


def _told(situation: Situation) -> str:
    images = decimal(round(situation.per_class), None)
    domains = count(situation.ood_domains, *w.other_domains) if situation.ood_domains else w.no_ood
    return w.yours.format(images=images, domains=domains)


def interval(span: Span) -> str:
    """`, +10.1 to +18.5`; empty without one."""
    if span.low is None or span.high is None:
        return ""
    return w.span.format(low=_bare(span.low), high=_bare(span.high))


def _bare(change: float) -> str:
    return points(change).split("\u202f")[0]
