"""The Prototypes panel: outliers and clusters of templates, and the effect of excluding some."""

import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

import gradio as gr

from core.data.prompts import without
from core.errors import UserError
from core.results.correction import Correction, TemplateClusters
from core.results.space import PlaneName
from studio.frame.chart import chart
from studio.frame.html import panel
from studio.frame.markup import render
from studio.frame.view import Actions, View, looking
from studio.frame.words import Words
from studio.lab import words
from studio.lab.panel import LabPanel, finished, offer, required, take
from studio.lab.prototypes_chart import TemplatesWords, templates_chart, uses_of
from studio.live.page import prototypes_value
from studio.train.same_run import draft_of
from studio.workspace.background import Answer
from studio.workspace.session import Notice, Session
from studio.workspace.studio import Studio

KNOB = "excluded_templates"
"""The setting that tells that a method uses spurious prototypes."""
MOST_NAMED = 5
"""The most templates that are named when their use changed; the table lists all."""


class PrototypesWords(Words):
    """The prototypes of a run, and the choice of templates."""

    tab = "Prototypes"
    lead = (
        "Every dot is a prompt template, written as CLIP sees it. Templates that an isolation "
        "forest finds odd (×) are left out; the rest is grouped by k-means (◆). Training "
        "features drift between those groups as epochs pass: the less, the better the "
        "alignment held."
    )
    title = "What the templates say besides the class"
    text = (
        "Shows the spurious prototypes: what each prompt template says whatever the class. Leave "
        "templates out, see what becomes of outliers and clusters, and train with your choice. It "
        "takes a few seconds once, and is kept."
    )
    button = "Look at the prototypes"
    waiting = "Reading the templates with the text tower …"
    colour_by = "Colour by"
    by: ClassVar = {"use": "use", "cluster": "cluster"}
    plane = "Plane"
    summary = "Outliers and clusters"
    over = "each averaged over {n} classes"
    as_run = "as this run"
    again = "re-estimated"
    rows: ClassVar = {
        "included": "Templates included",
        "kept": "Kept",
        "odd": "Left out as odd",
        "centres": "Clusters",
    }
    changed = "{n} templates have another use: {names}."
    changed_one = "One template has another use: {names}."
    changed_more = "{names} and {n} more"
    unchanged = "No other template has another use."
    estimating = "Estimating again without the excluded templates …"
    choose = "Templates to include"
    filter = "Filter templates"
    none = "No template has this word."
    estimate = "Re-estimate"
    everything = "Include all"
    use_in_run = "Use these in a new run"
    used = "The form of the next run leaves out {n} templates."
    used_all = "The form of the next run includes all templates."
    no_method = "No method here has spurious prototypes."
    drift = "Training features between the prototypes"


w = PrototypesWords


@dataclass
class PrototypesView:
    """The choices of a page about the drawing of prototypes, as they were clicked."""

    by: str = ""
    plane: str = ""


@dataclass
class Excluded:
    """A run, and the templates that a page excludes from the estimate of its prototypes."""

    templates: tuple[str, tuple[str, ...]] = ("", ())


