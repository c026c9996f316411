"""Every sentence on the page is in the `words.py` of a room: none is without brackets."""

import html
import json
import re
import time
from collections.abc import Mapping
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pytest

import studio
from core.data.health import check
from core.data.health.findings import mislabels
from core.data.ingest import open_dataset
from core.data.prompts import OPENAI_80, TEMPLATE_SETS
from core.interpolation import catalogue as interpolators
from core.methods import catalogue as methods
from core.models import names
from core.results.records import RunConfig
from studio.frame.words import Words
from studio.lab.panel import panels
from tests.attacks.conftest import DATA, LAB, LOAD, town

ROOMS = {
    path.parent.name: import_module(f"studio.{path.parent.name}.words")
    for path in Path(studio.__file__).parent.glob("*/words.py")
}
PANELS = panels()
OF_PANELS = set(Words.__subclasses__())
CLASSES = OF_PANELS | {
    cls for words in ROOMS.values() for cls in vars(words).values() if isinstance(cls, type)
}
TECHNICAL = {
    "__type__", "barmode", "color", "colour", "dash", "hoverinfo", "id", "key", "kind",
    "legendgroup", "level", "mode", "move", "query", "rangemode", "role", "run", "symbol",
    "textposition", "tone", "type", "uirevision", "visible",
}  # fmt: skip
"""Fields of what is drawn by scripts that nobody reads."""
BUILT_ONCE = ("html_template", "value", "label", "words", "short")
"""Properties with sentences of a component that is made once."""


def in_brackets(said):
    """A sentence, or a table of them."""
    if isinstance(said, Mapping):
        return {name: in_brackets(one) for name, one in said.items()}
    if isinstance(said, tuple):
        return tuple(map(in_brackets, said))
    return f"⟦{said}⟧"


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A studio whose every word stands in brackets, and in it a visitor with two finished runs."""
    with pytest.MonkeyPatch.context() as patch:
        for cls in CLASSES:
            for name, said in list(vars(cls).items()):
                if not name.startswith("_"):
                    patch.setattr(cls, name, in_brackets(said))
        with town(tmp_path_factory.mktemp("words")) as running:
            running.ann = running.resident("ann")
            running.ann.second = running._finished_run(running.ann)
            yield running


def pages(person):
    """The components that are built once, the answers to opening every tab, and those to clicks."""
    components = person.client.get("/config").json()["components"]
    yield [each["props"].get(name) for each in components for name in BUILT_ONCE]
    runs = f"{person.run_id},{person.second}"
    queries = ("", f"?data={person.data_id}", f"?run={person.run_id}&compare={runs}")
    for query in queries:
        answer = person.fire(LOAD, query=query)
        until = time.monotonic() + 20
        while answer.json()["data"][1].get("active") and time.monotonic() < until:
            time.sleep(0.2)
            answer = person.fire(LOAD, query=query)
        yield answer.json()["data"]
    yield person.fire(LAB, {"do": "inspect"}, query=queries[-1]).json()["data"]
    time.sleep(1)
    yield person.fire(LOAD, query=queries[-1]).json()["data"]
    opened = {"do": "open-class", "folder": "ann-cat"}
    yield person.fire(DATA, opened, query=queries[1]).json()["data"]


class Text(HTMLParser):
    """The text of HTML that a person sees or hears, without code."""

    SPOKEN = ("title", "aria-label", "alt", "placeholder", "data-confirm", "data-unusual")
    EMPTY = ("img", "input", "br", "path", "circle", "rect", "option")

    def __init__(self):
        super().__init__()
        self.found = []
        self.open = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.found += [given[name] for name in self.SPOKEN if given.get(name)]

    def handle_endtag(self, tag):
        while self.open and tag not in self.EMPTY and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"code", "pre"} & set(self.open):
            self.found.append(data)


def texts(value):
    """Every text in what the page was sent."""
    if isinstance(value, dict):
        inside = [one for key, one in value.items() if key not in TECHNICAL]
        return [text for one in inside for text in texts(one)]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    if not isinstance(value, str):
        return []
    if value.startswith("{"):  # what a widget draws from
        return texts(json.loads(value))
    parser = Text()
    parser.feed(value)
    return parser.found


def unbracketed(text):
    """A text without what was said in brackets, numbers, abbreviations and the runs' method."""
    before = None
    while before != text:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
    text = re.sub(
        r"%?\{[^}]*\}|Fine-tuning \(FT\)|\b(ID|OOD|ECE|CPU|CLI|YAML|Python|zip)\b", " ", text
    )
    return text.strip(" ,.;:·()%–") if re.search(r"[A-Za-z]{3,}", text) else ""


