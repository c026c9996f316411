"""The lab's shots curve: what more images would bring, and which to label next."""

from collections.abc import Hashable, Mapping
from typing import Any

from core.data.dataset import Dataset
from core.data.split import sizes
from core.errors import UserError
from core.results import by_shots
from core.results.records import RunRecord
from studio.frame.view import Handler
from studio.lab import words
from studio.lab.advice import advice
from studio.lab.shots_chart import shots_chart
from studio.train.several import outcome
from studio.workspace.background import Answer
from studio.workspace.session import Session
from studio.workspace.studio import Studio

w = words.Shots
SWEPT = (1, 4, 16)
"""Shots that the button offers, as far as there are images and no run yet."""
PATIENCE_SECONDS = 20.0


class ShotsCurve:
    """The curve of a run's method, and the advice; both of the run that a session looks at."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def handlers(self) -> dict[str, Handler]:
        """The handlers by what their button does."""
        return {"measure-shots": self.measure, "queue-shots": self.queue}

    def key(self, session: Session) -> Hashable:
        """What the curve and the advice depend on."""
        record = session.mine.runs.record(session.place.run)
        if record is None:
            return None
        answer = self._answer(session, record)
        asked = (answer.state, answer.version) if answer else None
        notices = session.notices.get("lab"), session.notices.get("shots")
        # Which of them are alike is found out when it is drawn: a tick asks for the key only.
        jobs = tuple((job.id, job.state) for job in session.mine.runs.jobs())
        return (record.run_id, jobs, asked, notices, self._studio.catalogue().state)

    def draw_chart(self, session: Session) -> Any:
        """Value of the chart."""
        record = session.mine.runs.record(session.place.run)
        if record is None:
            return None
        answer = self._answer(session, record)
        runs = session.mine.runs.by_shots(record.run_id)
        known = answer.value if answer and answer.state == "ready" else None
        untrained = by_shots.without_training(known) if known else {}
        method = self._studio.method_title(record.config["method"])
        zero = by_shots.zero_shot(record)
        return shots_chart(method, zero, by_shots.of_runs(runs), untrained, record.run_id)

    def draw_advice(self, session: Session) -> str:
        """What to label next, and the runs that would complete the curve."""
        record = session.mine.runs.record(session.place.run)
        if record is None:
            return ""
        data_id = session.mine.runs.data_of_run(record.run_id)
        return advice(
            dataset=session.mine.data.open(data_id).dataset if data_id else None,
            answer=self._answer(session, record),
            method=self._studio.method_title(record.config["method"]),
            missing=self._missing(session),
            note=session.notices.get("shots") or session.notices.get("lab"),
        )

    def measure(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Have the curve without training measured, and the advice with it."""
        record = session.mine.runs.record(session.place.run)
        data_id = session.mine.runs.data_of_run(record.run_id) if record else None
        if record is None or data_id is None:
            raise UserError(words.Runs.elsewhere)
        session.mine.answers.shots(data_id, record.config, wanted=True)

    def queue(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Queue what the run was asked for at the shots that are missing."""
        session.notices.pop("shots", None)
        data_id, asked = session.mine.runs.asked(str(session.place.run))
        missing = self._missing(session)
        if not missing:
            raise UserError(w.none_missing)
        runs = [{**asked, "shots": shots} for shots in missing]
        jobs, refused = session.mine.runs.submit_all(data_id, runs, PATIENCE_SECONDS)
        session.notices["shots"] = outcome(jobs, refused)

    def _answer(self, session: Session, record: RunRecord) -> Answer | None:
        data_id = session.mine.runs.data_of_run(record.run_id)
        return session.mine.answers.shots(data_id, record.config) if data_id else None

    def _missing(self, session: Session) -> list[int]:
        """Which of the offered shots have no run yet, on the way or finished."""
        mine, run_id = session.mine, str(session.place.run)
        alike, data_id = mine.runs.alike(run_id), mine.runs.data_of_run(run_id)
        if not alike or data_id is None:
            return []
        known = {job.config["shots"] for job in alike if job.state not in ("failed", "cancelled")}
        most = most_shots(mine.data.open(data_id).dataset, alike[0].config)
        return [shots for shots in SWEPT if shots <= most and shots not in known]


def most_shots(dataset: Dataset, config: Mapping[str, Any]) -> int:
    """The most shots that a run like this one can ask for on a data set."""
    images = [size.train for size in sizes(dataset).values()]
    fewer = config.get("allow_fewer")
    allowed = dataset.allow_fewer if fewer is None else fewer
    return max(images) if allowed else min(images)
