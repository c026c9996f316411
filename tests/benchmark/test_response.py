"""T8 where nothing answers; `evenkeel bench speed --figures T8` is the rest."""

import sys

import pytest

from core.events import Warned
from studio.benchmark import browsing, response
from studio.cli.bench.speed import every_figure


def test_figures_are_offered_in_the_order_of_their_numbers():
    numbers = [int(key[1:]) for key in every_figure()]
    assert numbers == sorted(numbers)
    assert 8 in numbers


def test_what_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(response, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(TimeoutError, match=r"waited 0 s for the studio to answer"):
        response._wait(lambda: response._opens("http://127.0.0.1:1"), "the studio to answer")


def test_without_a_browser_the_paint_is_left_out_and_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    steps = browsing.measure_browsing("", None, "", 1, 1.0)
    warned = next(steps)
    assert isinstance(warned, Warned)
    assert "playwright is missing" in warned.message
    with pytest.raises(StopIteration) as ended:
        next(steps)
    assert ended.value.value == []
