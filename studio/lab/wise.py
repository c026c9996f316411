"""The α slider: everything that the browser needs to read the measured grid by itself."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.results.records import (
    AccuracyChange,
    Evaluation,
    HandSetMixing,
    Mixing,
    RunRecord,
    Steadiness,
    WisePoint,
)
from core.results.standing import FINE_TUNED, ZERO_SHOT
from studio.frame.domains import looks
from studio.frame.html import text, widget
from studio.frame.markup import count, percent
from studio.lab import words
from studio.lab.frontier_chart import frontier_figure, frontier_table
from studio.live.verdict import TONES, tested, verdict

if TYPE_CHECKING:
    from core.results.halves import HalfChoice  # imports numpy
    from studio.lab.halves import Halves

_TEMPLATE = """<div class="ek-wise">
<section class="ek-card ek-wise-slider"><header class="ek-card-head"><h2>{alpha}</h2>
<output data-part="alpha" class="ek-alpha">–</output></header>
<div class="ek-slider"><input data-part="slider" class="ek-range" type="range"
min="0" max="1" step="0.01" value="1" aria-label="{alpha}">
<div class="ek-marks" data-part="marks" aria-hidden="true"><i></i><span></span></div></div>
<div class="ek-slider-ends"><button type="button" class="ek-link" data-alpha="0">{low}</button>
<button type="button" class="ek-link" data-alpha="chosen">{jump}</button>
<button type="button" class="ek-link" data-alpha="1">{high}</button></div>
<div class="ek-mixing"><label class="ek-toggle"><input type="checkbox" role="switch"
data-part="steady" aria-describedby="ek-steady-hint">{steady}</label>
<p class="ek-note" id="ek-steady-hint" data-part="hint"></p>
<label class="ek-chosen-on" data-part="choice" hidden>{on} <select data-part="on"></select></label>
</div>
<p class="ek-verdict" data-part="verdict" aria-live="polite"></p>
<p class="ek-honesty"><span data-part="badge" class="ek-badge"></span></p>
<div class="ek-readings" data-part="readings"></div>
<p class="ek-note" data-part="exact" role="status"></p></section>
<section class="ek-card ek-frontier"><header class="ek-card-head"><h2>{frontier}</h2>
<button type="button" class="ek-quiet" data-part="toggle" aria-pressed="false">{table}</button>
</header>
<div class="ek-keys" data-part="keys"></div>
<div class="ek-plot" style="height:380px">
<div class="ek-fill" data-part="plot" role="figure"></div>
<div class="ek-fill ek-scroll" data-part="table" tabindex="0" role="region" aria-label="{frontier}"
 hidden></div></div>
