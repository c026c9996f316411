"""The Live run tab: the progress of a run, and whether to stop it."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from pydantic import ValidationError

from core.errors import UserError
from core.results.records import Mixing
from core.results.untrained import Prototypes
from jobs.ledger import Job
from jobs.ledger.about import About
from studio.frame.chart import chart
from studio.frame.html import panel
from studio.frame.markup import mixture, render
from studio.frame.view import Actions, View
from studio.live import words
from studio.live.run_header import gains, run_header
from studio.live.steering import offered, steering
from studio.live.training_charts import accuracy_chart, loss_chart
from studio.live.updates_chart import updates_chart
from studio.train.prototypes_chart import prototypes_chart
from studio.train.same_run import draft_of
from studio.workspace import Workspace
from studio.workspace.session import Notice, Place, Session
from studio.workspace.studio import Studio

w = words.Live
LOG_LINES = 300


@dataclass
class NewLink:
    """A read-only link that was just made on a page."""

    made: tuple[str, str] | None = None
    """Its run and its token. The link is shown once, because only its hash is stored."""


class LivePage:
    """Header, loss, accuracy by domain against zero-shot, prototypes, log."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        with gr.Column(elem_classes="ek-page"):
            head = panel()
            with gr.Column(elem_classes="ek-live", visible=False) as body:
                with gr.Row(elem_classes="ek-pair", equal_height=True):
                    loss = chart(w.loss, min_width=320)
                    accuracy = chart(w.accuracy, min_width=320)
                table = panel()
                updates = chart(w.updates, height=360)
                with gr.Row(elem_classes="ek-pair", equal_height=True):
                    prototypes = chart(w.prototypes, height=320, min_width=320)
                    log = panel(min_width=320)
        self.views = [
            View(head, self._head_key, self._draw_head),
            View(body, self._has_run, lambda s: gr.update(visible=self._has_run(s))),
            View(loss, self._loss_key, self._draw_loss),
            View(accuracy, self._accuracy_key, self._draw_accuracy),
            View(table, self._accuracy_key, self._draw_table),
            View(updates, self._updates_key, self._draw_updates),
            View(prototypes, self._prototypes_key, self._draw_prototypes),
            View(log, self._log_key, self._draw_log),
        ]
        act: Actions = {
            "duplicate": self.duplicate,
            "share": self.share,
            "unshare": self.unshare,
            "describe": self.describe,
            **steering(),
        }
        self.events: list[tuple[Any, Actions]] = [(head.action, act)]

    # ---- what it depends on -----------------------------------------------------------------
    def _has_run(self, session: Session) -> bool:
        return self._job(session) is not None

    def _job(self, session: Session) -> Job | None:
        return session.mine.runs.job(session.place.run)

    def _head_key(self, session: Session) -> Hashable:
        job = self._job(session)
        if job is None:
            return None
        progress = session.mine.runs.progress(job.id)
        place = session.mine.runs.position(job.id)
        made, links = session.of(NewLink).made, session.mine.runs.links(job.id)
        said = (session.notices.get("live"), made, links)
        state = (job.state, job.asked, job.is_interrupted, repr(job.about))
        return (job.id, state, progress.seq, place, said)

    def _loss_key(self, session: Session) -> Hashable:
        run_id = session.place.run
        return (
            (run_id, len(session.mine.runs.progress(run_id).losses))
            if self._job(session) and run_id
            else None
        )

    def _accuracy_key(self, session: Session) -> Hashable:
        run_id = session.place.run
        if not run_id or self._job(session) is None:
            return None
        progress = session.mine.runs.progress(run_id)
        looks = sum(e["alpha"] is None for e in progress.evaluations)
        return (run_id, looks, _steps(progress), progress.recommended is not None)

    def _log_key(self, session: Session) -> Hashable:
        run_id = session.place.run
        return (
            (run_id, session.mine.runs.progress(run_id).seq)
            if self._job(session) and run_id
            else None
        )

    def _prototypes_key(self, session: Session) -> Hashable:
        run_id = session.place.run
        if not run_id or self._job(session) is None:
            return None
        path = session.mine.runs.folder(run_id).prototypes_path
        return (run_id, path.stat().st_mtime_ns if path.exists() else 0)

    def _updates_key(self, session: Session) -> Hashable:
        return (self._loss_key(session), self._prototypes_key(session))

    # ---- how it looks -----------------------------------------------------------------------
    def _draw_head(self, session: Session) -> str:
        job = self._job(session)
        if job is None:
            return render("live/run_header.html", run=None, note=None, link="", links=0)
        progress = session.mine.runs.progress(job.id)
        title = session.mine.runs.called(job)
        run = run_header(job, title, progress, session.mine.runs.position(job.id))
        run["verbs"] = offered(session.mine, job)
        run["about"] = About.of(job.about)
        run["made"] = session.mine.runs.title(job.config)
        run["data"] = "" if session.mine.is_read_only else session.mine.runs.data_title(job)
        run["may_say"] = not session.mine.is_read_only
        return render(
            "live/run_header.html",
            run=run,
            note=session.notices.get("live"),
            link=_link(session, job.id),
            links=session.mine.runs.links(job.id),
        )

    def _draw_loss(self, session: Session) -> Any:
        if not session.place.run or not self._has_run(session):
            return None
        progress = session.mine.runs.progress(session.place.run)
        steps = _steps(progress)
        return loss_chart(session.place.run, progress.losses, steps, progress.terms)

    def _draw_accuracy(self, session: Session) -> Any:
        if not session.place.run or not self._has_run(session):
            return None
        progress = session.mine.runs.progress(session.place.run)
        return accuracy_chart(session.place.run, progress.evaluations, _steps(progress))

    def _draw_table(self, session: Session) -> str:
        if not session.place.run or not self._has_run(session):
            return ""
        progress = session.mine.runs.progress(session.place.run)
        rows = list(gains(progress.evaluations, progress.recommended).values())
        when = words.Charts.at_step.format(step=rows[0].step) if rows else ""
        if progress.recommended:
            when = mixture(Mixing.model_validate(progress.recommended["mixing"]))
        shown = [row for row in rows if row.style.role in ("id", "ood")]
        return render("live/domain_table.html", rows=shown, when=when)

    def _draw_prototypes(self, session: Session) -> Any:
        run_id = session.place.run
        return prototypes_value(session.mine, run_id, w.prototypes_empty) if run_id else None

    def _draw_updates(self, session: Session) -> Any:
        run_id = session.place.run
        if not run_id or not self._has_run(session):
            return None
        prototypes = read_prototypes(session.mine, run_id)
        trail = prototypes.trail if prototypes else ()
        return updates_chart(run_id, session.mine.runs.progress(run_id).updates, trail)

    def _draw_log(self, session: Session) -> str:
        run_id = session.place.run
        if not run_id or not self._has_run(session):
            return ""
        lines = session.mine.runs.progress(run_id).log[-LOG_LINES:]
        return render("live/log.html", run_id=run_id, lines=lines)

    # ---- what it does -----------------------------------------------------------------------
    def share(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Make a read-only link to a run, and show it once."""
        run_id = str(detail.get("id"))
        session.of(NewLink).made = (run_id, session.mine.runs.share(run_id))

    def describe(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Store the name, the note and the tags of the form."""
        session.mine.runs.describe(str(detail.get("id")), dict(detail["form"]))
        session.notices["live"] = Notice(w.described, "good")

    def unshare(self, session: Session, detail: Mapping[str, Any]) -> None:
        """End every link to a run."""
        session.mine.runs.unshare(str(detail.get("id")))
        session.of(NewLink).made = None
        session.notices["live"] = Notice(w.unshared, "good")

    def duplicate(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Put the settings of a run into the form of its data set."""
        job = session.mine.runs.find(detail.get("id"))
        data_id = session.mine.runs.data_of(job)
        if data_id is None:
            return
        if "members" in job.config:
            raise UserError(words.Runs.combined)
        draft = draft_of(job.config, self._studio.catalogue)
        session.mine.keep(data_id, **draft, stamp=job.id)
        session.place = session.place.at(data=data_id, tab="train")


def _link(session: Session, run_id: str) -> str:
    """The address of the new link to this run; empty if there is none."""
    shared, token = session.of(NewLink).made or ("", "")
    query = Place(share=token, tab="live").query()
    return f"{session.origin}/{query}" if shared == run_id else ""


def prototypes_value(mine: Workspace, run_id: str, empty: str) -> Any:
    """Value of the prototypes chart, read from the run's folder."""
    return prototypes_chart(read_prototypes(mine, run_id), run_id, empty)


def read_prototypes(mine: Workspace, run_id: str) -> Prototypes | None:
    """The observations of a run's prototypes so far; None if there are none yet."""
    path = mine.runs.folder(run_id).prototypes_path
    try:
        return Prototypes.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def _steps(progress: Any) -> int:
    """The number of training steps, from the newest event that tells it, because other phases reset
    it.
    """
    last = int(progress.losses[-1][0]) if progress.losses else 0
    return max(last, progress.steps if progress.phase == "training" else 0)
