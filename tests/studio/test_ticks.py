"""A page ticks as long as something on it may change, and misses no change."""

import time

import pytest

from studio import app
from studio.frame.view import draw
from tests.attacks.conftest import LOAD, TICK, town


@pytest.fixture
def ann(tmp_path):
    """A page on which nothing is awaited any more."""
    with town(tmp_path) as here:
        person = here.visitor("ann")
        fired, until = person.fire(LOAD), time.monotonic() + 30
        while ticks(fired):
            assert time.monotonic() < until
            time.sleep(0.1)
            fired = person.fire(TICK)
        yield person


def ticks(answer):
    """True if the page was told to ask again."""
    return answer.json()["data"][1].get("active", True)


def test_an_answer_that_comes_while_the_page_is_drawn_is_shown_by_one_more_tick(ann, monkeypatch):
    def overtaken(views, session):
        values = draw(views, session)
        background = session.mine.studio.background
        background.ask("late", lambda: 1)
        while background.waiting:
            time.sleep(0.01)
        return values

    assert not ticks(ann.fire(TICK)), "the control: nothing came"
    with monkeypatch.context() as patch:
        patch.setattr(app, "draw", overtaken)
        assert ticks(ann.fire(TICK))
    assert not ticks(ann.fire(TICK)), "one is enough"


def test_no_event_shows_its_progress_on_what_would_count_frames(ann):
    config = ann.client.get("/config").json()
    [timer] = [part["id"] for part in config["components"] if part["type"] == "timer"]
    events = [event for event in config["dependencies"] if event["outputs"]]
    assert len(events) > ann.numbers[TICK]
    assert [event["show_progress_on"] for event in events] == [[timer]] * len(events)
