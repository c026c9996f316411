"""The Train tab: choose a method, check the next run, queue it."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import gradio as gr

from core.errors import UserError
from core.results.estimate import Footprint
from studio.frame.chart import chart
from studio.frame.html import panel
from studio.frame.markup import duration, percent, render, size
from studio.frame.view import Actions, View
from studio.train import words
from studio.train.estimates import RunCost, estimate
from studio.train.knob_form import knob_form, several_form
from studio.train.method_cards import method_cards
from studio.train.next_run import FormTask, fixes, form_task, obstacles, to_beat
from studio.train.prompting import Prompting
from studio.train.recommending import drafted, situation_of
from studio.train.same_run import codes, config_of
from studio.train.several import Config, outcome, planned
from studio.train.splitting import Splitting
from studio.workspace.background import Answer
from studio.workspace.session import Session
from studio.workspace.studio import Studio

w = words.Train
MOST_TYPED = 5000
"""The most characters of one field; all 80 templates fit."""


class TrainPage:
    """Method cards, four settings, the others behind a filter, and the same run as text."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page"):
            head = panel()
            with gr.Row(elem_classes="ek-split"):
                with gr.Column(scale=3, min_width=320, elem_classes="ek-main"):
                    cards = panel()
                    form = panel()
                    split = panel()
                    prompts = panel()
                    with gr.Column(visible=False, elem_classes="ek-plain") as has_prototypes:
                        prototypes = chart(words.Prompts.prototypes, height=320)
                    several = panel()
                with gr.Column(scale=2, min_width=300, elem_classes="ek-side"):
                    this_run = panel()
        splitting, prompting = Splitting(studio), Prompting(studio)
        has = prompting.has_prototypes
        self.views = [
            View(head, lambda s: s.data is None, self._draw_head),
            View(cards, self._cards_key, self._draw_cards),
            View(form, self._form_key, self._drawn_by(knob_form)),
            View(split, splitting.key, splitting.draw),
            View(prompts, prompting.key, prompting.draw),
            View(has_prototypes, has, lambda s: gr.update(visible=has(s))),
            View(prototypes, prompting.prototypes_key, prompting.draw_prototypes),
            View(several, self._form_key, self._drawn_by(several_form)),
            View(this_run, self._run_key, self._draw_run),
        ]
        act: Actions = {
            "method": self._choose,
            "draft": self._keep,
            "queue": self._queue,
            "queue-several": self._queue_several,
            **fixes(studio),
            **splitting.handlers(),
            **prompting.handlers(),
        }
        self.events: list[tuple[Any, Actions]] = [
            (each.action, act) for each in (cards, form, split, prompts, several, this_run)
        ]

    # ---- what it depends on -----------------------------------------------------------------
    def _cards_key(self, session: Session) -> Hashable:
        data_id = session.data
        if data_id is None:
            return None
        return (self._method_key(session, data_id), situation_of(session.mine, data_id))

    def _method_key(self, session: Session, data_id: str) -> Hashable:
        return (data_id, drafted(session.mine, data_id)["method"])

    def _form_key(self, session: Session) -> Hashable:
        """The key of the form. Typing does not redraw it, only another method, data set or a
        duplicate.
        """
        data_id = session.data
        if data_id is None:
            return None
        return (self._method_key(session, data_id), session.mine.draft(data_id).get("stamp"))

    def _run_key(self, session: Session) -> Hashable:
        data_id = session.data
        if data_id is None:
            return None
        zero = session.mine.answers.zero_shot(data_id)
        ahead = session.mine.runs.ahead()
        draft = repr(drafted(session.mine, data_id))
        notice = session.notices.get("train")
        costs = self._footprint(session, data_id).state
        device = self._studio.device()
        return (
            self._method_key(session, data_id),
            session.mine.data.open(data_id).version,
            draft,
            zero.state,
            zero.version,
            ahead,
            notice,
            costs,
            device.state,
            device.version,
        )

    # ---- how it looks -----------------------------------------------------------------------
    def _draw_head(self, session: Session) -> str:
        return render("train/head.html", has_data=session.data is not None)

    def _draw_cards(self, session: Session) -> str:
        data_id = session.data
        if data_id is None:
            return ""
        chosen = drafted(session.mine, data_id)["method"]
        situation = situation_of(session.mine, data_id)
        return method_cards(self._studio.catalogue["methods"], chosen, situation)

    def _drawn_by(self, form: Callable[[Any, str, Any], str]) -> Callable[[Session], str]:
        """The function that draws a form from the catalogue and the typed values."""

        def draw(session: Session) -> str:
            data_id = session.data
            if data_id is None:
                return ""
            draft = drafted(session.mine, data_id)
            proposed = {"shots": session.mine.data.open(data_id).shots}
            return form(
                _proposing(self._studio.catalogue, proposed), draft["method"], draft["fields"]
            )

        return draw

    def _draw_run(self, session: Session) -> str:
        data_id = session.data
        if data_id is None:
            return ""
        draft = drafted(session.mine, data_id)
        ahead, device = session.mine.runs.ahead(), self._studio.device()
        config = config_of(session.mine.data.shown_path(data_id), draft, self._studio.catalogue)
        asked = form_task(session.mine.data.open(data_id), config)
        runs, wrong = self._planned(session, data_id)
        one, whole = (self._estimate(session, data_id, each) for each in ([config], runs))
        memory = one.memory_bytes if one else None
        in_the_way = obstacles(session.mine, data_id, config, device, memory)
        return render(
            "train/this_run.html",
            facts=[*self._facts(session, data_id, draft, asked), *_costs(one)],
            obstacles=in_the_way,
            codes=codes(config),
            ready=not any(each.blocks for each in in_the_way),
            runs=len(runs),
            all_time=duration(whole.seconds) if whole else "",
            several_wrong=wrong,
            line=f"{w.queue_place.format(n=ahead) if ahead else w.queue_free}.",
            note=session.notices.get("train"),
        )

    def _footprint(self, session: Session, data_id: str) -> Answer[Footprint]:
        """The measured cost of the model. It is not measured for a page that opens on another tab,
        where zero-shot is more urgent.
        """
        return session.mine.answers.footprint(data_id, wanted=session.place.tab == "train")

    def _planned(self, session: Session, data_id: str) -> tuple[list[Config], str]:
        """The runs of the form, or the reason that they are not known."""
        draft = drafted(session.mine, data_id)
        try:
            return planned(session.mine.data.shown_path(data_id), draft, self._studio.catalogue), ""
        except UserError as error:
            return [], str(error)

    def _estimate(
        self, session: Session, data_id: str, configs: Sequence[Config]
    ) -> RunCost | None:
        costs = self._footprint(session, data_id)
        if costs.state != "ready" or not configs:
            return None
        opened = session.mine.data.open(data_id)
        return estimate(configs, self._studio.catalogue, opened, costs.value)

    def _facts(
        self, session: Session, data_id: str, draft: Mapping[str, Any], asked: FormTask
    ) -> list[tuple[str, str]]:
        dataset = session.mine.data.open(data_id).dataset
        ood = any(domain.role == "ood" for domain in dataset.domains)
        zero = session.mine.answers.zero_shot(data_id)
        own, other = to_beat(zero, asked)

        def told(share: float | None) -> str:
            return w.to_beat_wait if zero.state == "waiting" else percent(share)

        return [
            (words.Common.data_set, dataset.title),
            (words.Common.model, str(draft["model"])),
            (w.methods, self._studio.method_title(draft["method"])),
            # These rows are there from the start: later rows would move the button under the mouse.
            *([(w.shots_fact, str(asked.shots))] if asked.shots else []),
            (w.to_beat.format(role="ID"), told(own)),
            *([(w.to_beat.format(role="OOD"), told(other))] if ood else []),
        ]

    # ---- what it does -----------------------------------------------------------------------
    def _choose(self, session: Session, detail: Mapping[str, Any]) -> None:
        data_id = session.data
        names = [method["name"] for method in self._studio.catalogue["methods"]]
        if data_id and detail.get("name") in names:
            session.mine.keep(data_id, method=detail["name"])

    def _keep(self, session: Session, detail: Mapping[str, Any]) -> None:
        if data_id := session.data:
            form = dict(detail["form"])
            typed = {str(name): str(value)[:MOST_TYPED] for name, value in form.items()}
            draft = drafted(session.mine, data_id)
            # Typed values belong to the method of the form, even if the advice changes later.
            kept = {**draft["fields"], **typed}
            session.mine.keep(data_id, fields=kept, method=draft["method"])

    def _queue(self, session: Session, detail: Mapping[str, Any]) -> None:
        data_id = session.data
        if data_id is None:
            raise UserError(w.no_data)
        if "form" in detail:
            self._keep(session, detail)
        draft = drafted(session.mine, data_id)
        asked = config_of(session.mine.data.shown_path(data_id), draft, self._studio.catalogue)
        job = session.mine.runs.submit(data_id, asked)
        session.place = session.place.at(run=job.id, tab="live")

    def _queue_several(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Queue several runs. Each refusal is shown with its reason and stops no other run."""
        data_id = session.data
        if data_id is None:
            raise UserError(w.no_data)
        if "form" in detail:
            self._keep(session, detail)
        runs, wrong = self._planned(session, data_id)
        if wrong:
            raise UserError(wrong)
        jobs, refused = session.mine.runs.submit_all(data_id, runs)
        session.notices["train"] = outcome(jobs, refused)
        session.place = session.place.at(run=jobs[0].id, tab="train" if refused else "live")


def _proposing(catalogue: Mapping[str, Any], proposed: Mapping[str, Any]) -> dict[str, Any]:
    """The catalogue with the data set's proposals for run settings without a default."""
    knobs = [
        {**knob, "default": proposed.get(knob["name"]) if (own := knob["default"]) is None else own}
        for knob in catalogue["run_knobs"]
    ]
    return {**catalogue, "run_knobs": knobs}


def _costs(found: RunCost | None) -> list[tuple[str, str]]:
    """The rows of time and memory. They are there from the start, because later rows would move the
    button away from the mouse.
    """
    time, memory = (duration(found.seconds), size(found.memory_bytes)) if found else ("…", "…")
    return [(w.time, time), (w.memory, memory)]
