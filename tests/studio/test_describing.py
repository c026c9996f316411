"""Runs have names, notes and tags on the page, and the queue is searched by them."""

import pytest

from core.errors import UserError
from core.results.records import RunConfig
from studio.people.visitors import Visitor
from studio.shell.job_list import job_list
from studio.shell.page import Search, Shell
from studio.workspace import Workspace
from studio.workspace.session import Session
from tests.studio.conftest import NASTY


@pytest.fixture
def data_id(studio, images):
    return studio.data_store.add_upload(
        images(studio, "My set/a/1.png", "My set/b/1.png"), "train", None
    )[0]


def test_a_run_is_found_by_what_a_person_calls_it(studio, mine, data_id):
    path = str(studio.data_store.path(data_id))
    first = studio.ledger.submit(RunConfig(data=path, method="ft"))
    other = studio.ledger.submit(RunConfig(data="/elsewhere/owls", method="lp"))
    mine.runs.describe(first.id, {"name": "Try 7", "note": "darker", "tags": "night, draft"})
    for query in ("try 7", "DARKER", "night", "my set", "ft"):
        assert [job.id for job in mine.runs.search(query, 9)] == [first.id], query
    assert [job.id for job in mine.runs.search("owls", 9)] == [other.id]
    assert mine.runs.search("night owls", 9) == []
    drawn = job_list(mine, None, 9, "night")
    assert "<b>Try 7</b>" in drawn
    assert "#night" in drawn
    assert "owls" not in drawn


def test_a_name_is_escaped_and_another_visitors_run_has_none(studio, mine, data_id):
    job = studio.ledger.submit(RunConfig(data="/data", method="ft"))
    mine.runs.describe(job.id, {"name": NASTY})
    assert NASTY not in job_list(mine, None, 9)
    ann = Workspace(studio, Visitor("visitor", "ann", token="a" * 43))
    with pytest.raises(UserError):
        ann.runs.describe(job.id, {"name": "mine"})


def test_the_search_is_what_the_page_typed(studio, mine):
    shell = Shell.__new__(Shell)
    shell._studio = studio
    session = Session(mine)
    before = shell._queue_key(session)
    shell._search(session, {"form": {"query": " night "}})
    assert session.of(Search).text == "night"
    assert shell._queue_key(session) != before
