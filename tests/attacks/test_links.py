"""A read-only link shows one run to whoever has it, until it is taken back."""

import re
import time
from html.parser import HTMLParser

import pytest

from core.data.ingest import open_dataset
from core.results.records import RunConfig
from jobs.ledger import Ledger
from studio.lab.inspected import InspectedWords
from tests.attacks.conftest import DATA, HEADER, LAB, LIVE, LOAD, TICK, TRAIN, picture, town

NASTY = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "${alert(1)}",
    "{{7*7}}",
    "</title><script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<!--<img src=--><img src=x onerror=alert(1)//>",
    '=HYPERLINK("http://evil.example")',
    "\u202ecod.exe",
)


@pytest.fixture
def link(ann):
    return made(ann, ann.run_id)


def made(person, run_id):
    """The token of a new link to a run, as the page shows it."""
    person.fire(LOAD, query=f"?run={run_id}&tab=live")
    said = person.fire(LIVE, {"do": "share", "id": run_id}).text
    return re.search(r"\?share=([A-Za-z0-9_-]{43})", said)[1]


class Markup(HTMLParser):
    """Elements and attributes that a browser would see."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attributes}


def test_a_guest_sees_the_run_and_nothing_else(here, ann, bob, link):
    guest = here.browser("guest")
    query = f"?share={link}"
    assert guest.client.get(f"/{query}").status_code == 200
    text = guest.fire(LOAD, query=query).text
    assert ann.run_id in text
    assert ann.data_id not in text
    assert bob.run_id not in text
    assert str(here.settings.home) not in text
    text = guest.fire(LOAD, query=f"{query}&run={bob.run_id}&data={bob.data_id}").text
    assert bob.run_id not in text
    for path in (
        f"runs/{bob.run_id}/files/record",
        f"runs/{ann.run_id}/files/record",
        f"exports/{ann.run_id}/model.zip",
        f"data/{ann.data_id}/thumbs/{ann.sha256}.webp",
    ):
        assert guest.client.get(f"/studio/{path}{query}").status_code == 404


def test_a_guest_sees_the_images_of_the_lab_and_no_other_of_the_data_set(here, bob):
    guest, query = here.browser("guest"), f"?share={made(bob, bob.run_id)}"
    assert InspectedWords.button in guest.fire(LOAD, query=query).text
    guest.fire(LAB, {"do": "inspect"}, query)
    for _ in range(100):
        text = guest.fire(LAB, {"do": "show-errors", "cell": "0-0"}, query).text
        if shown := re.findall(r"thumbs/([0-9a-f]{64})\.webp\?share=", text):
            break
        time.sleep(0.05)
    (picture_shown,) = set(shown)
    thumbs = f"/studio/data/{bob.data_id}/thumbs"
    assert guest.client.get(f"{thumbs}/{picture_shown}.webp{query}").status_code == 200
    folder = here.settings.home / "datasets" / bob.data_id
    everything = {i.sha256 for d in open_dataset(folder).domains for i in d.items}
    others = everything - {picture_shown}
    assert others, "the control: there are more"
    for sha256 in others:
        assert guest.client.get(f"{thumbs}/{sha256}.webp{query}").status_code == 404
        assert bob.client.get(f"{thumbs}/{sha256}.webp").status_code == 200
    stranger = here.visitor("stranger")
    assert stranger.client.get(f"{thumbs}/{picture_shown}.webp").status_code == 404


@pytest.mark.parametrize(
    "action", ["cancel", "pause", "retry", "duplicate", "share", "unshare", "upload", "queue"]
)
def test_a_guest_does_nothing(here, ann, link, action):
    guest, query = here.browser("guest"), f"?share={link}"
    guest.fire(LOAD, query=query)
    before = Ledger(here.settings).list()
    for event in (HEADER, DATA, TRAIN, LIVE):
        said = guest.fire(event, {"do": action, "id": ann.run_id, "files": []}, query).text
        assert ann.run_id not in said or "only shows" in said
    assert guest.client.post(f"/studio/uploads{query}", files={"files": b"x"}).status_code == 403
    assert Ledger(here.settings).list() == before


def test_a_link_that_was_taken_back_answers_as_one_that_never_was(here, ann, link):
    guest = here.browser("guest")
    assert guest.fire(TICK, query=f"?share={link}").status_code == 200
    ann.fire(LIVE, {"do": "unshare", "id": ann.run_id})
    for path in ("/", "/config"):
        gone, never = (guest.client.get(f"{path}?share={t}") for t in (link, "x" * 43))
        assert (gone.status_code, gone.text) == (never.status_code, never.text)
        assert gone.status_code in (401, 404)
    assert guest.fire(TICK, query=f"?share={link}").status_code == 401


def test_a_link_opens_a_closed_studio_for_its_run_only(tmp_path):
    with town(tmp_path, public=False, auth="owner:correct horse") as closed:
        owner = closed.owner()
        run = Ledger(closed.settings).submit(RunConfig(data="/d", method="ft", shots=16))
        closed.settings.run_folder(run.id).create(RunConfig(data="/d", method="ft", shots=16))
        query = f"?share={made(owner, run.id)}"
        guest = closed.browser("guest")
        assert guest.client.get(f"/{query}").status_code == 200
        assert run.id in guest.fire(LOAD, query=query).text
        assert guest.fire(LOAD).status_code == 401
        assert guest.client.get("/").status_code == 303


@pytest.mark.parametrize("name", NASTY)
def test_no_name_of_a_run_or_a_class_becomes_markup(here, name):
    person = here.visitor("nasty")
    ids = person.send(("1.png", picture(1)), ("2.png", picture(2))).json()
    safe = name.replace("/", "∕")  # a slash would be two folders
    rels = [f"{safe}/{safe}/1.png", f"{safe}/other/2.png"]
    files = [{"rel": rel, "id": i} for rel, i in zip(rels, ids, strict=True)]
    values = person.fire(DATA, {"do": "upload", "role": "train", "files": files}).json()["data"]
    drawn = [Markup(value) for value in values if isinstance(value, str)]
    assert any("article" in found.elements or "li" in found.elements for found in drawn), values
    for found in drawn:
        assert found.elements.isdisjoint({"script", "iframe", "object", "embed", "title"})
        assert not [name for name in found.attributes if name.startswith("on")]
