"""The Photo panel: classifies one photo by zero-shot, the mixing and the fine-tuned weights."""

from collections.abc import Mapping
from typing import Any, ClassVar

import gradio as gr

from core.params import JsonObject
from studio.frame.html import text, widget
from studio.frame.view import View
from studio.frame.words import Words
from studio.lab.panel import PATIENCE_SECONDS, LabPanel, answered, finished, run_key
from studio.workspace import Workspace
from studio.workspace.session import Session
from studio.workspace.studio import Studio

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


class PhotoWords(Words):
    """Sentences of the Photo panel."""

    tab = "Try a photo"
    lead = "Drop one photo. It stays on this machine and is not added to the data."
    drop = "Drop, paste or choose a photo"
    camera = "Use the camera"
    camera_snap = "Take the photo"
    camera_close = "Close the camera"
    camera_sees = "What the camera sees"
    camera_none = "No camera was found on this device. Drop or choose a photo instead."
    camera_refused = (
        "The browser does not let this page use the camera. Allow it next to the address, or drop "
        "a photo instead."
    )
    camera_busy = "The camera gives no picture; another program may be using it. Close that one."
    camera_insecure = (
        "Browsers give a camera to secure pages only: open the studio by https, or on its own "
        "machine as localhost. Or drop a photo instead."
    )
    asking = "Looking at the photo …"
    alt = "The photo you dropped"
    gate: ClassVar = {
        "like-tuned": (
            "This photo looks like your training images ({familiarity}), so the tuned model "
            "answers it (a share of {share})."
        ),
        "like-both": (
            "This photo looks rather like your training images ({familiarity}), so the tuned "
            "model and zero-shot answer it together, the tuned one with a share of {share}."
        ),
        "unlike-both": (
            "This photo looks rather unlike your training images ({familiarity}), so zero-shot "
            "and the tuned model answer it together, the tuned one with a share of {share}."
        ),
        "unlike-zero": (
            "This photo looks unlike your training images ({familiarity}), so zero-shot answers it."
        ),
        "unlike-tuned": (
            "This photo looks unlike your training images ({familiarity}), but the base model "
            "hardly knows these classes, so the tuned model answers it, too (a share of {share})."
        ),
    }
    familiar = (
        "What it shows is like the training images: {similarity} to the nearest, {threshold} or "
        "more is usual."
    )
    abstain = (
        "What it shows is unlike the training images: {similarity} to the nearest, below the "
        "{threshold} that {accepted} of held-out images reach. Better not to trust an answer here."
    )
    unknown = (
        "How familiar this photo is cannot be told: the run is an ensemble, or its data has moved."
    )
    map = "Show where α looked"
    maps: ClassVar = {
        "rollout": "Attention rollout over the patches: a hint, not a proof.",
        "relevance": "Gradient times activation for the first answer: a hint, not a proof.",
    }
    no_map = "This kind of tower gives no map."


w = PhotoWords


class PhotoPanel(LabPanel):
    """A photo and the answers to it."""

    name = "photo"
    order = 80
    words = PhotoWords

    def __init__(self, studio: Studio) -> None:
        photo = photo_lab(predict=predict_with(studio))
        self.views = [View(photo, run_key, draw_photo)]
        self.events = []


def draw_photo(session: Session) -> Any:
    """Value of the widget."""
    run_id = finished(session)
    return photo_value(run_id) if run_id else None


def photo_lab(predict: Any) -> gr.HTML:
    """Server function `predict([run, id])`, with the id of an upload, or `[run, sha256, true]` for
    an image of the run's data set: the browser event `ek:look` asks for that.
    """
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


def photo_value(run_id: str) -> dict[str, object]:
    """Value of `photo_lab` for a finished run."""
    say: dict[str, object] = {"asking": w.asking, "familiar": w.familiar, "abstain": w.abstain}
    say |= {"gate": w.gate, "unknown": w.unknown, "no_map": w.no_map, **w.maps}
    say |= {"camera_none": w.camera_none, "camera_refused": w.camera_refused}
    say |= {"camera_busy": w.camera_busy, "camera_insecure": w.camera_insecure}
    return {"run": run_id, "words": say}


def predict_with(studio: Studio) -> Any:
    """A function that classifies `[run, upload]`, or an image of the run's data set as `[run,
    sha256, True]`, by zero-shot, the chosen mixing and the fine-tuned weights.
    """

    def predict(question: list[Any], request: gr.Request) -> Mapping[str, object]:
        run_id, image, *is_own = question

        def ask(mine: Workspace) -> JsonObject:
            look = mine.answers.look_closer if any(is_own) else mine.answers.predict
            return look(str(run_id), str(image), PATIENCE_SECONDS).model_dump(
                mode="json", by_alias=True
            )

        return answered(studio, request, ask)

    return predict
