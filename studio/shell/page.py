"""The frame around the six tabs: header, queue, address bar."""

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.evaluator.questions import Device
from jobs.ledger import Job
from studio.frame.html import panel
from studio.frame.markup import render
from studio.frame.more import how_many, showing_more
from studio.frame.view import Actions, View, looking
from studio.live.run_header import share_done
from studio.live.steering import steering
from studio.shell import words
from studio.shell.address import address, address_bar
from studio.shell.job_list import job_list
from studio.workspace.session import TABS, Place, Session, is_id
from studio.workspace.studio import Studio

TABS_OF_A_GUEST = ("live", "lab")


@dataclass
class Search:
    """The search text of a page's queue."""

    text: str = ""


@dataclass
class News:
    """The announcements of a page, and its clicks in the frame."""

    states: dict[str, str] = field(default_factory=dict)
    """The state of each job at the last tick, so that a change is announced."""
    announcements: tuple[dict[str, str], ...] = ()


class Shell:
    """The header above and the queue at the right. Made inside the Blocks, before the tabs."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        header = panel(elem_id="ek-header")
        queue = panel(elem_id="ek-queue")
        bar = address_bar(elem_id="ek-address")
        self.views = [
            View(header, self._header_key, self._draw_header),
            View(queue, self._queue_key, self._draw_queue),
            View(bar, self._bar_key, self._draw_bar),
        ]
        act: Actions = {
            "open-data": self._open_data,
            "new-data": self._new_data,
            "open-run": self._open_run,
            "stay": self._stay,
            "open-lab": self._open_lab,
            "search": self._search,
            **showing_more("queue"),
            **steering(),
        }
        self.events: list[tuple[Any, Actions]] = [
            (each.action, act) for each in (header, queue, bar)
        ]

    def needs_tick(self, session: Session) -> bool:
        """True if anything on the page can change by itself."""
        busy = any(not job.is_over for job in session.mine.runs.jobs())
        return busy or self._studio.background.waiting

    def announce(self, session: Session) -> None:
        """Announce every run that ended since the last tick of this page."""
        news = session.of(News)
        known, news.announcements = news.states, ()
        jobs = session.mine.runs.jobs()
        news.states = {job.id: job.state for job in jobs}
        if note := session.notices.pop("shell", None):
            key = f"shell-{time.monotonic_ns()}"
            news.announcements += ({"key": key, "text": note.text, "level": note.level},)
        for job in jobs:
            if job.is_over and known.get(job.id) in ("queued", "running"):
                key = f"{job.id}-{job.state}"
                news.announcements += ({"key": key, **self._news(session, job)},)

    def settle(self, session: Session) -> None:
        """Remove ids that do not exist; choose the newest run of a data set if none was chosen."""
        place, mine = session.place, session.mine
        if mine.visitor.run:
            tab = place.tab if place.tab in TABS_OF_A_GUEST else "live"
            place = Place(run=mine.visitor.run, tab=tab, share=mine.visitor.link)
        if place.data and not mine.data.has(place.data):
            place = place.at(data=None)
        job = mine.runs.job(place.run)
        if job is None:
            place = place.at(run=None)
        elif place.data is None:
            place = place.at(data=session.mine.runs.data_of(job))
        if place.data is None and place.compare:
            place = place.at(data=mine.runs.data_of_run(place.compare[0]))
        side_by_side = (run for run in place.compare if mine.runs.may_compare(run, place.data))
        place = place.at(compare=tuple(side_by_side))
        if place.run is None and place.data:
            place = place.at(run=session.mine.runs.newest_run(place.data))
        session.place = place

    # ---- header -----------------------------------------------------------------------------
    def _header_key(self, session: Session) -> Hashable:
        data_id = session.place.data
        model = session.mine.draft(data_id)["model"] if data_id else ""
        active = sum(not job.is_over for job in session.mine.runs.jobs())
        answer = self._studio.device()
        run = session.place.run if data_id is None else None
        return (data_id, run, model, active, answer.state, tuple(session.mine.data.ids()))

    def _draw_header(self, session: Session) -> str:
        data_id, mine = session.place.data, session.mine
        answer = self._studio.device()
        device = device_title(answer.value) if answer.state == "ready" else ""
        model = str(mine.draft(data_id)["model"]) if data_id else ""
        return render(
            "shell/header.html",
            title=mine.data.title(data_id) if data_id else self._elsewhere(session),
            data_sets=[
                {"id": name, "title": mine.data.title(name), "current": name == data_id}
                for name in mine.data.ids()[:12]
            ],
            model=self._studio.model_title(model) if model else "",
            read_only=mine.is_read_only,
            **self._studio.visitors.offers(mine.visitor),
            device=device,
            active=sum(not job.is_over for job in session.mine.runs.jobs()),
        )

    def _elsewhere(self, session: Session) -> str:
        """The header's text without a chosen data set; empty if there is no data yet."""
        mine = session.mine
        if mine.is_read_only:
            return words.Shell.shared_run
        if job := mine.runs.job(session.place.run):
            return mine.runs.data_title(job)
        return words.Shell.choose_data if mine.data.ids() or mine.runs.jobs(1) else ""

    # ---- drawer -----------------------------------------------------------------------------
    def _queue_key(self, session: Session) -> Hashable:
        runs, most = session.mine.runs, how_many(session, "queue")
        query = session.of(Search).text
        rows = tuple(
            (
                (job.id, job.state, job.asked, job.is_interrupted, job.place, repr(job.about)),
                runs.progress(job.id).seq if job.state == "running" else 0,
            )
            for job in runs.search(query, most + 1)
        )
        return (rows, most, query, session.place.run)

    def _draw_queue(self, session: Session) -> str:
        most = how_many(session, "queue")
        return job_list(session.mine, session.place.run, most, session.of(Search).text)

    # ---- address bar ------------------------------------------------------------------------
    def _bar_key(self, session: Session) -> Hashable:
        news = tuple(item["key"] for item in session.of(News).announcements)
        return (session.place, session.move, self._share(session), news)

    def _share(self, session: Session) -> float | None:
        job = session.mine.runs.job(session.place.run)
        if job is None or job.state != "running":
            return None
        return round(share_done(session.mine.runs.progress(job.id)), 2)

    def _draw_bar(self, session: Session) -> dict[str, object]:
        return address(session, self._share(session), session.of(News).announcements)

    def _news(self, session: Session, job: Job) -> dict[str, str]:
        title = session.mine.runs.called(job)
        if job.state == "failed":
            text = words.Queue.announce_failed.format(name=title, error=job.error or "")
            return {"text": text, "level": "error"}
        if job.state == "cancelled":
            return {"text": f"{title}: {words.Common.states['cancelled']}", "level": "info"}
        return {"text": words.Queue.announce_done.format(name=title), "level": "good"}

    # ---- what it does -----------------------------------------------------------------------
    @looking
    def _open_data(self, session: Session, detail: Mapping[str, Any]) -> None:
        data_id = detail.get("id")
        if is_id(data_id) and session.mine.data.has(data_id):
            session.place = session.place.at(data=data_id, run=None, tab="data")

    @looking
    def _new_data(self, session: Session, detail: Mapping[str, Any]) -> None:
        session.place = session.place.at(data=None, run=None, tab="data")

    @looking
    def _stay(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Record that the visitor opened another tab. It is ignored if the server has moved them
        since.
        """
        if detail.get("tab") in TABS and not session.moved_after(detail.get("opened")):
            session.place = session.place.at(tab=detail["tab"])

    @looking
    def _open_lab(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Record that the visitor opened a panel of the lab."""
        if is_id(detail.get("lab")):
            session.place = session.place.at(lab=detail["lab"])

    @looking
    def _search(self, session: Session, detail: Mapping[str, Any]) -> None:
        session.of(Search).text = str(dict(detail["form"]).get("query", ""))[:100].strip()

    @looking
    def _open_run(self, session: Session, detail: Mapping[str, Any]) -> None:
        job = session.mine.runs.find(detail.get("id"))
        data = session.mine.runs.data_of(job) or session.place.data
        session.place = session.place.at(data=data, run=job.id, tab="live")


def device_title(device: Device) -> str:
    """The title of the device: a GPU by its name, or a processor."""
    return f"CPU · {device.name}" if device.kind == "cpu" else device.name
