"""The α slider: the data that the browser needs to read the measured grid without the server, and
the exact evaluation when the slider is released.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import gradio as gr

from core.errors import UserError
from core.results.records import (
    AccuracyChange,
    Evaluation,
    HandSetMixing,
    Mixing,
    MixingKind,
    RunRecord,
    Steadiness,
    WisePoint,
)
from core.results.runs import RunFolder
from core.results.standing import FINE_TUNED, ZERO_SHOT
from studio.frame.domains import domain_styles
from studio.frame.html import text, widget
from studio.frame.markup import count, percent
from studio.frame.view import View
from studio.frame.words import Words
from studio.lab import words
from studio.lab.panel import PATIENCE_SECONDS, LabPanel, answered, record_of, run_key
from studio.lab.wise_chart import FrontierWords, frontier_figure, frontier_table
from studio.live.verdict import TONES, tested, verdict
from studio.workspace import Workspace
from studio.workspace.session import Session
from studio.workspace.studio import Studio

if TYPE_CHECKING:
    from core.results.halves import HalfChoice  # imports numpy

Halves = Mapping[MixingKind, Mapping[str, "HalfChoice"]]
"""The α that is chosen on half of each OOD domain, by kind of mixing and domain."""
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
"""Choices of α that keep the numbers on test images honest."""
WEAK = 0.95
"""The share w of the fine-tuned model in unfamiliar images from which the page says that it answers
them.
"""
_WORDS = ("measuring", "exact", "known", "sentence", "sentence_one", "sentence_id")
_NO_SWITCH = ("wise", "")
"""The kind and the half of a question that names only α."""


class WiseWords(Words):
    """The mixing weight and its slider."""

    tab = "Mixing weight α"
    alpha = "Mixing weight α"
    alpha_range = "α must be between 0 and 1, got {alpha}."
    steady = "Steady"
    steady_hint = (
        "Images unlike the training images are left to zero-shot CLIP; all others are answered at "
        "this α."
    )
    steady_part = (
        "Validation shows that the base model is weak on these classes, so the tuned model has a "
        "{share} share in images unlike the training images; all others are answered at this α."
    )
    steady_weak = (
        "Validation shows that the base model hardly knows these classes, so images unlike the "
        "training images are the tuned model's, too."
    )
    familiar = "{familiar} of {n} look like your training images"
    choice = "α chosen on"
    choices: ClassVar = {
        "val": "validation images",
        "default": "nothing: the default",
        "fixed": "nothing: the combination",
        "oracle": "test images",
    }
    half_of = "half of {domain}"
    set_by_hand = "nothing: set by hand"
    half_badge = "Chosen on half of {domain} ({chosen}), reported on the other {reported}"
    other_half = "the other half, n {n}"
    alpha_low = "zero-shot"
    alpha_high = "fine-tuned"
    jump = "back to the chosen α"
    instant = (
        "≈ is read between the measured points, of which there are {count}. When the slider rests "
        "this α is measured exactly."
    )
    measuring = "Measuring this α on every image …"
    exact = "Measured exactly at this α in {seconds} s."
    known = "Measured exactly at this α."
    chosen_on: ClassVar = {
        "val": "Chosen on validation images: these numbers stay honest",
        "default": "No validation images: α is the default, not a choice",
        "fixed": "The combination as it is: α = 1 was not searched for",
        "oracle": "Made by looking at test images (oracle): test numbers are not honest",
    }
    by_hand = "Set by hand while looking at {domains}: read these numbers as optimistic"
    table = "Table"
    frontier = "ID against OOD for every α"
    frontier_note = (
        "Every mark is one α that was measured. To the right is better on your images. Up is "
        "better on the other domains; without any, up is just a larger α."
    )
    sentence = (
        "{mixing}: {id} on your images, {ood} on the mean of {n} other domains, against zero-shot."
    )
    sentence_one = "{mixing}: {id} on your images, {ood} on the other domain, against zero-shot."
    sentence_id = "{mixing}: {id} on your images, against zero-shot."


w = WiseWords


class WisePanel(LabPanel):
    """The slider, and the frontier next to it."""

    name = "wise"
    order = 10
    words = WiseWords

    def __init__(self, studio: Studio) -> None:
        wise = wise_lab(measure=measure_with(studio))
        self.views = [View(wise, run_key, draw_wise)]
        self.events = []


def draw_wise(session: Session) -> Any:
    """Value of the widget for the run of the page, as it is mixed."""
    record = record_of(session)
    if record is None:
        return None
    runs, run_id = session.mine.runs, record.run_id
    return wise_value(
        record,
        runs.mixing(run_id),
        runs.chosen_on(run_id),
        runs.by_hand(run_id),
        halves_of(runs.folder(run_id)),
    )


def halves_of(folder: RunFolder) -> Halves:
    """The choices of each half, from the run's folder; empty for a run of an older version, which
    kept no answers at every α.
    """
    try:
        changed = folder.grid_path.stat().st_mtime_ns
    except FileNotFoundError:
        return {}
    return _halves(folder.path, changed)


@functools.lru_cache(maxsize=16)
def _halves(path: Path, _changed: int) -> Halves:
    from core.results.grid import Grid
    from core.results.halves import chosen_on_half
    from core.results.predictions import Predictions

    folder = RunFolder(path)
    try:
        grid = Grid.read(folder.grid_path)
        images = Predictions.read(folder.predictions_path).domains
    except UserError:
        return {}
    kinds: tuple[MixingKind, ...] = ("wise", "steady")
    found = {
        kind: {
            name: half
            for name, domain in images.items()
            if name.startswith("ood/") and (half := chosen_on_half(grid, kind, name, domain.sha256))
        }
        for kind in kinds
    }
    return {kind: by_domain for kind, by_domain in found.items() if by_domain}


def wise_lab(measure: Any) -> gr.HTML:
    """Server function `measure([run, alpha, kind, half])`: the exact evaluation on release."""
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
) -> dict[str, object]:
    """The measurements of a mixing by domain: accuracy, interval, and the test against zero-shot if
    there was one.
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
    halves: Halves | None = None,
) -> dict[str, object]:
    """Value of `wise_lab` for a finished run under a mixing; `chosen_on` is the domain half of
    which chose it. `by_hand` has measurements that the record does not hold.
    """
    zero = record.evaluations["zero-shot"].domains
    grids = {"wise": record.wise, **({"steady": record.steady.points} if record.steady else {})}
    on = record.selection.alpha_chosen_on
    domains = [
        {
            "key": style.key, "title": style.title, "role": style.role, "colour": style.colour,
            "symbol": style.symbol, "shown": style.role in ("id", "ood"),
            "zero": zero[style.key].accuracy, "n": zero[style.key].n,
            "familiar": _familiar(record.steady, style.key),
        }
        for style in domain_styles(record.wise[0].domains)
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
            title=w.frontier, n=sum(map(len, grids.values()))
        ),
    }


