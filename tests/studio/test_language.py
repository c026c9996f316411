"""Every sentence follows the language of whoever reads it, and none is left out of a catalogue."""

import html
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from string import Formatter

import pytest

from core.methods import catalogue as methods
from core.models import zoo
from core.records import RunConfig
from studio import words
from studio.background import Background
from studio.words import german, language
from studio.words.language import LANGUAGES, Sentences, each, preferred, speaking
from tests.attacks.conftest import DATA, HEADER, LAB, LOAD, TICK, town

PSEUDO = "xx"
CLASSES = {name: cls for name, cls in vars(words).items() if isinstance(cls, type)}


def catalogue(cls, spoken="en"):
    """Attribute to sentence, or table of sentences."""
    with speaking(spoken):
        return {name: getattr(cls, name) for name in vars(cls) if not name.startswith("_")}


def placeholders(said):
    """Key to the names in braces of every sentence of a table."""
    found = {}
    each(said, lambda key, text: found.__setitem__(key, _names(text)))
    return found


def _names(text):
    return sorted({name for _, name, *_ in Formatter().parse(text) if name is not None})


def differences(first, other):
    """What a translation lacks or has too much: its keys, and the names in braces."""
    one, two = placeholders(first), placeholders(other)
    return sorted(key for key in one.keys() | two.keys() if one.get(key) != two.get(key))


# ---- the catalogues ---------------------------------------------------------------------------
def test_every_class_of_words_follows_the_language():
    assert [name for name, cls in CLASSES.items() if not issubclass(cls, Sentences)] == []


@pytest.mark.parametrize("name", CLASSES)
def test_german_has_every_sentence_with_the_same_placeholders(name):
    theirs = vars(getattr(german, name, object))
    theirs = {key: said for key, said in theirs.items() if not key.startswith("_")}
    assert differences(catalogue(CLASSES[name]), theirs) == []


def test_a_sentence_that_is_missing_or_says_something_else_is_found():
    english = {"a": "{n} images", "b": {"x": "one", "y": "two"}, "c": ("one", "two")}
    assert differences(english, english) == []
    german = {"a": "{m} Bilder", "b": {"x": "eins"}, "c": ("eins",), "d": "mehr"}
    assert differences(english, german) == [".a", ".b.y", ".c.1", ".d"]


@pytest.fixture
def third(monkeypatch):
    """A language that has two sentences, and not all of their parts."""

    class Catalogue:
        class Train:
            title = "Drill"
            families = {"prompts": ("Learned", "Only these.")}  # noqa: RUF012

    monkeypatch.setattr(language, "LANGUAGES", dict(LANGUAGES))
    language.teach(PSEUDO, "Pseudo", Catalogue)
    yield PSEUDO
    forget()


def forget():
    for cls in Sentences.__subclasses__():
        for sentence in vars(cls).values():
            if hasattr(sentence, "said"):
                sentence.said.pop(PSEUDO, None)


def test_what_a_language_lacks_is_said_in_english(third):
    with speaking(third):
        assert words.Train.title == "Drill"
        assert words.Train.lead.startswith("Choose how")
        assert words.Train.families["prompts"] == ("Learned", "Only these.")
        assert words.Train.families["baseline"][0] == "Baselines"
    assert words.Train.title == "Train"


@pytest.mark.parametrize(
    ("cookie", "accepted", "expected"),
    [
        (None, "", "en"),
        (None, "de-AT,de;q=0.9,en;q=0.8", "de"),
        (None, "en-GB,de;q=0.9", "en"),
        (None, "fr, de;q=0.5, en;q=0.7", "en"),
        (None, "fr;q=x, *, ;q=", "en"),
        ("de", "en", "de"),
        ("en", "de", "en"),
        ("<script>", "de", "de"),
        ("keys", "en", "en"),
    ],
)
def test_the_choice_wins_and_else_the_browser_s_first_that_we_have(cookie, accepted, expected):
    assert preferred(cookie, accepted) == expected


def test_a_failure_in_the_background_is_told_in_the_language_of_who_asks():
    background = Background(unavailable=ConnectionError)
    background.ask("key", lambda: 1 / 0)
    background.finish()
    with speaking("de"):
        assert "schiefgegangen: ZeroDivisionError" in background.ask("key", int).error
        assert "schiefgegangen: ZeroDivisionError" in background.known("key").error
    assert "went wrong" in background.known("key").error


# ---- a running studio -------------------------------------------------------------------------
@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A studio, and in it a visitor with two finished runs."""
    with town(tmp_path_factory.mktemp("language")) as running:
        running.ann = running.resident("ann")
        running.ann.second = running._finished_run(running.ann)
        yield running


def asking(person, spoken):
    """The same person with another language chosen."""
    person.client.cookies.set(language.COOKIE, spoken)
    return person


def pages(person):
    """The answers to opening every place with a run, and what a click in the lab brings."""
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


TECHNICAL = {
    "__type__", "barmode", "color", "colour", "dash", "hoverinfo", "id", "key", "legendgroup",
    "level", "mode", "move", "query", "rangemode", "role", "run", "symbol", "textposition",
    "tone", "type", "uirevision", "visible",
}  # fmt: skip
"""Fields of what is drawn by scripts that nobody reads."""


class Text(HTMLParser):
    """What a person sees or hears of HTML, without code and without what is marked as English."""

    SPOKEN = ("title", "aria-label", "alt", "placeholder", "data-confirm")
    EMPTY = ("img", "input", "br", "path", "circle", "rect", "option")

    def __init__(self):
        super().__init__()
        self.found = []
        self.open = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag not in self.EMPTY:
            self.open.append((tag, tag in ("code", "pre") or "lang" in given))
        self.found += [given[name] for name in self.SPOKEN if given.get(name)]

    def handle_endtag(self, tag):
        while self.open and tag not in self.EMPTY and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if not any(skipped for _, skipped in self.open):
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


def unspoken(text):
    """A text without what was said in brackets, numbers, abbreviations and the runs' method."""
    before = None
    while before != text:
        before, text = text, re.sub(r"⟦[^⟦⟧]*⟧", " ", text)
    text = re.sub(r"%?\{[^}]*\}|Fine-tuning \(FT\)|\b(ID|OOD|ECE|CPU|CLI|YAML|Python)\b", " ", text)
    return text.strip(" ,.;:·()%–") if re.search(r"[A-Za-z]{3,}", text) else ""


