"""The Compare tab: which run is better, and is the difference more than chance?"""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from core.errors import UserError
from studio.compare import words
from studio.compare.comparing import (
    Candidate,
    candidates,
    next_seed,
    pairings,
    pairings_tested,
    table,
)
from studio.compare.plots import pareto_chart
from studio.frame.chart import chart
from studio.frame.domains import shown
from studio.frame.html import panel
from studio.frame.markup import render
from studio.frame.more import how_many, showing_more
from studio.frame.view import Actions, View, looking
from studio.workspace.background import Answer
from studio.workspace.session import MOST_COMPARED, Notice, Session, is_id
from studio.workspace.studio import Studio

if TYPE_CHECKING:
    from core.results.comparison import RunsComparison

w = words.Compare


class ComparePage:
    """Ticked runs of one data set: accuracies, tests on the same images, settings, trade-off."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page ek-compare"):
            choice = panel()
            accuracies = panel()
            with gr.Column(visible=False) as trade_off:
                pareto = chart(w.pareto, height=380)
            tests = panel()
            combination = panel()
        self.views = [
            View(choice, self._choice_key, self._draw_choice),
            View(accuracies, self._key, self._draw_accuracies),
            View(trade_off, self._key, lambda s: gr.update(visible=bool(s.place.compare))),
            View(pareto, self._key, lambda s: pareto_chart(self._candidates(s))),
            View(tests, self._tests_key, self._draw_tests),
            View(combination, self._key, self._draw_combination),
        ]
        act: Actions = {
            "choose-runs": self._choose,
            "again": self._again,
            "retry-compare": self._retry,
            "combine": self._combine,
            **showing_more("compare"),
        }
        self.events: list[tuple[Any, Actions]] = [
            (each.action, act) for each in (choice, accuracies, tests, combination)
        ]

    # ---- what it depends on -----------------------------------------------------------------
    def _key(self, session: Session) -> Hashable:
        return session.place.compare

    def _choice_key(self, session: Session) -> Hashable:
        place, mine = session.place, session.mine
        most = how_many(session, "compare")
        runs = tuple(job.id for job in mine.runs.finished(place.data, most + 1))
        note = session.notices.get("compare")
        return (self._key(session), place.data, place.run, runs, most, note)

    def _tests_key(self, session: Session) -> Hashable:
        answer = self._compared(session)
        return (self._key(session), answer and (answer.state, answer.version))

    def _compared(self, session: Session) -> "Answer[RunsComparison] | None":
        ids = session.place.compare
        return session.mine.answers.compared(ids) if len(ids) > 1 else None

    def _candidates(self, session: Session) -> list[Candidate]:
        mine = session.mine
        records = [record for run in session.place.compare if (record := mine.runs.record(run))]
        return candidates(
            records, [mine.runs.called_by_id(record.run_id, record.config) for record in records]
        )

    # ---- how it looks -----------------------------------------------------------------------
    def _draw_choice(self, session: Session) -> str:
        place, mine = session.place, session.mine
        chosen = {run.id: run for run in self._candidates(session)}
        most = how_many(session, "compare")
        found = mine.runs.finished(place.data, most + 1)
        known = {job.id: mine.runs.called(job) for job in found[:most]}
        rows = [
            {"id": run_id, "title": title, "chosen": chosen.get(run_id)}
            for run_id, title in ({run.id: run.title for run in chosen.values()} | known).items()
        ]
        hint = {0: w.none_chosen, 1: w.one_chosen}.get(len(chosen), "")
        return render(
            "compare/choice.html",
            rows=sorted(rows, key=lambda row: [*known, row["id"]].index(row["id"])),
            hint=hint,
            older=len(found) > most,
            full=len(chosen) == MOST_COMPARED,
            most=w.most.format(n=MOST_COMPARED),
            run=place.run,
            note=session.notices.get("compare"),
        )

    def _draw_accuracies(self, session: Session) -> str:
        runs = self._candidates(session)
        return render("compare/table.html", **table(runs)) if runs else ""

    def _draw_tests(self, session: Session) -> str:
        answer, mine = self._compared(session), session.mine
        if answer is None:
            return ""
        if answer.state != "ready":
            return render("compare/tests.html", found=None, error=answer.error)
        runs, found = self._candidates(session), answer.value
        titles = {style.key: style.title for style in shown(runs[0].zero.domains)}
        pairs = pairings(runs, found, titles)
        for pairing in pairs:
            pairing["problem"] = mine.spoken(pairing["problem"])
        count = pairings_tested(pairs)
        return render(
            "compare/tests.html",
            found=pairs,
            error="",
            many=w.many_tests.format(n=count) if count > 1 else "",
            runs=runs,
            settings={
                name: ["–" if value is None else mine.spoken(str(value)) for value in values]
                for name, values in found.differences.items()
            },
            notes=found.notes,
        )

    def _draw_combination(self, session: Session) -> str:
        ways = self._ways(len(session.place.compare))
        return render("compare/combine.html", ways=ways) if ways else ""

    def _ways(self, count: int) -> list[Mapping[str, Any]]:
        """The interpolators of the catalogue that can combine this number of runs."""
        known = self._studio.catalogue["interpolators"]
        return [way for way in known if count and _takes(way["members"], count)]

    # ---- what it does -----------------------------------------------------------------------
    @looking
    def _choose(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Compare the ticked runs. Runs that are already shown keep their positions."""
        form = dict(detail.get("form") or {})
        ticked = [run for run, on in form.items() if on is True and is_id(run)]
        before, mine = session.place.compare, session.mine
        chosen = [r for r in before if r in ticked] + [r for r in ticked if r not in before]
        if len(chosen) > MOST_COMPARED:
            raise UserError(w.most.format(n=MOST_COMPARED))
        if not all(mine.runs.may_compare(run, session.place.data) for run in chosen):
            raise UserError(w.gone)
        session.place = session.place.at(compare=tuple(chosen))

    def _again(self, session: Session, detail: Mapping[str, Any]) -> None:
        mine = session.mine
        job = mine.runs.find(detail.get("id"))
        seed = next_seed(job.config, (other.config for other in mine.runs.jobs()))
        queued = mine.runs.again(job.id, seed)
        text = w.queued.format(name=mine.runs.title(queued.config))
        session.notices["compare"] = Notice(text, "good")

    def _combine(self, session: Session, detail: Mapping[str, Any]) -> None:
        runs, form = session.place.compare, dict(detail.get("form") or {})
        if not runs:
            raise UserError(w.combine_none)
        method = str(form.get("method", ""))
        queued = session.mine.runs.combine(runs, method)
        session.place = session.place.at(run=queued.id, tab="live")

    def _retry(self, session: Session, detail: Mapping[str, Any]) -> None:
        session.mine.answers.compare_again(session.place.compare)


def _takes(members: Mapping[str, int | None], count: int) -> bool:
    """True if an interpolator takes this number of runs."""
    fewest, most = members["fewest"] or 0, members["most"]
    return fewest <= count and (most is None or count <= most)
