"""One photo through zero-shot, the chosen α and the fine-tuned weights, side by side."""

from typing import Any

import gradio as gr

from studio import words
from studio.components.base import text, widget

_TEMPLATE = """<div class="ek-photo" data-state="empty" tabindex="-1">
<div class="ek-card ek-photo-card">
<button type="button" class="ek-photo-drop" data-part="drop">
<img data-part="image" alt="{alt}"><span>{drop}</span></button>
<input type="file" accept="image/*" data-part="input" hidden aria-label="{drop}">
<p class="ek-note">{lead}</p></div>
<div class="ek-card ek-photo-answer"><p class="ek-note" data-part="status" role="status"></p>
<div class="ek-columns" data-part="columns"></div></div></div>"""


def photo_lab(predict: Any) -> gr.HTML:
    """Server function `predict([run, id])`, with the id of an upload."""
    w = words.Lab
    template = _TEMPLATE.format(
        alt=text(w.photo_alt), drop=text(w.photo_drop), lead=text(w.photo_lead)
    )
    return widget("photo", template, server_functions=[predict])


def photo_value(run_id: str) -> dict[str, Any]:
    """Value of `photo_lab` for a finished run."""
    return {"run": run_id, "words": {"asking": words.Lab.photo_asking}}
