"""A Plotly chart that is updated in place: zoom, hover and legend clicks survive every tick."""

from typing import Any

import gradio as gr

from studio.frame import words
from studio.frame.html import text, widget

_TEMPLATE = """<figure class="ek-card ek-chart" data-view="plot">
<figcaption><span class="ek-card-title">{title}</span>
<button type="button" class="ek-quiet" data-part="toggle" aria-pressed="false"
hidden>{table}</button></figcaption>
<div class="ek-keys" data-part="keys"></div>
<div class="ek-plot" style="height:{height}px">
<div data-part="plot" role="figure" class="ek-fill" hidden></div>
<div data-part="table" class="ek-fill ek-scroll" hidden></div>
<p data-part="empty" class="ek-empty-plot"></p></div>
<label class="ek-frames" data-part="frames" hidden><span>{epoch}</span>
<input type="range" class="ek-range" min="0" max="1" step="1" value="1" aria-label="{epoch_shown}">
<output></output></label>
<p class="ek-note" data-part="note"></p></figure>"""


def chart(title: str, height: int = 280, **options: Any) -> gr.HTML:
    """A card with a chart, a table of the same numbers, and a slider when the figure has frames."""
    template = _TEMPLATE.format(
        title=text(title),
        height=height,
        table=text(words.Charts.table),
        epoch=text(words.Charts.epoch),
        epoch_shown=text(words.Charts.epoch_shown),
    )
    return widget("chart", template, **options)
