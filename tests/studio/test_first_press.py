"""A press counts, also right after the start: it waits for an evaluator that is coming up."""

from types import SimpleNamespace

from jobs.evaluator.client import EvaluatorUnavailable
from studio.train.page import TrainPage
from studio.workspace import background
from studio.workspace.background import Answer
from studio.workspace.session import Place, Session


def test_a_press_waits_a_minute_for_the_evaluator(studio, mine, monkeypatch):
    clock = SimpleNamespace(now=0.0)

    def check(config):
        if clock.now < 60:
            raise EvaluatorUnavailable("It is starting.")
        return config

    monkeypatch.setattr(background.time, "monotonic", lambda: clock.now)
    monkeypatch.setattr(
        background.time, "sleep", lambda seconds: setattr(clock, "now", clock.now + seconds)
    )
    monkeypatch.setattr(studio.evaluator, "check", check, raising=False)
    monkeypatch.setattr(
        studio, "catalogue", lambda: Answer("ready", {"methods": [], "models": [], "run_knobs": []})
    )
    monkeypatch.setattr("studio.train.page.config_of", lambda data, draft, catalogue: {})
    data_id = studio.shelf.add_demo()
    page = TrainPage.__new__(TrainPage)
    page._studio = studio
    session = Session(mine, Place(data=data_id, tab="train"))
    page._queue(session, {"do": "queue"})
    assert clock.now >= 60
    assert [job.id for job in mine.runs.jobs()] == [session.place.run]