def _say(record: RunRecord, domains: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    on = record.selection.alpha_chosen_on
    looked_at = [one["title"] for one in domains if one["shown"]]
    return {
        **{name: getattr(w, name) for name in _WORDS},
        "mark": FrontierWords.mark[on],
        "honest": w.chosen_on[on],
        "mixings": words.Common.mixings,
        "instant": w.instant.format(count=len(record.wise)),
        "by_hand": w.by_hand.format(domains=", ".join(looked_at)),
    }


def _grid(points: Sequence[WisePoint]) -> list[dict[str, object]]:
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
    """All measurements, those with the smallest intervals first."""
    for name, mixing in (("recommended", record.mixing), ("fine-tuned", FINE_TUNED)):
        if name in record.evaluations:
            yield mixing, record.evaluations[name], record.changes.get(name, {})
    yield ZERO_SHOT, record.evaluations["zero-shot"], {}
    for one in by_hand:
        yield one.mixing, one.evaluation, one.changes


def _hint(record: RunRecord) -> str:
    """The hint of the switch: its effect, or the reason it is off."""
    steady = record.steady
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
    return w.familiar.format(familiar=found.familiar, n=found.n) if found else ""


def _choices(on: str, halves: Halves) -> list[tuple[str, str]]:
    """Values and titles of the choices for α; empty if no halves were measured."""
    names = sorted({name for found in halves.values() for name in found})
    titles = [(name, w.half_of.format(domain=name.removeprefix("ood/"))) for name in names]
    return [("", w.choices[on]), *titles, ("hand", w.set_by_hand)] if names else []


def _half(name: str, half: "HalfChoice") -> dict[str, object]:
    """The measurements on the images that were not used to choose α."""
    return {
        "alpha": half.alpha,
        "n": half.reported.n,
        "accuracy": half.reported.accuracy,
        "low": half.reported.low,
        "high": half.reported.high,
        "zero": half.zero_shot.accuracy,
        "change": _tested(half.change),
        "badge": w.half_badge.format(
            domain=name.removeprefix("ood/"),
            chosen=count(half.chosen_on, *words.Numbers.images),
            reported=half.reported.n,
        ),
        "label": w.other_half.format(n=half.reported.n),
    }


def _tested(change: AccuracyChange) -> dict[str, str]:
    return {"tone": TONES[change.outcome], "said": tested(change)}


def measure_with(studio: Studio) -> Any:
    """A function for the exact evaluation of `[run, α]` or `[run, α, kind, half]`, which becomes
    the run's chosen mixing, also for Export. `half` names the domain half of which chose α.
    """

    def measure(question: list[Any], request: gr.Request) -> Mapping[str, object]:
        def ask(mine: Workspace) -> dict[str, object]:
            kind, half = [*map(str, question[2:]), *_NO_SWITCH[len(question) - 2 :]][:2]
            mixing = asked_mixing(float(question[1]), kind)
            answer = mine.answers.measure(str(question[0]), mixing, PATIENCE_SECONDS, half[:200])
            exact = exactly(answer.mixing, answer.evaluation, answer.changes)
            return {**exact, "seconds": answer.seconds}

        return answered(studio, request, ask)

    return measure


def asked_mixing(alpha: float, kind: str) -> Mixing:
    """The mixing of a slider and a switch; a `UserError` if there is none."""
    alpha = round(alpha, 4)
    if not 0 <= alpha <= 1:
        raise UserError(w.alpha_range.format(alpha=alpha))
    return Mixing.steady(alpha) if kind == "steady" else Mixing.wise(alpha)
