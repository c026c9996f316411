"""Train: what will I get, and when? What is queued is frozen."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import gradio as gr

from core.data import curation
from core.data.dataset import Dataset
from core.data.split import move_split, parse_shares, write_shares
from core.errors import UserError
from studio import words
from studio.background import Answer
from studio.components.base import panel
from studio.components.chart import chart
from studio.components.knob_form import knob_form, several_form
from studio.components.method_cards import method_cards, method_cards_waiting
from studio.context import Studio
from studio.curating import allow_leaks
from studio.estimates import Estimate, estimate
from studio.markup import count, decimal, duration, interval, percent, render, size
from studio.next_run import Asked, asked_of, leave_out, obstacles, reach, sides_of, taken, to_beat
from studio.prompting import Prompting
from studio.recommending import drafted, situation_of
from studio.same_run import codes, config_of
from studio.session import Session
from studio.several import Config, outcome, planned
from studio.view import Handler, View, dispatch

w, w_split = words.Train, words.BeforeQueue
EMBEDDED = "embedded"
PATIENCE_SECONDS = 120.0
"""How long a press waits for an evaluator that is starting: on a busy machine a minute and more."""
MOST_TYPED = 5000
"""Characters of one field: all of 80 templates have room."""


class TrainPage:
    """Method cards, four settings, the rest behind a filter, and the same run as text."""

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
        prompting = Prompting(studio)
        has = prompting.has_prototypes
        self.views = [
            View(head, lambda s: self._data(s) is None, self._draw_head),
            View(cards, self._cards_key, self._draw_cards),
            View(form, self._form_key, self._drawn_by(knob_form)),
            View(split, self._split_key, self._draw_split),
            View(prompts, prompting.key, prompting.draw),
            View(has_prototypes, has, lambda s: gr.update(visible=has(s))),
            View(prototypes, prompting.prototypes_key, prompting.draw_prototypes),
            View(several, self._form_key, self._drawn_by(several_form)),
            View(this_run, self._run_key, self._draw_run),
        ]
        act = dispatch(
            {
                "method": self._choose,
                "draft": self._keep,
                "queue": self._queue,
                "queue-several": self._queue_several,
                "retry-catalogue": self._retry,
                "retry-zero-shot": self._retry_zero_shot,
                "use-embedded": self._use_embedded,
                "use-shots": self._use_shots,
                "allow-fewer": self._allow_fewer,
                "allow-leaks": allow_leaks,
                "leave-out": self._leave_out,
                "split-again": self._split_again,
                "read-folds": self._cross_validate,
                **prompting.handlers(),
            }
        )
        self.events: list[tuple[Any, Handler]] = [
            (each.action, act) for each in (cards, form, split, prompts, several, this_run)
        ]

    # ---- what it depends on -----------------------------------------------------------------
    def _data(self, session: Session) -> str | None:
        return session.place.data if session.mine.data.has(session.place.data) else None

    def _cards_key(self, session: Session) -> Hashable:
        data_id = self._data(session)
        if data_id is None:
            return None
        return (self._method_key(session, data_id), situation_of(session.mine, data_id))

    def _method_key(self, session: Session, data_id: str) -> Hashable:
        answer = self._studio.catalogue()
        return (data_id, answer.state, answer.version, drafted(session.mine, data_id)["method"])

    def _form_key(self, session: Session) -> Hashable:
        """Typing must not redraw the form: only another method, data set or a duplicate does."""
        data_id = self._data(session)
        if data_id is None:
            return None
        return (self._method_key(session, data_id), session.mine.draft(data_id).get("stamp"))

    def _run_key(self, session: Session) -> Hashable:
        data_id = self._data(session)
        if data_id is None:
            return None
        zero = session.mine.answers.zero_shot(data_id)
        ahead = session.mine.runs.ahead()
        draft = repr(drafted(session.mine, data_id))
        notice = session.notices.get("train")
        costs = self._footprint(session, data_id).state
        return (
            self._method_key(session, data_id),
            session.mine.data.open(data_id).version,
            draft,
            zero.state,
            zero.version,
            ahead,
            notice,
            costs,
        )

    def _split_key(self, session: Session) -> Hashable:
        data_id = self._data(session)
        if data_id is None:
            return None
        draft = repr(drafted(session.mine, data_id))
        version = session.mine.data.open(data_id).version
        method, _ = self._read_in_folds(session, data_id)
        folds = session.mine.answers.cross_validated(data_id, method)
        read = (folds.state, folds.version) if folds else None
        return (self._method_key(session, data_id), version, draft, read)

    # ---- how it looks -----------------------------------------------------------------------
    def _draw_head(self, session: Session) -> str:
        return render("train_head.html", has_data=self._data(session) is not None)

    def _draw_cards(self, session: Session) -> str:
        data_id = self._data(session)
        if data_id is None:
            return ""
        answer = self._studio.catalogue()
        if answer.state != "ready":
            return method_cards_waiting(answer.error)
        chosen = drafted(session.mine, data_id)["method"]
        situation = situation_of(session.mine, data_id)
        return method_cards(answer.value["methods"], chosen, situation)

    def _drawn_by(self, form: Callable[[Any, str, Any], str]) -> Callable[[Session], str]:
        """How a form that is made from the catalogue is drawn with what was typed."""

        def draw(session: Session) -> str:
            data_id, answer = self._data(session), self._studio.catalogue()
            if data_id is None or answer.state != "ready":
                return ""
            draft = drafted(session.mine, data_id)
            proposed = {"shots": session.mine.data.open(data_id).shots}
            return form(_proposing(answer.value, proposed), draft["method"], draft["fields"])

        return draw

    def _draw_run(self, session: Session) -> str:
        data_id = self._data(session)
        if data_id is None:
            return ""
        draft = drafted(session.mine, data_id)
        answer = self._studio.catalogue()
        ahead = session.mine.runs.ahead()
        catalogue = answer.value if answer.state == "ready" else None
        config = config_of(session.mine.data.shown_path(data_id), draft, catalogue)
        asked = asked_of(session.mine.data.open(data_id), config)
        runs, wrong = self._planned(session, data_id)
        one, whole = (self._estimate(session, data_id, each) for each in ([config], runs))
        memory = one.memory_bytes if one else None
        in_the_way = obstacles(session.mine, data_id, config, answer, memory)
        return render(
            "this_run.html",
            facts=[*self._facts(session, data_id, draft, asked), *_costs(one)],
            obstacles=in_the_way,
            codes=codes(config),
            ready=answer.state == "ready" and not any(each.blocks for each in in_the_way),
            runs=len(runs),
            all_time=duration(whole.seconds) if whole else "",
            several_wrong=wrong,
            line=f"{w.queue_place.format(n=ahead) if ahead else w.queue_free}.",
            note=session.notices.get("train"),
        )

    def _footprint(self, session: Session, data_id: str) -> Answer:
        """A page that opens elsewhere has better things to do: zero-shot, above all."""
        return session.mine.answers.footprint(data_id, wanted=session.place.tab == "train")

    def _planned(self, session: Session, data_id: str) -> tuple[list[Config], str]:
        """The runs that the form asks for, or why it cannot be told."""
        answer = self._studio.catalogue()
        if answer.state != "ready":
            return [], ""
        draft = drafted(session.mine, data_id)
        try:
            return planned(session.mine.data.shown_path(data_id), draft, answer.value), ""
        except UserError as error:
            return [], str(error)

    def _estimate(
        self, session: Session, data_id: str, configs: Sequence[Config]
    ) -> Estimate | None:
        answer, costs = self._studio.catalogue(), self._footprint(session, data_id)
        if answer.state != "ready" or costs.state != "ready" or not configs:
            return None
        return estimate(configs, answer.value, session.mine.data.open(data_id), costs.value)

    def _draw_split(self, session: Session) -> str:
        data_id, answer = self._data(session), self._studio.catalogue()
        if data_id is None or answer.state != "ready":
            return ""
        opened = session.mine.data.open(data_id)
        config = config_of(str(opened.dataset.root), drafted(session.mine, data_id), answer.value)
        asked = asked_of(opened, config)
        task = asked.task
        few = reach(task) if task else None
        kept = config.get("split", "kept") == "kept"
        taken_here = taken(opened, task) if task and kept else 0
        return render(
            "split.html",
            problem=asked.problem,
            sides=sides_of(task) if task else [],
            few=w_split.few.format(
                images=count(len(task.test), *words.Numbers.test_images),
                points=decimal(100 * few, 0),
            )
            if task and few
            else "",
            taken=w_split.taken.format(
                images=count(taken_here, *words.Numbers.images), shots=asked.shots
            )
            if taken_here
            else "",
            no_val=bool(task and not task.val),
            is_given=all(opened.dataset.items(side) for side in ("val", "test")),
            shares=write_shares(opened.dataset.split.shares),
            may_change=session.mine.data.may_change(data_id),
            folds=self._folds(session, data_id) if task and few else None,
        )

    def _folds(self, session: Session, data_id: str) -> dict[str, str]:
        """The cross-validated reading of the chosen method, or of the usual one where the chosen
        one moves the tower.
        """
        method, title = self._read_in_folds(session, data_id)
        answer = session.mine.answers.cross_validated(data_id, method)
        n = sum(map(sum, session.mine.data.open(data_id).sizes.values()))
        said = {"told": "", "waiting": "", "error": ""}
        said["label"] = w_split.folds.format(title=title, images=count(n, *words.Numbers.images))
        if answer and answer.state == "ready":
            found = answer.value
            said["told"] = w_split.folds_found.format(
                title=title,
                accuracy=percent(found["accuracy"]),
                interval=interval(found["low"], found["high"]),
                n=found["n"],
                zero=percent(found["zero_shot"]["accuracy"]),
                outcome=w_split.outcomes[found["change"]["outcome"]],
            )
        elif answer and answer.state == "waiting":
            said["waiting"] = w_split.folds_waiting.format(title=title)
        elif answer:
            said["error"] = answer.error
        return said

    def _read_in_folds(self, session: Session, data_id: str) -> tuple[str, str]:
        """The method that is cross-validated, and its title."""
        chosen = drafted(session.mine, data_id)["method"]
        answer = self._studio.catalogue()
        known = answer.value.get("folds") if answer.state == "ready" else None
        folds: Mapping[str, Any] = known or {"methods": (), "usual": ""}
        method = chosen if chosen in folds["methods"] else folds["usual"]
        return method, self._studio.method_title(method)

    def _facts(
        self, session: Session, data_id: str, draft: Mapping[str, Any], asked: Asked
    ) -> list[tuple[str, str]]:
        dataset = session.mine.data.open(data_id).dataset
        ood = any(domain.role == "ood" for domain in dataset.domains)
        zero = session.mine.answers.zero_shot(data_id)
        own, other = to_beat(zero, asked)

        def told(share: float | None) -> str:
            return w.to_beat_wait if zero.state == "waiting" else percent(share)

        return [
            (words.Shell.data_set, dataset.title),
            (words.Shell.model, str(draft["model"])),
            (w.methods, self._studio.method_title(draft["method"])),
            # There from the start: rows that come later push the button away under the mouse.
            *([(w.shots_fact, str(asked.shots))] if asked.shots else []),
            (w.to_beat.format(role="ID"), told(own)),
            *([(w.to_beat.format(role="OOD"), told(other))] if ood else []),
        ]

    # ---- what it does -----------------------------------------------------------------------
    def _choose(self, session: Session, detail: Mapping[str, Any]) -> None:
        data_id, answer = self._data(session), self._studio.catalogue()
        names = [m["name"] for m in answer.value["methods"]] if answer.state == "ready" else []
        if data_id and detail.get("name") in names:
            session.mine.keep(data_id, method=detail["name"])

    def _keep(self, session: Session, detail: Mapping[str, Any]) -> None:
        if data_id := self._data(session):
            form = dict(detail["form"])
            typed = {str(name): str(value)[:MOST_TYPED] for name, value in form.items()}
            draft = drafted(session.mine, data_id)
            # What is typed belongs to the method that the form is of, whatever is advised later.
            kept = {**draft["fields"], **typed}
            session.mine.keep(data_id, fields=kept, method=draft["method"])

    def _queue(self, session: Session, detail: Mapping[str, Any]) -> None:
        data_id, answer = self._data(session), self._studio.catalogue()
        if data_id is None or answer.state != "ready":
            raise UserError(w.no_data)
        if "form" in detail:
            self._keep(session, detail)
        draft = drafted(session.mine, data_id)
        asked = config_of(session.mine.data.shown_path(data_id), draft, answer.value)
        job = session.mine.runs.submit(data_id, asked, PATIENCE_SECONDS)
        session.place = session.place.at(run=job.id, tab="live")

    def _queue_several(self, session: Session, detail: Mapping[str, Any]) -> None:
        """What is refused is named, and costs the others nothing."""
        data_id = self._data(session)
        if data_id is None:
            raise UserError(w.no_data)
        if "form" in detail:
            self._keep(session, detail)
        runs, wrong = self._planned(session, data_id)
        if wrong:
            raise UserError(wrong)
        jobs, refused = session.mine.runs.submit_all(data_id, runs, PATIENCE_SECONDS)
        session.notices["train"] = outcome(jobs, refused)
        session.place = session.place.at(run=jobs[0].id, tab="train" if refused else "live")

    def _retry(self, session: Session, detail: Mapping[str, Any]) -> None:
        self._studio.background.forget("catalogue")

    def _retry_zero_shot(self, session: Session, detail: Mapping[str, Any]) -> None:
        if data_id := self._data(session):
            self._studio.background.forget(session.mine.answers.zero_shot_key(data_id))

    def _use_embedded(self, session: Session, detail: Mapping[str, Any]) -> None:
        if data_id := self._data(session):
            session.mine.keep(data_id, model=EMBEDDED)

    def _use_shots(self, session: Session, detail: Mapping[str, Any]) -> None:
        self._fill_in(session, shots=str(int(str(detail.get("n")))))

    def _allow_fewer(self, session: Session, detail: Mapping[str, Any]) -> None:
        self._fill_in(session, allow_fewer="true")

    def _fill_in(self, session: Session, **fields: str) -> None:
        """Change fields of the form as if they were typed; the form is drawn anew."""
        if data_id := self._data(session):
            kept = {**drafted(session.mine, data_id)["fields"], **fields}
            session.mine.keep(data_id, fields=kept, stamp=f"filled-{time.monotonic_ns()}")

    def _leave_out(self, session: Session, detail: Mapping[str, Any]) -> None:
        data_id, kind = self._data(session), str(detail.get("kind"))
        if data_id:
            session.mine.data.change(
                data_id, lambda dataset: curation.exclude(dataset, leave_out(dataset, kind))
            )

    def _cross_validate(self, session: Session, detail: Mapping[str, Any]) -> None:
        if data_id := self._data(session):
            method, _ = self._read_in_folds(session, data_id)
            session.mine.answers.cross_validated(data_id, method, wanted=True)

    def _split_again(self, session: Session, detail: Mapping[str, Any]) -> None:
        if data_id := self._data(session):
            form = detail.get("form")
            typed = str(form.get("shares", "")) if isinstance(form, dict) else ""
            shares = parse_shares(typed[:40])

            def move(dataset: Dataset) -> None:
                move_split(dataset, shares)

            session.mine.data.change(data_id, move)


def _proposing(catalogue: Mapping[str, Any], proposed: Mapping[str, Any]) -> dict[str, Any]:
    """The catalogue with what a data set proposes where a knob of a run has no default."""
    knobs = [
        {**knob, "default": proposed.get(knob["name"]) if (own := knob["default"]) is None else own}
        for knob in catalogue["run_knobs"]
    ]
    return {**catalogue, "run_knobs": knobs}


def _costs(found: Estimate | None) -> list[tuple[str, str]]:
    """There from the start, as rows that come later push the button away under the mouse."""
    time, memory = (duration(found.seconds), size(found.memory_bytes)) if found else ("…", "…")
    return [(w.time, time), (w.memory, memory)]
