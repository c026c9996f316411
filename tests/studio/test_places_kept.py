"""The plain address opens where its visitor was last."""

import pytest

from core.results.records import RunConfig
from studio.people.visitors import Visitor
from studio.shell.page import Shell
from studio.workspace import Workspace
from studio.workspace.session import Place, Session

PLAIN = Place()


@pytest.fixture
def data_id(studio, images):
    return studio.data_store.add_upload(
        images(studio, "set/a/1.png", "set/b/1.png"), "train", None
    )[0]


def test_the_plain_address_opens_where_one_left_off(mine, data_id):
    there = Place(data=data_id, tab="lab", lab="errors")
    mine.leave(there)
    assert mine.back_to(PLAIN, False) == there
    assert mine.back_to(Place(tab="train"), True) == there.at(tab="train")
    assert mine.back_to(Place(tab="data"), True) == Place(tab="data"), "a new data set"
    assert mine.back_to(Place(data="x"), False) == Place(data="x"), "what is named is opened"
    mine.leave(Place(tab="data"))
    assert mine.back_to(PLAIN, False) == there, "the start is no place to come back to"


def test_without_a_last_place_what_runs_is_opened_then_the_newest_data(studio, mine, data_id):
    mine.leave(Place(data="deleted-since", run="ft-gone", tab="lab"))
    assert mine.back_to(PLAIN, False) == Place(data=data_id)
    job = studio.ledger.submit(RunConfig(data="/some where/My photos", method="ft"))
    assert mine.back_to(PLAIN, False) == Place(run=job.id, tab="live")
    shell = Shell.__new__(Shell)
    shell._studio = studio
    assert shell._elsewhere(Session(mine, Place(run=job.id))) == "My photos"
    assert shell._elsewhere(Session(mine, Place(tab="data"))) == "Choose a data set"


def test_nobody_is_sent_to_where_another_was(studio, mine, data_id):
    mine.leave(Place(data=data_id, tab="train"))
    ann = Workspace(studio, Visitor("visitor", "ann", token="a" * 43))
    assert ann.back_to(PLAIN, False) == PLAIN
    guest = Workspace(studio, Visitor("guest", run="ft-1"))
    guest.leave(Place(run="ft-1"))
    assert mine.back_to(PLAIN, False).data == data_id
