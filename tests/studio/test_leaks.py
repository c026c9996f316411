"""A run that was allowed to leak says so wherever its numbers are."""

import pytest

from core.results.records import RunConfig
from jobs.progress import Progress
from studio.compare.comparing import candidates, table
from studio.frame import words as frame_words
from studio.frame.markup import render
from studio.live import words as live_words
from studio.live.run_header import run_header
from tests.studio.conftest import NASTY

NOTE = f"Leaks were allowed: 2 images are in both training and test data ({NASTY})"


@pytest.fixture
def leaky(record):
    return record.model_copy(update={"data": {"notes": ["Something else.", NOTE]}})


def test_a_waiting_run_says_that_leaks_are_allowed_until_it_knows_which(studio):
    for allowed in (True, False):
        config = RunConfig(data="/data", method="ft", allow_leaks=allowed)
        job = studio.ledger.submit(config)
        waiting = run_header(job, "FT", Progress(), 1)["warnings"]
        assert waiting == ([live_words.Live.leaks_allowed] if allowed else [])
        told = Progress(phase="training", warnings=[NOTE])
        assert run_header(job, "FT", told, None)["warnings"] == [NOTE], "once, in its own words"


def test_the_compared_run_has_a_tag_and_the_other_none(record, leaky):
    page = render("compare/table.html", **table(candidates([leaky, record], ["leaky", "clean"])))
    assert page.count(frame_words.Common.leaks_tag) == 1
    assert page.index("leaky") < page.index(frame_words.Common.leaks_tag) < page.index("clean")
    assert "onerror" in page
    assert "<img" not in page


def test_the_head_of_the_lab_says_which_leaks():
    page = render("lab/head.html", title="FT", run="ft-1", leaks=(NOTE,))
    assert "2 images are in both training and test data" in page
    assert "<img" not in page
    assert "ek-notice" not in render("lab/head.html", title="FT", run="ft-1", leaks=())
