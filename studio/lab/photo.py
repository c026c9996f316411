"""One photo, dropped or from the camera, through zero-shot, the mixing and the tuned weights."""

from typing import Any

import gradio as gr

from studio.frame.html import text, widget
from studio.lab import words

_TEMPLATE = """<div class="ek-photo" data-state="empty" tabindex="-1">
<div class="ek-card ek-photo-card">
<button type="button" class="ek-photo-drop" data-part="drop">
<img data-part="image" alt="{alt}"><canvas data-part="map" hidden aria-hidden="true"></canvas>
<span>{drop}</span></button>
<video data-part="video" playsinline muted hidden aria-label="{sees}"></video>
<div class="ek-camera"><button type="button" class="ek-button" data-part="camera">{open}</button>
<button type="button" class="ek-button ek-primary" data-part="snap" hidden>{snap}</button>
<button type="button" class="ek-button" data-part="camera-close" hidden>{close}</button></div>
<button type="button" class="ek-quiet" data-part="toggle" aria-pressed="false" hidden>{map}</button>
<input type="file" accept="image/*" data-part="input" hidden aria-label="{drop}">
<p class="ek-note">{lead}</p></div>
<div class="ek-card ek-photo-answer"><p class="ek-note" data-part="status" role="status"></p>
<p class="ek-gate" data-part="gate"></p>
<p class="ek-familiar" data-part="familiar"></p>
<div class="ek-columns" data-part="columns"></div>
<p class="ek-note" data-part="how"></p></div></div>"""


def photo_lab(predict: Any) -> gr.HTML:
    """Server function `predict([run, id])`, with the id of an upload, or `[run, sha256, true]` for
    an image of the run's data set: the browser event `ek:look` asks for that.
    """
    w = words.Photo
    template = _TEMPLATE.format(
        alt=text(w.alt),
        drop=text(w.drop),
        lead=text(w.lead),
        map=text(w.map),
        open=text(w.camera),
        snap=text(w.camera_snap),
        close=text(w.camera_close),
        sees=text(w.camera_sees),
    )
    return widget("photo", template, server_functions=[predict])


def photo_value(run_id: str) -> dict[str, Any]:
    """Value of `photo_lab` for a finished run."""
    w = words.Photo
    say: dict[str, Any] = {"asking": w.asking, "familiar": w.familiar, "abstain": w.abstain}
    say |= {"gate": w.gate, "unknown": w.unknown, "no_map": w.no_map, **w.maps}
    say |= {"camera_none": w.camera_none, "camera_refused": w.camera_refused}
    say |= {"camera_busy": w.camera_busy, "camera_insecure": w.camera_insecure}
    return {"run": run_id, "words": say}