class PrototypesPanel(LabPanel):
    """Outliers and clusters of the templates, before and after some are excluded."""

    name = "prototypes"
    order = 70
    words = PrototypesWords

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        head = panel()
        with gr.Column(visible=False, elem_classes="ek-stack") as body:
            picture = chart(TemplatesWords.picture, height=460)
            choice = panel()
        with gr.Column(visible=False) as drifting:
            drift = chart(w.drift, height=460)
            panel(render("lab/prototypes_lead.html", say=w))
        self.views = [
            View(head, self._key, self._draw_head),
            View(body, self._key, lambda s: gr.update(visible=_found(s) is not None)),
            View(picture, self._key, self._draw_picture),
            View(choice, self._choice_key, self._draw_choice),
            View(drifting, finished, lambda s: gr.update(visible=_has_drift(s))),
            View(drift, finished, self._draw_drift),
        ]
        act: Actions = {
            "look-at-templates": self.look,
            "show-templates": self.show,
            "re-estimate": self.estimate,
            "include-all": self.include_all,
            "use-templates": self.use,
        }
        self.events = [(head.action, act), (choice.action, act)]

    # ---- what it depends on -----------------------------------------------------------------
    def _choice_key(self, session: Session) -> Hashable:
        """The key of the template list. It ignores the view, so that another colour or plane keeps
        the ticks.
        """
        run_id = finished(session)
        if run_id is None:
            return None
        asked = [_state(_asked(session)), _state(session.mine.answers.corrected(run_id, None))]
        return (run_id, *asked, session.of(Excluded).templates, session.notices.get("prototypes"))

    def _key(self, session: Session) -> Hashable:
        return (self._choice_key(session), astuple(session.of(PrototypesView)))

    # ---- how it looks -----------------------------------------------------------------------
    def _draw_head(self, session: Session) -> str:
        run_id, found = finished(session), _found(session)
        if run_id is None:
            return ""
        if found is not None:
            asked = _asked(session)
            waiting = asked is not None and asked.state == "waiting"
            return template_summary(found, session.of(PrototypesView), waiting)
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
        now = chosen(found, session.of(PrototypesView))
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
        run_id = finished(session)
        return prototypes_value(session.mine, run_id, "") if run_id else None

    # ---- what it does -----------------------------------------------------------------------
    @looking
    def look(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Estimate the prototypes of the run with its own templates."""
        session.mine.answers.correct_templates(required(session), None)

    @looking
    def show(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Change the colouring or the plane."""
        take(session.of(PrototypesView), detail)

    def estimate(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Estimate outliers and clusters of the ticked templates."""
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
        """The unticked templates; an error if too few are left."""
        found = _found(session)
        if found is None:
            raise UserError(words.Lab.empty)
        excluded = unticked(found, dict(detail.get("form") or {}))
        without(found.templates, excluded, KNOB)
        return excluded

    def _exclude(self, session: Session, excluded: tuple[str, ...]) -> None:
        run_id, found = required(session), _found(session)
        session.of(Excluded).templates = (run_id, excluded)
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
        draft = draft_of(config, self._studio.catalogue)
        session.mine.keep(data_id, **draft, stamp=f"{job.id} {time.time_ns()}")
        said = w.used.format(n=len(excluded)) if excluded else w.used_all
        session.notices["train"] = Notice(said, "good")
        session.place = session.place.at(data=data_id, tab="train")

    def _with_knob(self, config: Mapping[str, Any], excluded: tuple[str, ...]) -> dict[str, Any]:
        """A run's settings with the choice; a method without prototypes is replaced by one that has
        them.
        """
        methods = self._studio.catalogue["methods"]
        having = [m["name"] for m in methods if any(k["name"] == KNOB for k in m["knobs"])]
        if not having:
            raise UserError(w.no_method)
        own = config["method"] in having
        params = {**(config["params"] if own else {}), KNOB: list(excluded)}
        return {**config, "method": config["method"] if own else having[0], "params": params}


def _asked(session: Session) -> Answer[Correction] | None:
    """The answer for this page's excluded templates, if they differ from the run's."""
    run_id, (chosen_for, excluded) = finished(session), session.of(Excluded).templates
    if run_id is None or chosen_for != run_id:
        return None
    return session.mine.answers.corrected(run_id, excluded)


def _found(session: Session) -> Correction | None:
    """The newest estimate."""
    run_id, asked = finished(session), _asked(session)
    if run_id is None:
        return None
    if asked is not None and asked.state == "ready":
        return asked.value
    first = session.mine.answers.corrected(run_id, None)
    return first.value if first is not None and first.state == "ready" else None


def _excluded(session: Session, found: Correction) -> tuple[str, ...]:
    chosen_for, excluded = session.of(Excluded).templates
    return excluded if chosen_for == session.place.run else tuple(found.before.excluded)


def _state(answer: Answer[Any] | None) -> Hashable:
    return (answer.state, answer.version) if answer else None


def _has_drift(session: Session) -> bool:
    run_id = finished(session)
    return bool(run_id) and session.mine.runs.folder(str(run_id)).prototypes_path.exists()


@dataclass(frozen=True)
class ChosenTemplates:
    """The checked choice of a visitor."""

    by: str
    plane: PlaneName


def chosen(found: Correction, view: PrototypesView) -> ChosenTemplates:
    """The choice of the visitor as far as it exists; otherwise by use, in the first plane."""
    return ChosenTemplates(
        by=view.by if view.by in w.by else "use",
        plane=view.plane if view.plane in found.places else next(iter(found.places)),
    )


def template_summary(found: Correction, view: PrototypesView, waiting: bool) -> str:
    """Switches and numbers, before and after; `waiting` for an estimate that has not come."""
    estimates = [found.before, found.after] if found.after else [found.before]
    counts = [_counts(found, estimate) for estimate in estimates]
    return render(
        "lab/prototypes.html",
        say=w,
        now=chosen(found, view),
        planes=[(name, words.Lab.planes[name]) for name in found.places],
        n=found.classes,
        titles=[w.as_run, w.again][: len(estimates)],
        rows=[(w.rows[name], [count[name] for count in counts]) for name in w.rows],
        note=_changed(found),
        waiting=waiting,
    )


def template_choice(
    found: Correction, excluded: Sequence[str], note: Notice | None, may_act: bool
) -> str:
    """Every template with a checkbox, and the buttons for the choice."""
    uses = uses_of(found, found.after or found.before)
    rows: list[Mapping[str, Any]] = [
        {"name": f"t{i}", "text": text, "included": text not in excluded, "odd": use == "odd"}
        for i, (text, use) in enumerate(zip(found.templates, uses, strict=True))
    ]
    return render(
        "lab/prototypes_choice.html",
        say=w,
        use=TemplatesWords.use,
        rows=rows,
        note=note,
        may_act=may_act,
    )


def unticked(found: Correction, form: Mapping[str, Any]) -> tuple[str, ...]:
    """The templates that the visitor has not ticked, in their order."""
    return tuple(text for i, text in enumerate(found.templates) if form.get(f"t{i}") is False)


def _counts(found: Correction, estimate: TemplateClusters) -> dict[str, int]:
    uses = uses_of(found, estimate)
    return {
        "included": len(uses) - uses.count("excluded"),
        "kept": estimate.kept,
        "odd": uses.count("odd"),
        "centres": estimate.centres,
    }


def _changed(found: Correction) -> str:
    """Templates that are not excluded, but are now kept or left out unlike before."""
    if found.after is None:
        return ""
    before, after = uses_of(found, found.before), uses_of(found, found.after)
    names = [
        f"“{text}” ({TemplatesWords.use[new]})"
        for text, old, new in zip(found.templates, before, after, strict=True)
        if old != new and new != "excluded"
    ]
    if not names:
        return w.unchanged
    said = ", ".join(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        said = w.changed_more.format(names=said, n=len(names) - MOST_NAMED)
    return (w.changed_one if len(names) == 1 else w.changed).format(n=len(names), names=said)
