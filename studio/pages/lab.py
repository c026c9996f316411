"""Robustness lab: what did I gain, and what did I break?"""

from collections.abc import Hashable
from typing import Any

import gradio as gr

from core.errors import UserError
from studio import words
from studio.components.base import panel
from studio.components.chart import chart
from studio.components.photo import photo_lab, photo_value
from studio.components.wise_lab import wise_lab, wise_value
from studio.context import Studio
from studio.markup import render
from studio.pages.live import prototypes_value
from studio.session import Session
from studio.view import Handler, View

w = words.Lab
PATIENCE_SECONDS = 40.0
"""How long a visitor is kept waiting for an evaluator that is starting."""


class LabPage:
    """The mixing weight, the prototypes, and one photo at a time."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page"):
            head = panel()
            with (
                gr.Column(visible=False) as body,
                gr.Tabs(elem_id="ek-lab-tabs", overflow_behavior="wrap"),
            ):
                with gr.Tab(w.tabs["wise"], id="wise"):
                    wise = wise_lab(measure=measure_with(studio))
                with gr.Tab(w.tabs["prototypes"], id="prototypes"):
                    prototypes = chart(w.tabs["prototypes"], height=460)
                    panel(f'<p class="ek-note">{w.prototypes_lead}</p>')
                with gr.Tab(w.tabs["photo"], id="photo"):
                    photo = photo_lab(predict=predict_with(studio))
        self.views = [
            View(head, self._key, self._draw_head),
            View(body, self._key, lambda s: gr.update(visible=self._record(s) is not None)),
            View(wise, self._key, self._draw_wise),
            View(prototypes, self._key, self._draw_prototypes),
            View(photo, self._key, self._draw_photo),
        ]
        self.events: list[tuple[Any, Handler]] = []

    def _record(self, session: Session) -> Any:
        return self._studio.record(session.place.run)

    def _key(self, session: Session) -> Hashable:
        done = self._record(session) is not None
        return (session.place.run, done, self._studio.catalogue().state)

    def _draw_head(self, session: Session) -> str:
        record = self._record(session)
        title = self._studio.title(record.config) if record else ""
        run = session.place.run if self._studio.job(session.place.run) else None
        return render("lab_head.html", title=title, run=run)

    def _draw_wise(self, session: Session) -> Any:
        record = self._record(session)
        return wise_value(record, self._studio.alpha(record.run_id)) if record else None

    def _draw_prototypes(self, session: Session) -> Any:
        record = self._record(session)
        if record is None:
            return None
        return prototypes_value(self._studio, record.run_id, w.prototypes_empty)

    def _draw_photo(self, session: Session) -> Any:
        record = self._record(session)
        return photo_value(record.run_id) if record else None


def measure_with(studio: Studio) -> Any:
    """The exact evaluation at one α, which becomes the run's chosen α: Export takes it then."""

    def measure(question: list[Any]) -> dict[str, Any]:
        try:
            run_id, alpha = str(question[0]), round(float(question[1]), 4)
            studio.folder(run_id)
            if not 0 <= alpha <= 1:
                raise UserError(f"α must be between 0 and 1, got {alpha}.")
            studio.drafts.put(run_id, alpha=alpha)
            answer = studio.background.patiently(
                lambda: studio.evaluator.measure(run_id, alpha), PATIENCE_SECONDS
            )
        except UserError as error:
            return {"error": str(error)}
        fields = ("accuracy", "low", "high")
        scores = answer["evaluation"]["domains"]
        domains = {name: {f: score[f] for f in fields} for name, score in scores.items()}
        return {"alpha": alpha, "domains": domains, "seconds": answer["seconds"]}

    return measure


def predict_with(studio: Studio) -> Any:
    """What zero-shot, the chosen α and the tuned weights say about an uploaded photo."""

    def predict(question: list[Any]) -> dict[str, Any]:
        try:
            run_id = str(question[0])
            studio.folder(run_id)
            with studio.shelf.photo(str(question[1])) as photo:
                return studio.background.patiently(
                    lambda: studio.evaluator.predict(run_id, studio.alpha(run_id), photo),
                    PATIENCE_SECONDS,
                )
        except UserError as error:
            return {"error": str(error)}

    return predict
