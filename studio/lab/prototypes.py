"""The lab's prototypes: what do the templates hold in place, and what would fewer of them do?"""

import time
from collections.abc import Hashable, Mapping
from typing import Any

import gradio as gr

from core.data.prompts import without
from core.errors import UserError
from core.results.correction import Correction
from studio.frame.chart import chart
from studio.frame.html import panel
from studio.frame.markup import render
from studio.frame.view import Handler, View, dispatch
from studio.lab import words
from studio.lab.offer import offer
from studio.lab.templates_chart import templates_chart
from studio.lab.templates_head import chosen, template_choice, template_summary, unticked
from studio.live.page import prototypes_value
from studio.train.same_run import draft_of
from studio.workspace.background import Answer
from studio.workspace.session import Notice, Session
from studio.workspace.studio import Studio

w = words.Prototypes
FIELDS = ("by", "plane")
"""What a click may choose."""
KNOB = "excluded_templates"
"""A method that has it is one that spurious prototypes are a part of."""


class PrototypesPanel:
    """Outliers and clusters of the templates, before and after some are excluded."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        head = panel()
        with gr.Column(visible=False, elem_classes="ek-stack") as body:
            picture = chart(w.picture, height=460)
            choice = panel()
        with gr.Column(visible=False) as drifting:
            drift = chart(w.drift, height=460)
            panel(render("lab/prototypes_lead.html"))
        self.views = [
            View(head, self._key, self._draw_head),
            View(body, self._key, lambda s: gr.update(visible=_found(s) is not None)),
            View(picture, self._key, self._draw_picture),
            View(choice, self._choice_key, self._draw_choice),
            View(drifting, _run_key, lambda s: gr.update(visible=_has_drift(s))),
            View(drift, _run_key, self._draw_drift),
        ]
        act = dispatch(
            {
                "look-at-templates": self.look,
                "show-templates": self.show,
                "re-estimate": self.estimate,
                "include-all": self.include_all,
                "use-templates": self.use,
            }
        )
        self.events: list[tuple[Any, Handler]] = [(head.action, act), (choice.action, act)]

    # ---- what it depends on -----------------------------------------------------------------
    def _choice_key(self, session: Session) -> Hashable:
        """Looking otherwise must not take back what was ticked meanwhile."""
        run_id = _finished(session)
        if run_id is None:
            return None
        asked = [_state(_asked(session)), _state(session.mine.answers.corrected(run_id, None))]
        return (run_id, *asked, session.excluded, session.notices.get("prototypes"))

    def _key(self, session: Session) -> Hashable:
        return (self._choice_key(session), tuple(session.templates.items()))

    # ---- how it looks -----------------------------------------------------------------------
    def _draw_head(self, session: Session) -> str:
        run_id, found = _finished(session), _found(session)
        if run_id is None:
            return ""
        if found is not None:
            asked = _asked(session)
            waiting = asked is not None and asked.state == "waiting"
            return template_summary(found, session.templates, waiting)
        return offer(
            session.mine.answers.corrected(run_id, None),
            None,
            "look-at-templates",
            title=w.title,
            text=w.text,
            button=w.button,
            waiting=w.waiting,
        )

    def _draw_picture(self, session: Session) -> Any:
        found = _found(session)
        if found is None:
            return None
        now = chosen(found, session.templates)
        return templates_chart(found, now.by, now.plane, str(session.place.run))

    def _draw_choice(self, session: Session) -> str:
        found, asked = _found(session), _asked(session)
        if found is None:
            return ""
        note = session.notices.get("prototypes")
        if asked is not None and asked.error:
            note = Notice(asked.error)
        may_act = not session.mine.is_read_only
        return template_choice(found, _excluded(session, found), note, may_act)

    def _draw_drift(self, session: Session) -> Any:
        run_id = _finished(session)
        return prototypes_value(session.mine, run_id, "") if run_id else None

    # ---- what it does -----------------------------------------------------------------------
    def look(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Ask for the prototypes of the run as it has them."""
        session.mine.answers.correct_templates(_required(session), None)

    def show(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Colour by something else, or look at another plane."""
        named = {name: str(detail[name])[:20] for name in FIELDS if name in detail}
        session.templates = {**session.templates, **named}

    def estimate(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Ask for outliers and clusters of the ticked templates."""
        session.notices.pop("prototypes", None)
        try:
            self._exclude(session, self._unticked(session, detail))
        except UserError as error:
            session.notices["prototypes"] = Notice(session.mine.spoken(str(error)))

    def include_all(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Tick every template."""
        session.notices.pop("prototypes", None)
        self._exclude(session, ())

    def use(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Put the choice into the form of the next run on the same data."""
        session.notices.pop("prototypes", None)
        try:
            self._use(session, self._unticked(session, detail))
        except UserError as error:
            session.notices["prototypes"] = Notice(session.mine.spoken(str(error)))

    def _unticked(self, session: Session, detail: Mapping[str, Any]) -> tuple[str, ...]:
        """The templates that are not ticked, of which enough are left."""
        found = _found(session)
        if found is None:
            raise UserError(words.Lab.empty)
        excluded = unticked(found, dict(detail.get("form") or {}))
        without(found.templates, excluded, KNOB)
        return excluded

    def _exclude(self, session: Session, excluded: tuple[str, ...]) -> None:
        run_id, found = _required(session), _found(session)
        session.excluded = (run_id, excluded)
        if found is not None and set(excluded) != set(found.before.excluded):
            session.mine.answers.correct_templates(run_id, excluded)

    def _use(self, session: Session, excluded: tuple[str, ...]) -> None:
        job = session.mine.runs.find(session.place.run)
        data_id = session.mine.runs.data_of(job)
        if "members" in job.config:
            raise UserError(words.Runs.combined)
        if data_id is None:
            raise UserError(words.Runs.elsewhere)
        config = self._with_knob(job.config, excluded)
        draft = draft_of(config, self._studio.catalogue().value)
        session.mine.keep(data_id, **draft, stamp=f"{job.id} {time.time_ns()}")
        said = w.used.format(n=len(excluded)) if excluded else w.used_all
        session.notices["train"] = Notice(said, "good")
        session.place = session.place.at(data=data_id, tab="train")

    def _with_knob(self, config: Mapping[str, Any], excluded: tuple[str, ...]) -> dict[str, Any]:
        """A run's settings with the choice; of a method without prototypes another is taken."""
        catalogue = self._studio.catalogue()
        if catalogue.state != "ready":
            raise UserError(w.not_ready)
        methods = catalogue.value["methods"]
        having = [m["name"] for m in methods if any(k["name"] == KNOB for k in m["knobs"])]
        if not having:
            raise UserError(w.no_method)
        own = config["method"] in having
        params = {**(config["params"] if own else {}), KNOB: list(excluded)}
        return {**config, "method": config["method"] if own else having[0], "params": params}


def _finished(session: Session) -> str | None:
    """The run of this page, once it has ended."""
    record = session.mine.runs.record(session.place.run)
    return record.run_id if record else None


def _required(session: Session) -> str:
    run_id = _finished(session)
    if run_id is None:
        raise UserError(words.Lab.empty)
    return run_id


def _asked(session: Session) -> Answer | None:
    """The answer for the templates that this page excludes, if it excludes others than the run."""
    run_id, (chosen_for, excluded) = _finished(session), session.excluded
    if run_id is None or chosen_for != run_id:
        return None
    return session.mine.answers.corrected(run_id, excluded)


def _found(session: Session) -> Correction | None:
    """The newest estimate that there is."""
    run_id, asked = _finished(session), _asked(session)
    if run_id is None:
        return None
    if asked is not None and asked.state == "ready":
        value: Correction = asked.value
        return value
    first = session.mine.answers.corrected(run_id, None)
    return first.value if first is not None and first.state == "ready" else None


def _excluded(session: Session, found: Correction) -> tuple[str, ...]:
    chosen_for, excluded = session.excluded
    return excluded if chosen_for == session.place.run else tuple(found.before.excluded)


def _state(answer: Answer | None) -> Hashable:
    return (answer.state, answer.version) if answer else None


def _run_key(session: Session) -> Hashable:
    return _finished(session)


def _has_drift(session: Session) -> bool:
    run_id = _finished(session)
    return bool(run_id) and session.mine.runs.folder(str(run_id)).prototypes_path.exists()
