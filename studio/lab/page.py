"""Robustness lab: what did I gain, and what did I break?"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import gradio as gr

from core.data.health.copies import leaks_noted
from core.errors import UserError
from core.results.inspection import Inspection
from core.results.records import HandSetMixing, Mixing, RunRecord
from studio.frame.chart import chart
from studio.frame.html import panel
from studio.frame.markup import render
from studio.frame.view import Handler, View, dispatch
from studio.lab import words
from studio.lab.calibration import calibration_lab
from studio.lab.drift_charts import distortion_chart, energy_gap_chart
from studio.lab.errors import chosen, error_lab
from studio.lab.halves import halves_of
from studio.lab.offer import offer
from studio.lab.photo import photo_lab, photo_value
from studio.lab.prototypes import PrototypesPanel
from studio.lab.reliability_chart import reliability_chart
from studio.lab.shots import ShotsCurve
from studio.lab.space import SpacePanel
from studio.lab.stress_chart import stress_chart
from studio.lab.wise import exactly, wise_lab, wise_value
from studio.workspace import Workspace
from studio.workspace.session import Session
from studio.workspace.studio import Studio

w = words.Lab
ERRORS = ("domain", "column", "cell")
"""What a click on the page of errors may choose."""
_NO_SWITCH = ("wise", "")
"""What a question means that names nothing but α."""
PATIENCE_SECONDS = 40.0
"""How long a visitor is kept waiting for an evaluator that is starting."""


class LabPage:
    """Sub-tabs: the mixing weight, errors, calibration, drift, the space, prototypes, a photo."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page"):
            head = panel()
            with (
                gr.Column(visible=False) as body,
                gr.Tabs(elem_id="ek-lab-tabs", overflow_behavior="wrap") as tabs,
            ):
                with gr.Tab(w.tabs["wise"], id="wise"):
                    wise = wise_lab(measure=measure_with(studio))
                with gr.Tab(w.tabs["errors"], id="errors"):
                    errors = panel()
                with gr.Tab(w.tabs["calibration"], id="calibration"):
                    calibration = panel()
                    reliability = chart(w.reliability, height=420)
                with gr.Tab(w.tabs["drift"], id="drift"):
                    with gr.Row(elem_classes="ek-pair", equal_height=True):
                        distortion = chart(w.distortion, min_width=320)
                        gap = chart(w.energy_gap, min_width=320)
                    stress = chart(w.stress, height=320)
                with gr.Tab(words.Space.tab, id="space"):
                    space = SpacePanel()
                with gr.Tab(w.tabs["shots"], id="shots"):
                    curve = chart(words.Shots.curve, height=360)
                    advice = panel()
                with gr.Tab(w.tabs["prototypes"], id="prototypes"):
                    prototypes = PrototypesPanel(studio)
                with gr.Tab(w.tabs["photo"], id="photo", elem_id="lab-photo"):
                    photo = photo_lab(predict=predict_with(studio))
        shots = ShotsCurve(studio)
        self.views = [
            View(head, lambda s: (self._key(s), self._called(s)), self._draw_head),
            View(body, self._key, lambda s: gr.update(visible=self._record(s) is not None)),
            View(tabs, self._opened_key, lambda s: gr.update(selected=s.place.lab)),
            View(wise, self._key, self._draw_wise),
            View(errors, self._inspection_key, self._draw_errors),
            View(calibration, self._inspection_key, self._draw_calibration),
            View(reliability, self._inspection_key, self._draw_reliability),
            View(distortion, self._key, self._drawn_by(distortion_chart)),
            View(gap, self._key, self._drawn_by(energy_gap_chart)),
            View(stress, self._key, self._drawn_by(stress_chart)),
            View(curve, shots.key, shots.draw_chart),
            View(advice, shots.key, shots.draw_advice),
            View(photo, self._key, self._draw_photo),
            *space.views,
            *prototypes.views,
        ]
        look = dispatch({"inspect": self.inspect, "show-errors": self.show_errors})
        self.events: list[tuple[Any, Handler]] = [
            (errors.action, look),
            (calibration.action, look),
            *space.events,
            *prototypes.events,
            (advice.action, dispatch(shots.handlers())),
        ]

    def _record(self, session: Session) -> Any:
        return session.mine.runs.record(session.place.run)

    def _key(self, session: Session) -> Hashable:
        done = self._record(session) is not None
        return (session.place.run, done, self._studio.catalogue().state)

    def _opened_key(self, session: Session) -> Hashable:
        """When the server says which tab is open: the visitor's own clicks need no answer."""
        return (session.move.stamp if session.move else None, self._record(session) is not None)

    def _called(self, session: Session) -> str:
        record = self._record(session)
        return session.mine.runs.called_by_id(record.run_id, record.config) if record else ""

    def _draw_head(self, session: Session) -> str:
        record = self._record(session)
        title = self._called(session)
        run = session.place.run if session.mine.runs.job(session.place.run) else None
        leaks = leaks_noted(record.data.get("notes", ())) if record else ()
        leaks = tuple(session.mine.spoken(note) for note in leaks)
        return render("lab/head.html", title=title, run=run, leaks=leaks)

    def _draw_wise(self, session: Session) -> Any:
        record = self._record(session)
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

    def _inspection_key(self, session: Session) -> Hashable:
        if self._record(session) is None:
            return None
        answer = session.mine.answers.inspected(str(session.place.run))
        chosen = tuple(sorted(session.errors.items()))
        mixing = session.mine.runs.mixing(str(session.place.run))
        asked = (answer.state, answer.version) if answer else None
        return (session.place.run, mixing, asked, chosen, session.notices.get("lab"))

    def _draw_errors(self, session: Session) -> str:
        record = self._record(session)
        return inspected(session, record.run_id, _errors) if record else ""

    def _draw_calibration(self, session: Session) -> str:
        record = self._record(session)
        return inspected(session, record.run_id, _calibration) if record else ""

    def _draw_reliability(self, session: Session) -> Any:
        record = self._record(session)
        answer = session.mine.answers.inspected(record.run_id) if record else None
        if record is None or answer is None or answer.state != "ready":
            return {"empty": w.inspect_text}
        column = chosen(answer.value, session.errors).column
        return reliability_chart(answer.value, column, record.run_id)

    def _drawn_by(self, figure: Callable[[RunRecord], Any]) -> Callable[[Session], Any]:
        """How a chart that is a function of the record is drawn."""

        def draw(session: Session) -> Any:
            record = self._record(session)
            return figure(record) if record else None

        return draw

    def inspect(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Ask the three models about every image of the run."""
        record = self._record(session)
        if record is None:
            raise UserError(w.empty)
        session.mine.answers.inspect(record.run_id)

    def show_errors(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Look at another domain, at another model's answers, or at the images of a cell."""
        named = {name: str(detail[name])[:200] for name in ERRORS if name in detail}
        session.errors = {**session.errors, **named}

    def _draw_photo(self, session: Session) -> Any:
        record = self._record(session)
        return photo_value(record.run_id) if record else None


def inspected(
    session: Session, run_id: str, show: Callable[[Session, str, Inspection], str]
) -> str:
    """What `show` makes of the inspection of a run; until there is one, how to get it."""
    answer = session.mine.answers.inspected(run_id)
    if answer is not None and answer.state == "ready":
        return show(session, run_id, answer.value)
    return offer(
        answer,
        session.notices.get("lab"),
        "inspect",
        title=w.inspect_title,
        text=w.inspect_text,
        button=w.inspect_button,
        waiting=w.inspecting,
    )


def _errors(session: Session, run_id: str, inspection: Inspection) -> str:
    return error_lab(inspection, session.errors, session.mine.answers.pictures(run_id))


def _calibration(session: Session, _run_id: str, inspection: Inspection) -> str:
    return calibration_lab(inspection, session.errors)


def measure_with(studio: Studio) -> Any:
    """The exact evaluation of `[run, α]` or `[run, α, kind, half]`, which becomes the run's chosen
    mixing: Export takes it then. `half` names the domain half of which chose α.
    """

    def measure(question: list[Any], request: gr.Request) -> dict[str, Any]:
        def ask(mine: Workspace) -> dict[str, Any]:
            kind, half = [*map(str, question[2:]), *_NO_SWITCH[len(question) - 2 :]][:2]
            mixing = asked_mixing(float(question[1]), kind)
            answer = mine.answers.measure(str(question[0]), mixing, PATIENCE_SECONDS, half[:200])
            found = HandSetMixing.model_validate(answer)
            exact = exactly(found.mixing, found.evaluation, found.changes)
            return {**exact, "seconds": answer["seconds"]}

        return _answered(studio, request, ask)

    return measure


def asked_mixing(alpha: float, kind: str) -> Mixing:
    """What a slider and a switch stand for; a `UserError` when nothing does."""
    alpha = round(alpha, 4)
    if not 0 <= alpha <= 1:
        raise UserError(w.alpha_range.format(alpha=alpha))
    return Mixing.steady(alpha) if kind == "steady" else Mixing.wise(alpha)


def predict_with(studio: Studio) -> Any:
    """What zero-shot, the chosen mixing and the tuned weights say about `[run, upload]`, or about
    an image of the run's data set: `[run, sha256, True]`.
    """

    def predict(question: list[Any], request: gr.Request) -> dict[str, Any]:
        run_id, image, *is_own = question

        def ask(mine: Workspace) -> dict[str, Any]:
            look = mine.answers.look_closer if any(is_own) else mine.answers.predict
            return look(str(run_id), str(image), PATIENCE_SECONDS)

        return _answered(studio, request, ask)

    return predict


def _answered(
    studio: Studio, request: gr.Request, ask: Callable[[Workspace], dict[str, Any]]
) -> dict[str, Any]:
    """The answer to a visitor's question, or the sentence that says why there is none."""
    mine = None
    try:
        mine = Workspace(studio, studio.visitors.require(request))
        mine.act()
        return ask(mine)
    except UserError as error:
        return {"error": mine.spoken(str(error)) if mine else str(error)}
