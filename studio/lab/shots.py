"""The Shots panel: the gain from more images, and the class to label next."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from core.data.dataset import Dataset
from core.data.split import sizes
from core.errors import UserError
from core.results import by_shots
from core.results.records import RunRecord
from core.results.untrained import ClassAdvice, UntrainedCurve
from studio.frame.chart import chart
from studio.frame.html import panel
from studio.frame.markup import listed, points, render
from studio.frame.view import Actions, View
from studio.frame.words import Words
from studio.lab import words
from studio.lab.panel import LabPanel, record_of
from studio.lab.shots_chart import CurveWords, shots_chart
from studio.train.several import outcome
from studio.workspace.background import Answer
from studio.workspace.session import Notice, Session
from studio.workspace.studio import Studio

SWEPT = (1, 4, 16)
"""Shots that the button offers, if there are enough images and no run yet."""
SHOWN = 8
"""Classes in the table before it is opened."""
SIDES = tuple(words.Domains.sides)


class ShotsWords(Words):
    """The offer of a shots curve, and what to label next."""

    tab = "Shots"
    offer = "What would more images bring?"
    offer_text = (
        "From fixed features, without training, in seconds: the curve from 1 to 16 shots, and the "
        "classes that gain most from more images."
    )
    button = "Measure it"
    waiting = "Measuring the curve on fixed features …"
    no_data = (
        "This studio does not have the images of this run, so the gain from more of them "
        "cannot be measured."
    )
    more = "The solid curve of {method} has a point for each number of shots that has a run."
    queue = "Queue {method} at {shots} shots"
    none_missing = "Every point that these images allow has a run already. See the queue."
    label_next = "What to label next"
    label_best = (
        "Label {name} next: {more} more images should bring that class {gains}, less what others "
        "lose to it."
    )
    label_gain = "{expected} on {side} ({low} to {high})"
    label_unclear = (
        "With so few measured images no class is clear of chance. The best guess is {name}: {more} "
        "more images of it, {gains}. More test images would say it better."
    )
    label_nothing = (
        "More of the same should bring nothing to any class: the newer half of the images did not. "
        "Label images unlike those you have."
    )
    label_columns: ClassVar = {
        "class": "class",
        "images": "shots",
        "accuracy": "{side} accuracy",
        "expected": "{side}, as many again",
    }
    label_alone = "One image or none to learn from, so nothing can be told: {names}. Label these."
    label_rest = "The other {n} classes"
    label_note = (
        "An estimate: measured with {model} as it came, without training, by leaving out the "
        "newer half of one class's images; as many again should bring half of what that half did. "
        "Intervals (95 %) are about the images measured and the draws of the shots. Training "
        "may answer differently, and images unlike these may bring more."
    )


w = ShotsWords


class ShotsPanel(LabPanel):
    """The curve of a run's method, and the advice on labels."""

    name = "shots"
    order = 60
    words = ShotsWords

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        curve = chart(CurveWords.curve, height=360)
        next_images = panel()
        self.views = [
            View(curve, self._key, self._draw_chart),
            View(next_images, self._key, self._draw_advice),
        ]
        act: Actions = {"measure-shots": self.measure, "queue-shots": self.queue}
        self.events = [(next_images.action, act)]

    def _key(self, session: Session) -> Hashable:
        record = record_of(session)
        if record is None:
            return None
        answer = self._answer(session, record)
        asked = (answer.state, answer.version) if answer else None
        notices = session.notices.get("lab"), session.notices.get("shots")
        # Similar runs are searched only when it is drawn: a tick asks for the key alone.
        jobs = tuple((job.id, job.state) for job in session.mine.runs.jobs())
        return (record.run_id, jobs, asked, notices)

    def _draw_chart(self, session: Session) -> Any:
        record = record_of(session)
        if record is None:
            return None
        answer = self._answer(session, record)
        runs = session.mine.runs.by_shots(record.run_id)
        known = answer.value if answer and answer.state == "ready" else None
        untrained = by_shots.without_training(known) if known else {}
        method = self._studio.method_title(record.config["method"])
        zero = by_shots.zero_shot(record)
        return shots_chart(method, zero, by_shots.of_runs(runs), untrained, record.run_id)

    def _draw_advice(self, session: Session) -> str:
        record = record_of(session)
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
        """Measure the curve without training, and compute the advice."""
        record = record_of(session)
        data_id = session.mine.runs.data_of_run(record.run_id) if record else None
        if record is None or data_id is None:
            raise UserError(words.Runs.elsewhere)
        session.mine.answers.shots(data_id, record.config, wanted=True)

    def queue(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Queue the same run with the missing numbers of shots."""
        session.notices.pop("shots", None)
        data_id, asked = session.mine.runs.asked(str(session.place.run))
        missing = self._missing(session)
        if not missing:
            raise UserError(w.none_missing)
        runs = [{**asked, "shots": shots} for shots in missing]
        jobs, refused = session.mine.runs.submit_all(data_id, runs)
        session.notices["shots"] = outcome(jobs, refused)

    def _answer(self, session: Session, record: RunRecord) -> Answer[UntrainedCurve] | None:
        data_id = session.mine.runs.data_of_run(record.run_id)
        return session.mine.answers.shots(data_id, record.config) if data_id else None

    def _missing(self, session: Session) -> list[int]:
        """The offered numbers of shots for which no run is finished or queued."""
        mine, run_id = session.mine, str(session.place.run)
        alike, data_id = mine.runs.alike(run_id), mine.runs.data_of_run(run_id)
        if not alike or data_id is None:
            return []
        known = {job.config["shots"] for job in alike if job.state not in ("failed", "cancelled")}
        most = most_shots(mine.data.open(data_id).dataset, alike[0].config)
        return [shots for shots in SWEPT if shots <= most and shots not in known]


def most_shots(dataset: Dataset, config: Mapping[str, Any]) -> int:
    """The largest number of shots for such a run on a data set."""
    images = [size.train for size in sizes(dataset).values()]
    fewer = config.get("allow_fewer")
    allowed = dataset.allow_fewer if fewer is None else fewer
    return max(images) if allowed else min(images)


@dataclass(frozen=True)
class AdvisedClass:
    """A class by its name, with the advice about it."""

    title: str
    advice: ClassAdvice


def advice(
    dataset: Dataset | None,
    answer: Answer[UntrainedCurve] | None,
    method: str,
    missing: Sequence[int],
    note: Notice | None,
) -> str:
    """The advice, or a button that computes it; and the button for the `missing` runs."""
    ready = answer is not None and answer.state == "ready"
    found = told(answer.value, dataset) if ready and answer and dataset else None
    return render(
        "lab/shots.html",
        say=w,
        has_data=dataset is not None,
        state=answer.state if answer else "",
        note=Notice(answer.error) if answer and answer.error else note,
        found=found,
        method=method,
        missing=missing,
        queue=w.queue.format(method=method, shots=listed([str(n) for n in missing])),
    )


def told(curve: UntrainedCurve, dataset: Dataset) -> dict[str, object]:
    """Values for the template from what `core.run.protocols.measure_shots` found."""
    names = dict(zip(dataset.classes, dataset.names, strict=True))
    rows = [AdvisedClass(names[one.name], one) for one in curve.advice if one.name in names]
    told = {row.advice.name for row in rows}
    alone = [names[folder] for folder in dataset.classes if folder not in told]
    return {
        "sides": [s for s in SIDES if any(s in row.advice.gains for row in rows)],
        "first": rows[:SHOWN],
        "rest": rows[SHOWN:],
        "verdict": _verdict(rows),
        "alone": w.label_alone.format(names=", ".join(alone)) if alone else "",
        "note": w.label_note.format(model=curve.encoder),
    }


def _verdict(rows: Sequence[AdvisedClass]) -> str:
    """A sentence about the first class whose gain is clear on one side; if there is none, the first
    class as a guess.

    A class with no expected gain is never named as a guess.
    """
    clear = [row for row in rows if any(g.expected.low > 0 for g in row.advice.gains.values())]
    hoped = [row for row in rows if any(g.expected.mean > 0 for g in row.advice.gains.values())]
    if not hoped:
        return w.label_nothing if rows else ""
    row, said = (clear[0], w.label_best) if clear else (hoped[0], w.label_unclear)
    gains = [
        w.label_gain.format(
            side=words.Domains.sides[side],
            expected=points(gain.expected.mean),
            low=points(gain.expected.low),
            high=points(gain.expected.high),
        )
        for side, gain in row.advice.gains.items()
    ]
    return said.format(more=row.advice.images, name=row.title, gains=listed(gains))