<p class="ek-note">{note}</p>
<p class="ek-note" data-part="how" hidden>{how}</p></section></div>"""
HONEST = ("val", "fixed")
"""What α may be chosen on so that the numbers on test images stay what they are."""
WEAK = 0.95
"""The share w of the tuned model in unfamiliar images from which it is said to answer them."""
_WORDS = ("measuring", "exact", "known", "sentence", "sentence_one", "sentence_id")


def wise_lab(measure: Any) -> gr.HTML:
    """Server function `measure([run, alpha, kind, half])`: the exact evaluation on release."""
    w = words.Lab
    template = _TEMPLATE.format(
        alpha=text(w.alpha),
        low=text(w.alpha_low),
        high=text(w.alpha_high),
        jump=text(w.jump),
        frontier=text(w.frontier),
        note=text(w.frontier_note),
        table=text(w.table),
        steady=text(w.steady),
        on=text(w.choice),
        how=text(words.Verdict.how),
    )
    return widget("wise", template, server_functions=[measure])


def exactly(
    mixing: Mixing, evaluation: Evaluation, changes: Mapping[str, AccuracyChange]
) -> dict[str, Any]:
    """A mixing that was measured, by domain: accuracy and interval, and the test against zero-shot
    where there was one.
    """
    return {
        **mixing.model_dump(),
        "domains": {
            name: score.model_dump(include={"accuracy", "low", "high"})
            for name, score in evaluation.domains.items()
        },
        "changes": {name: _tested(change) for name, change in changes.items()},
    }


def wise_value(
    record: RunRecord,
    mixing: Mixing,
    chosen_on: str = "",
    by_hand: Sequence[HandSetMixing] = (),
    halves: "Halves | None" = None,
) -> dict[str, Any]:
    """Value of `wise_lab` for a finished run, mixed so; `chosen_on` is the domain half of which
    chose that. `by_hand` was measured besides what the record holds.
    """
    zero = record.evaluations["zero-shot"].domains
    grids = {"wise": record.wise, **({"steady": record.steady.points} if record.steady else {})}
    on = record.selection.alpha_chosen_on
    domains = [
        {
            "key": look.key, "title": look.title, "role": look.role, "colour": look.colour,
            "symbol": look.symbol, "shown": look.role in ("id", "ood"),
            "zero": zero[look.key].accuracy, "n": zero[look.key].n,
            "familiar": _familiar(record.steady, look.key),
        }
        for look in looks(record.wise[0].domains)
    ]  # fmt: skip
    return {
        "run": record.run_id,
        **mixing.model_dump(),
        "on": chosen_on,
        "chosen": _chosen(record),
        "recommended": record.mixing.model_dump(),
        "grids": {kind: _grid(points) for kind, points in grids.items()},
        "exact": [exactly(*known) for known in _known(record, by_hand)],
        "hint": _hint(record),
        "choices": _choices(on, halves or {}),
        "halves": {
            kind: {name: _half(name, half) for name, half in found.items()}
            for kind, found in (halves or {}).items()
        },
        "domains": domains,
        "tested": "recommended" in record.changes,
        "verdict": verdict(record),
        "words": _say(record, domains),
        "honest": on in HONEST,
        "figure": frontier_figure(record),
        "table": frontier_table(record),
        "label": words.Charts.frontier_label.format(
            title=words.Lab.frontier, n=sum(map(len, grids.values()))
        ),
    }


def _say(record: RunRecord, domains: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    w, on = words.Lab, record.selection.alpha_chosen_on
    looked_at = [one["title"] for one in domains if one["shown"]]
    return {
        **{name: getattr(w, name) for name in _WORDS},
        "mark": w.mark[on],
        "honest": w.chosen_on[on],
        "mixings": words.Common.mixings,
        "instant": w.instant.format(count=len(record.wise)),
        "by_hand": w.by_hand.format(domains=", ".join(looked_at)),
    }


def _grid(points: Sequence[WisePoint]) -> list[dict[str, Any]]:
    return [
        {"alpha": point.alpha, "domains": point.domains}
        for point in sorted(points, key=lambda point: point.alpha)
    ]


def _chosen(record: RunRecord) -> dict[str, float]:
    """The α that the run chose, by kind of mixing."""
    return {"wise": record.selection.alpha, record.mixing.kind: record.mixing.alpha}


def _known(
    record: RunRecord, by_hand: Sequence[HandSetMixing]
) -> Iterator[tuple[Mixing, Evaluation, Mapping[str, AccuracyChange]]]:
    """What was measured with its intervals, the surest first."""
    for name, mixing in (("recommended", record.mixing), ("fine-tuned", FINE_TUNED)):
        if name in record.evaluations:
            yield mixing, record.evaluations[name], record.changes.get(name, {})
    yield ZERO_SHOT, record.evaluations["zero-shot"], {}
    for one in by_hand:
        yield one.mixing, one.evaluation, one.changes


def _hint(record: RunRecord) -> str:
    """What the switch does, or why it cannot."""
    w, steady = words.Lab, record.steady
    if steady is None:
        return record.why_not_steady or words.Runs.no_gate
    if steady.unfamiliar >= WEAK:
        return w.steady_weak
    return (
        w.steady_hint
        if steady.unfamiliar <= 1 - WEAK
        else w.steady_part.format(share=percent(steady.unfamiliar, 0))
    )


def _familiar(steady: Steadiness | None, domain: str) -> str:
    found = steady.domains.get(domain) if steady else None
    return words.Lab.familiar.format(familiar=found.familiar, n=found.n) if found else ""


def _choices(on: str, halves: "Halves") -> list[tuple[str, str]]:
    """What α may be chosen on: value and title; empty without a choice."""
    names = sorted({name for found in halves.values() for name in found})
    titles = [(name, words.Lab.half_of.format(domain=name.removeprefix("ood/"))) for name in names]
    return [("", words.Lab.choices[on]), *titles, ("hand", words.Lab.set_by_hand)] if names else []


def _half(name: str, half: "HalfChoice") -> dict[str, Any]:
    """What the images that did not choose α say of it."""
    return {
        "alpha": half.alpha,
        "n": half.reported.n,
        "accuracy": half.reported.accuracy,
        "low": half.reported.low,
        "high": half.reported.high,
        "zero": half.zero_shot.accuracy,
        "change": _tested(half.change),
        "badge": words.Lab.half_badge.format(
            domain=name.removeprefix("ood/"),
            chosen=count(half.chosen_on, *words.Numbers.images),
            reported=half.reported.n,
        ),
        "label": words.Lab.other_half.format(n=half.reported.n),
    }


def _tested(change: AccuracyChange) -> dict[str, str]:
    return {"tone": TONES[change.outcome], "said": tested(change)}
