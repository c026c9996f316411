"""A tab of the lab is one module: found, drawn, opened by its address, and clicked."""

import re
import sys
from pathlib import Path

import pytest

from studio import lab
from studio.app import PLACES
from studio.frame.view import only_looks
from studio.lab.panel import panels
from studio.shell.page import Shell
from studio.workspace import words
from studio.workspace.session import TABS
from tests.attacks.conftest import LIVE, LOAD, town
from tests.studio.test_error_lab import in_a_thread

TALLY = "lab-tally"
OURS = ["wise", "errors", "calibration", "drift", "space", "shots", "prototypes", "photo"]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A studio whose lab has one file more, and in it somebody with a finished run."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(Path(__file__).parent / "ninth_panel")
        patch.setattr(lab, "__path__", [*lab.__path__, folder])
        with town(tmp_path_factory.mktemp("panels"), actions_per_minute=5) as running:
            running.ann = running.resident("ann")
            yield running
    sys.modules.pop("studio.lab.tally")


def opened(answer):
    """The tab of the lab that is open, and what the address bar is told."""
    values = answer.json()["data"]
    [tab] = [v["selected"] for v in values if isinstance(v, dict) and "selected" in v]
    [query] = re.findall(r'\\"query\\":\\"([^"\\]*)', answer.text)
    return tab, query


def test_the_panels_stand_in_their_order():
    assert [panel.name for panel in panels()] == OURS


def test_what_a_guest_may_do_was_decided_one_by_one(studio):
    pages = in_a_thread(lambda: [Shell(studio), *(PLACES[name](studio) for name in TABS)])
    events = [actions.items() for page in pages for _, actions in page.events]
    handlers = {(do, handler) for items in events for do, handler in items}
    assert {do for do, handler in handlers if only_looks(handler)} == {
        "stay", "open-lab", "open-run", "open-data", "new-data", "search", "show-more",
        "choose-runs", "inspect", "show-errors", "map-features", "show-space",
        "look-at-templates", "show-templates",
    }  # fmt: skip
    assert {"queue", "upload", "export", "share"} <= {do for do, _ in handlers}


def test_a_ninth_file_is_a_ninth_tab(here):
    assert [panel.name for panel in panels()] == [*OURS, "tally"]
    components = here.ann.client.get("/config").json()["components"]
    tabs = {part["props"].get("elem_id"): part["props"] for part in components}
    assert (tabs[TALLY]["label"], tabs[TALLY]["id"]) == ("Tally", "tally")


def test_its_address_opens_it_and_an_unknown_one_opens_the_first(here):
    run = f"?run={here.ann.run_id}&tab=lab"
    assert opened(here.ann.fire(LOAD, query=f"{run}&lab=tally")) == (
        "tally", f"?data={here.ann.data_id}&run={here.ann.run_id}&tab=lab&lab=tally",
    )  # fmt: skip
    for name in ("nowhere", "wise", "<b>", ""):
        tab, query = opened(here.ann.fire(LOAD, query=f"{run}&lab={name}"))
        assert tab == "wise"
        assert "lab=" not in query.removeprefix("?").replace("tab=lab", "")


def test_its_actions_are_handled_and_its_state_is_the_pages_own(here):
    other = here.browser("ann again", cookies=here.ann.client.cookies)
    for person in (here.ann, other):
        person.fire(LOAD, query=f"?run={here.ann.run_id}&tab=lab&lab=tally")
    assert "looked 1 times, counted 0" in here.ann.fire(TALLY, {"do": "tally-look"}).text
    assert "looked 1 times, counted 1" in here.ann.fire(TALLY, {"do": "tally-count"}).text
    assert "looked 1 times, counted 0" in other.fire(TALLY, {"do": "tally-look"}).text


def test_a_guest_looks_and_nothing_else(here):
    here.ann.fire(LOAD, query=f"?run={here.ann.run_id}&tab=live")
    said = here.ann.fire(LIVE, {"do": "share", "id": here.ann.run_id}).text
    query = "?share=" + re.search(r"\?share=([A-Za-z0-9_-]{43})", said)[1]
    guest = here.browser("guest")
    assert "looked 0 times, counted 0" in guest.fire(LOAD, query=query).text
    assert "looked 1 times" in guest.fire(TALLY, {"do": "tally-look"}, query).text
    refused = guest.fire(TALLY, {"do": "tally-count"}, query).text
    assert "counted" not in refused
    assert words.Workspace.read_only in refused


def test_looking_does_not_count_and_everything_else_does(here):
    person = here.visitor("hasty")
    person.fire(LOAD)
    for _ in range(25):
        said = person.fire(TALLY, {"do": "tally-look"}).text
    assert "looked 25 times" in said
    for _ in range(12):
        person.fire(TALLY, {"do": "tally-count"})
    said = person.fire(TALLY, {"do": "tally-look"}).text
    looked, counted = map(int, re.search(r"looked (\d+) times, counted (\d+)", said).groups())
    assert looked == 26
    assert 5 <= counted < 12, "five a minute, and on a slow machine one or two more"
