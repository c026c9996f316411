"""Edits the prompts of the next run: they are chosen or typed, and measured after a pause."""

import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from core.data.dataset import Dataset
from core.data.prompts import OPENAI_80
from core.results import by_shots
from core.results.untrained import Prototypes, ZeroShotScores
from studio.data.prompt_sets import OWN, set_choices
from studio.frame.markup import interval, percent, points, render
from studio.frame.view import Handler
from studio.train import words
from studio.train.knob_form import all_knobs
from studio.train.prototypes_chart import prototypes_chart
from studio.train.recommending import drafted
from studio.workspace.background import Answer
from studio.workspace.session import Session
from studio.workspace.studio import Studio

w = words.Prompts
STARTER = "a photo of a {}."
FILLED = 6
"""Templates that are shown with a class name."""
LONGEST = 20_000
KNOB = "params.prototypes"
"""FD-Align's setting for the templates of its spurious prototypes."""


class Prompting:
    """The editor, and the plot of spurious prototypes if the method has some."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def handlers(self) -> dict[str, Handler]:
        """The handlers of the form and its button, by action."""
        return {"prompts": self.write, "use-for-prototypes": self.use_for_prototypes}

    # ---- the editor -------------------------------------------------------------------------
    def key(self, session: Session) -> Hashable:
        """The key of the editor."""
        data_id = session.data
        if data_id is None:
            return None
        measured, plain = self._measured(session, data_id)
        version = session.mine.data.open(data_id).version
        states = [(answer.state, answer.version) for answer in (measured, plain)]
        asked = repr(session.mine.draft(data_id)["templates"])
        return (data_id, version, asked, *states, self._own_prototypes(session, data_id))

    def draw(self, session: Session) -> str:
        """The editor, with class names in the prompts and their accuracy."""
        data_id = session.data
        if data_id is None:
            return ""
        dataset = session.mine.data.open(data_id).dataset
        draft = session.mine.draft(data_id)
        chosen, sets = draft["templates"], self._studio.catalogue["templates"]
        measured, plain = self._measured(session, data_id)
        lines = chosen if isinstance(chosen, list) else _of_set(chosen, sets, dataset)
        return render(
            "train/prompts.html",
            chosen=OWN if isinstance(chosen, list) else chosen,
            sets=[*set_choices(dataset, sets), (OWN, words.PromptSets.own)],
            own="\n".join(chosen if isinstance(chosen, list) else draft.get("own_prompts", [])),
            filled=filled(lines, dataset.names),
            more=max(0, len(lines) - FILLED),
            error=measured.error,
            waiting=measured.state == "waiting",
            scores=scores(measured, None if chosen == "dataset" else plain),
            prototypes=self._own_prototypes(session, data_id),
        )

    def write(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Store another set, or the typed templates, one per line."""
        data_id, form = session.data, detail.get("form")
        if data_id is None or not isinstance(form, dict):
            return
        before = session.mine.draft(data_id)
        chosen, typed = str(form.get("set", "")), str(form.get("own", ""))[:LONGEST]
        lines = [line.strip() for line in typed.splitlines() if line.strip()]
        if chosen != OWN:
            chosen = chosen if chosen in self._studio.catalogue["templates"] else "dataset"
            session.mine.keep(data_id, templates=chosen, own_prompts=lines)
            return
        if not lines and not isinstance(before["templates"], list):  # just opened, still empty
            lines = list(session.mine.data.open(data_id).dataset.templates) or [STARTER]
        session.mine.keep(data_id, templates=lines, own_prompts=lines)

    def _measured(
        self, session: Session, data_id: str
    ) -> tuple[Answer[ZeroShotScores], Answer[ZeroShotScores]]:
        """Zero-shot accuracy of the chosen prompts, and of those of the data set."""
        answers = session.mine.answers
        return answers.zero_shot(data_id), answers.zero_shot(data_id, templates="dataset")

    # ---- the spurious prototypes ------------------------------------------------------------
    def has_prototypes(self, session: Session) -> bool:
        """True if the chosen method has spurious prototypes."""
        data_id = session.data
        return data_id is not None and self._own_prototypes(session, data_id) is not None

    def prototypes_key(self, session: Session) -> Hashable:
        """The key of the plot."""
        data_id = session.data
        if data_id is None or not self.has_prototypes(session):
            return None
        answer = self._prototypes(session, data_id)
        return (data_id, answer.state, answer.version, self._spec(session, data_id))

    def draw_prototypes(self, session: Session) -> Any:
        """Value of the chart."""
        data_id = session.data
        if data_id is None or not self.has_prototypes(session):
            return None
        answer = self._prototypes(session, data_id)
        if answer.state != "ready":
            return {"empty": answer.error or w.prototypes_wait}
        return prototypes_chart(answer.value, data_id, w.prototypes_wait)

    def use_for_prototypes(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Use the typed prompts for the spurious prototypes."""
        if data_id := session.data:
            draft, stamp = drafted(session.mine, data_id), f"prototypes-{time.monotonic_ns()}"
            fields = {**draft["fields"], KNOB: "dataset"}
            session.mine.keep(data_id, fields=fields, method=draft["method"], stamp=stamp)

    def _prototypes(self, session: Session, data_id: str) -> Answer[Prototypes]:
        wanted = session.place.tab == "train"
        return session.mine.answers.prototypes(data_id, self._spec(session, data_id), wanted)

    def _spec(self, session: Session, data_id: str) -> str | tuple[str, ...]:
        """The templates of the spurious prototypes."""
        own, templates = self._own_prototypes(session, data_id), _templates(session, data_id)
        return templates if own == "dataset" else own or "openai-80"

    def _own_prototypes(self, session: Session, data_id: str) -> str | None:
        """The value of the method's setting; None for a method without spurious prototypes."""
        draft = drafted(session.mine, data_id)
        fields = draft["fields"]
        knobs = all_knobs(self._studio.catalogue, draft["method"], str(fields.get("preset", "")))
        if KNOB not in knobs:
            return None
        return str(fields.get(KNOB) or knobs[KNOB]["default"])


def filled(templates: Sequence[str], names: Sequence[str]) -> list[tuple[str, str, str]]:
    """The first templates as (before, class name, after), each with another class."""
    shown = [template for template in templates if "{}" in template][:FILLED]
    parts = [template.partition("{}") for template in shown]
    return [(a, names[i % len(names)], b) for i, (a, _, b) in enumerate(parts)]


def scores(
    measured: Answer[ZeroShotScores], plain: Answer[ZeroShotScores] | None
) -> list[dict[str, str]]:
    """ID and OOD accuracy of the prompts, and the difference from the data set's own."""
    now, before = _points(measured), _points(plain) if plain else {}
    return [
        {
            "side": words.Domains.sides[side],
            "accuracy": percent(one.mean),
            "interval": interval(one.low, one.high),
            "n": str(one.n),
            "change": points(one.mean - before[side].mean) if side in before else "",
        }
        for side, one in now.items()
    ]


def _points(answer: Answer[ZeroShotScores]) -> dict[str, by_shots.AccuracyAtShots]:
    if answer.state != "ready":
        return {}
    domains = answer.value.evaluation.domains
    shares = {name: (score.accuracy, score.n) for name, score in domains.items()}
    return {side: by_shots.point(0, [found]) for side, found in by_shots.sides(shares).items()}


def _of_set(chosen: str, sets: Mapping[str, Sequence[str]], dataset: Dataset) -> Sequence[str]:
    own = dataset.templates or OPENAI_80
    return own if chosen == "dataset" else sets.get(chosen, [chosen])


def _templates(session: Session, data_id: str) -> str | tuple[str, ...]:
    chosen = session.mine.draft(data_id)["templates"]
    return chosen if isinstance(chosen, str) else tuple(chosen)