OWN = r"ann-\S+|noto|sketch|0\.png|1\.png|train/\S+|a processor|[A-Z]\S+/\w+|embedded"
"""Names of people, files and machines."""
NOTES = (
    r"predictions.safetensors is missing .*|All images are .*|.* x\.json|\d of \d classes .*"
    r"|Older runs did not keep their recommended mixing.*|\d classes \(.*|The data set lies in .*"
    r"|No val and no test folder: .*"
)
"""Sentences of core about these runs, and about how these images were read."""


def core_says(data):
    """Methods, knobs, prompts and findings: core has its own sentences."""
    knobs = [knob for method in methods() for knob in method["knobs"]] + RunConfig.knobs()
    yield from (knob["name"].replace("_", " ").capitalize() for knob in knobs)
    yield from (str(c) for knob in knobs for c in (*(knob["choices"] or ()), knob["default"]))
    yield from (part for knob in knobs for part in knob["help"].split("`")[::2])
    yield from (model["title"] for model in names.catalogue())
    offered = [*methods(), *interpolators()]
    yield from (one[said] for one in offered for said in ("title", "summary", "paper"))
    yield from (f"{name} ({len(texts)}" for name, texts in TEMPLATE_SETS.items())
    yield from (part for template in OPENAI_80 for part in template.split("{}"))
    findings = [*check(data).findings, mislabels([], "embedded")]
    yield from (text for one in findings for text in (one.title, one.detail))


def leftover(pages, known=()):
    """Texts that stand neither in the `words` of a room nor in core."""
    known = {"", *map(unbracketed, known)}
    ours = re.compile(f"(?:{OWN}|{NOTES}|ft-[0-9a-z-]+)[ ,.]*")
    rest = {unbracketed(html.unescape(text)) for page in pages for text in texts(page)}
    listed = {text for text in rest if known.issuperset(map(unbracketed, text.split(", ")))}
    return sorted(text for text in rest - known - listed if not ours.fullmatch(text))


def test_no_place_says_anything_that_is_not_in_words(here):
    shown = list(pages(here.ann))
    said = " ".join(text for page in shown for text in texts(page))
    for place in (
        ROOMS["data"].Data,
        ROOMS["train"].Train,
        ROOMS["live"].Live,
        ROOMS["lab"].Lab,
        ROOMS["compare"].Compare,
        ROOMS["export"].Export,
    ):
        assert place.title in said, "the control: it was drawn"
    assert {panel.words for panel in PANELS} <= OF_PANELS
    assert all(panel.words.tab in said for panel in PANELS), "the control: every tab was drawn"
    data = open_dataset(here.settings.home / "datasets" / here.ann.data_id)
    ids_of_tabs = [panel.name for panel in PANELS]  # sent to open one, never shown
    assert leftover(shown, [*core_says(data), *ids_of_tabs]) == []


def test_a_sentence_in_a_template_would_be_found():
    page = ['<p title="Hello you">⟦In ⟦a⟧ word⟧ <b>Save</b> <code>x.json</code> 3.1 % OOD</p>']
    assert leftover([page]) == ["Hello you", "Save"]


def test_the_page_and_the_login_say_that_they_are_english(here):
    client = here.browser("new").client
    assert '<html lang="en"' in " ".join(client.get("/").text[:200].split())
    assert '<html lang="en">' in client.get("/studio/login").text