def in_brackets(_key, text):
    return f"⟦{text}⟧"


@pytest.fixture
def pseudo(monkeypatch):
    """A language in which every sentence stands in brackets."""
    monkeypatch.setitem(LANGUAGES, PSEUDO, "⟦Pseudo⟧")
    for cls in Sentences.__subclasses__():
        for sentence in vars(cls).values():
            if hasattr(sentence, "said"):
                sentence.said[PSEUDO] = each(sentence.said["en"], in_brackets)
    yield PSEUDO
    forget()


OWN = r"ann-\S+|noto|sketch|0\.png|1\.png|train/\S+|a processor|[A-Z]\S+/\w+|embedded"
"""What people, files and machines are called."""
ERRORS = r"predictions.safetensors is missing .*|All images are .*|.* x\.json|\d of \d classes .*"
"""Sentences of core in a place that cannot be marked as English."""


def core_names():
    """Methods, knobs and their choices: they are called the same in every language."""
    knobs = [knob for method in methods() for knob in method["knobs"]] + RunConfig.knobs()
    titles = {knob["name"].replace("_", " ").capitalize() for knob in knobs}
    choices = {str(c) for knob in knobs for c in (*(knob.get("choices") or ()), knob["default"])}
    models = {model["title"] for model in zoo.catalogue()}
    return titles | choices | models | {method["title"] for method in methods()}


def leftover(pages):
    """Texts that stand in no catalogue."""
    known, ours = (
        set(map(unspoken, core_names())),
        re.compile(f"(?:{OWN}|{ERRORS}|ft-[0-9a-z-]+)[ ,.]*"),
    )
    rest = {unspoken(html.unescape(text)) for page in pages for text in texts(page)}
    return sorted(text for text in rest - known if text and not ours.fullmatch(text))


def test_no_place_says_anything_that_is_in_no_catalogue(here, pseudo):
    shown = list(pages(asking(here.ann, pseudo)))
    said = " ".join(text for page in shown for text in texts(page))
    for place in (words.Data, words.Train, words.Live, words.Lab, words.Compare, words.Export):
        assert f"⟦{place.title}⟧" in said, "the control: it was drawn"
    assert leftover(shown) == []


def test_a_sentence_in_a_template_would_be_found():
    page = [
        '<p title="Hello you">⟦In ⟦a⟧ catalogue⟧ <b>Save</b> <i lang="en">core</i> 3.1 % OOD</p>'
    ]
    assert leftover([page]) == ["Hello you", "Save"]


def test_what_is_built_once_holds_keys_that_every_language_has(here):
    config = json.dumps(here.ann.client.get("/config").json())
    marked = html.unescape(config).replace("\\", "")
    keys = set(re.findall(r'translation_metadata", "key": "([^"]+)"', marked))
    assert {"Shell.tabs.lab", "Lab.tabs.wise", "Lab.frontier", "Drop.reading"} <= keys
    for spoken in LANGUAGES:
        assert keys <= set(language.sentences(spoken))
    assert words.Lab.frontier_note not in config.split("i18n_translations")[0]


def test_two_who_read_at_the_same_time_never_get_each_other_s_words(here):
    people = [(asking(here.visitor(name), name), name) for name in ("en", "de") for _ in range(3)]
    own = {"en": words.Data.start, "de": german.Data.start}

    def read(person, spoken):
        found = [person.fire(LOAD).text for _ in range(6)]
        return spoken, [{name for name, said in own.items() if said in one} for one in found]

    with ThreadPoolExecutor(len(people)) as pool:
        for spoken, seen in pool.map(lambda each: read(*each), people):
            assert seen == [{spoken}] * 6


def test_an_open_page_stays_whole_when_another_language_is_chosen_elsewhere(here):
    person = asking(here.visitor("carl"), "de")
    person.fire(LOAD)
    asking(person, "en")
    state = {"data": [None], "trigger_id": 1}
    opened = person.fire(HEADER, {"do": "nothing"}, **state).text
    assert german.Shell.unknown_action in opened
    assert words.Shell.unknown_action not in opened
    assert person.fire(TICK).status_code == 200


@pytest.mark.parametrize(("accepted", "spoken"), [("de-DE,de;q=0.9", "de"), ("fr", "en")])
def test_the_page_and_the_login_say_in_which_language_they_are(here, accepted, spoken):
    person = here.browser("new", headers={"Accept-Language": accepted})
    assert f'lang="{spoken}"' in person.client.get("/").text[:200]
    login = person.client.get("/studio/login").text
    with speaking(spoken):
        assert f'<html lang="{spoken}">' in login
        assert words.Login.lead in login
