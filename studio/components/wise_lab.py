"""The α slider: everything that the browser needs to read the measured grid by itself."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from core.records import Change, Evaluation, Mixing, RunRecord
from studio import words
from studio.components.base import text, widget
from studio.domains import looks
from studio.plots import frontier_figure, frontier_table
from studio.verdict import verdict

_TEMPLATE = """<div class="ek-wise">
<section class="ek-card ek-wise-slider"><header class="ek-card-head"><h2>{alpha}</h2>
<output data-part="alpha" class="ek-alpha">–</output></header>
<div class="ek-slider"><input data-part="slider" class="ek-range" type="range"
min="0" max="1" step="0.01" value="1" aria-label="{alpha}">
<div class="ek-marks" data-part="marks" aria-hidden="true"><i></i><span></span></div></div>
<div class="ek-slider-ends"><button type="button" class="ek-link" data-alpha="0">{low}</button>
<button type="button" class="ek-link" data-alpha="chosen">{jump}</button>
<button type="button" class="ek-link" data-alpha="1">{high}</button></div>
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
<p class="ek-note">{note}</p></section></div>"""
HONEST = ("val", "fixed")
"""What α may be chosen on so that the numbers on test images stay what they are."""
_WORDS = ("measuring", "exact", "sentence", "sentence_id")


def wise_lab(measure: Any) -> gr.HTML:
    """Server function `measure([run, alpha])`: the exact evaluation on release."""
    w = words.Lab
    template = _TEMPLATE.format(
        alpha=text(w.alpha),
        low=text(w.alpha_low),
        high=text(w.alpha_high),
        jump=text(w.jump),
        frontier=text(w.frontier),
        note=text(w.frontier_note),
        table=text(w.table),
    )
    return widget("wise", template, server_functions=[measure])


def exactly(
    mixing: Mixing, evaluation: Evaluation, changes: Mapping[str, Change]
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
        "changes": {
            name: change.model_dump(include={"outcome", "difference", "low", "high"})
            for name, change in changes.items()
        },
    }


def wise_value(record: RunRecord, alpha: float) -> dict[str, Any]:
    """Value of `wise_lab` for a finished run, with the slider at `alpha`."""
    zero = record.evaluations["zero-shot"].domains
    grid = sorted(record.wise, key=lambda point: point.alpha)
    on = record.selection.alpha_chosen_on
    say = {name: getattr(words.Lab, name) for name in _WORDS}
    say |= {"mark": words.Lab.mark[on], "honest": words.Lab.chosen_on[on]}
    looked_at = [look.title for look in looks(grid[0].domains) if look.role in ("id", "ood")]
    say["instant"] = words.Lab.instant.format(count=len(grid))
    say["by_hand"] = words.Lab.by_hand.format(domains=", ".join(looked_at))
    domains = [
        {
            "key": look.key, "title": look.title, "role": look.role, "colour": look.colour,
            "symbol": look.symbol, "shown": look.role in ("id", "ood"),
            "zero": zero[look.key].accuracy,
            "zero_low": zero[look.key].low, "zero_high": zero[look.key].high, "n": zero[look.key].n,
        }
        for look in looks(grid[0].domains)
    ]  # fmt: skip
    return {
        "run": record.run_id,
        "alpha": alpha,
        "chosen": record.selection.alpha,
        "grid": [{"alpha": point.alpha, "domains": point.domains} for point in grid],
        "domains": domains,
        "verdict": verdict(record),
        "words": say,
        "honest": on in HONEST,
        "figure": frontier_figure(record),
        "table": frontier_table(record),
        "label": words.Charts.frontier_label.format(title=words.Lab.frontier, n=len(grid)),
    }
