"""The address bar restores the page, and names ids only."""

import pytest

from studio.frame.view import View, draw, guarded
from studio.workspace.session import Notice, Place, Session, is_id


def test_an_address_is_read_back_as_it_was_written():
    place = Place(data="demo", run="ft-20260101-0000-abcd", tab="lab")
    query = dict(pair.split("=") for pair in place.query().removeprefix("?").split("&"))
    assert Place.from_query(query) == place
    assert Place.from_query({"tab": "lab", "lab": "errors", "run": "ft-1"}).lab == "errors"
    assert Place.from_query({"tab": "lab", "lab": "<b>"}) == Place(tab="lab"), "no id"
    assert Place(data="demo", tab="lab", lab="errors").query() == "?data=demo&tab=lab&lab=errors"
    assert Place(data="demo", tab="train", lab="errors").query() == "?data=demo&tab=train"


class Anything:
    """A workspace in which everything may be done."""

    def act(self):
        pass

    def spoken(self, text):
        return text


@pytest.mark.parametrize("bad", ["../x", "a/b", "", "A", "a" * 99, "a.b", "%2e", None, 3, "ä"])
def test_what_is_no_id_is_dropped(bad):
    assert not is_id(bad)
    assert Place.from_query({"data": bad, "run": bad, "tab": bad}) == Place()


def test_a_link_to_a_run_alone_opens_the_live_place():
    assert Place.from_query({"run": "ft-1"}).tab == "live"


def test_news_of_a_click_that_a_move_has_overtaken_is_old():
    session = Session(Anything())
    assert not session.moved_after(1)
    session.open("live", opened=2)
    assert session.moved_after(2)
    assert not session.moved_after(3)
    assert not session.moved_after(None)


def test_a_view_is_drawn_again_only_when_what_it_depends_on_changed():
    drawn = []
    view = View(None, lambda s: s.place.tab, lambda s: drawn.append(s.place.tab) or s.place.tab)
    session = Session(Anything())
    assert draw([view], session) == ["data"]
    assert draw([view], session) == [{"__type__": "update"}]
    session.place = session.place.at(tab="lab")
    assert draw([view], session) == ["lab"]
    assert drawn == ["data", "lab"]


def test_a_bug_becomes_a_sentence_and_a_log_line_but_no_traceback(caplog):
    def fails(session, detail):
        raise ZeroDivisionError("secret detail")

    session = Session(Anything())
    guarded("train", {"fail": fails}, session, {"do": "fail"})
    notice = session.notices["train"]
    assert isinstance(notice, Notice)
    assert "ZeroDivisionError" in notice.text
    assert "secret detail" not in notice.text
    assert "secret detail" in caplog.text
    guarded("train", {"rest": lambda s, d: None}, session, {"do": "rest"})
    assert not session.notices
