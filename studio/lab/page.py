"""The Robustness lab: gains and losses of a run."""

from collections.abc import Hashable
from typing import Any

import gradio as gr

from core.data.health.copies import leaks_noted
from studio.frame.html import panel
from studio.frame.markup import render
from studio.frame.view import Actions, View
from studio.lab.panel import LabPanel, panels, record_of, run_key
from studio.workspace.session import Session
from studio.workspace.studio import Studio


class LabPage:
    """A head, and a tab for every panel of this folder."""

    def __init__(self, studio: Studio) -> None:
        self._names = [one.name for one in panels()]
        made: list[LabPanel] = []
        with gr.Column(elem_classes="ek-page"):
            head = panel()
            with (
                gr.Column(visible=False) as body,
                gr.Tabs(elem_id="ek-lab-tabs", overflow_behavior="wrap") as tabs,
            ):
                for one in panels():
                    with gr.Tab(one.words.tab, id=one.name, elem_id=f"lab-{one.name}"):
                        made.append(one(studio))
        self.views = [
            View(head, lambda s: (run_key(s), self._called(s)), self._draw_head),
            View(body, run_key, lambda s: gr.update(visible=record_of(s) is not None)),
            View(tabs, self._opened_key, lambda s: gr.update(selected=self._opened(s))),
            *(view for one in made for view in one.views),
        ]
        self.events: list[tuple[Any, Actions]] = [event for one in made for event in one.events]

    def settle(self, session: Session) -> None:
        """Open the first panel if the place names one that does not exist."""
        if session.place.lab not in self._names[1:]:
            session.place = session.place.at(lab="")

    def _opened(self, session: Session) -> str:
        return session.place.lab or self._names[0]

    def _opened_key(self, session: Session) -> Hashable:
        """Changes when the server opens a panel. The visitor's own clicks need no answer."""
        return (session.move.stamp if session.move else None, record_of(session) is not None)

    def _called(self, session: Session) -> str:
        record = record_of(session)
        return session.mine.runs.called_by_id(record.run_id, record.config) if record else ""

    def _draw_head(self, session: Session) -> str:
        record = record_of(session)
        title = self._called(session)
        run = session.place.run if session.mine.runs.job(session.place.run) else None
        leaks = leaks_noted(record.data.get("notes", ())) if record else ()
        leaks = tuple(session.mine.spoken(note) for note in leaks)
        return render("lab/head.html", title=title, run=run, leaks=leaks)
