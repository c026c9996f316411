"""Values as people type them: read by what the setting is, and spelled so that they read back."""

import math

import pytest

from core.errors import UserError
from core.methods import METHODS
from core.params import Params
from core.results.records import RunConfig
from core.run.asked import complete
from core.spelling import read, read_file, spelled, unquoted
from tests.mutants import Mutant

KNOBS = {knob["name"]: knob for knob in RunConfig.knobs()}
WORDS = {"type": "str", "choices": ["on", "off", "none"], "optional": True}


@pytest.mark.parametrize(
    ("typed", "knob", "value"),
    [
        ("off", WORDS, "off"),
        ("none", WORDS, "none"),
        ("null", WORDS, None),
        ("1e-5", {"type": "float"}, 1e-5),
        ("1e3", {"type": "int"}, 1000),
        ("010", {"type": "int"}, 10),
        ("12:30", {"type": "int"}, "12:30"),
        ("1.5", {"type": "int"}, 1.5),
        ("123456789012345678901", {"type": "int"}, 123456789012345678901),
        ("x", {"type": "float"}, "x"),
        ("Off", {"type": "bool"}, False),
        ("YES", {"type": "bool"}, True),
        ("maybe", {"type": "bool"}, "maybe"),
        ("~", {"type": "float", "optional": True}, None),
        ("None", {"type": "int", "optional": True}, None),
        ("none", {"type": "str", "optional": True}, "none"),
        ("none", {"type": "run", "optional": True}, None),
        ("off", {"type": "str"}, "off"),
        ("no, 1, 12:30", KNOBS["unseen"], ["no", "1", "12:30"]),
        ("['a, b', c]", KNOBS["unseen"], ["a, b", "c"]),
        ("red #1, b: c", KNOBS["unseen"], ["red #1", "b: c"]),
        ("itap of a {}, big.", KNOBS["unseen"], ["itap of a {}, big."]),
        ("0, 0.5,1", KNOBS["alphas"], [0.0, 0.5, 1.0]),
        ("", KNOBS["unseen"], []),
    ],
)
def test_a_text_is_read_by_what_the_knob_is(typed, knob, value):
    found = read(typed, knob)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("off", "off"), ('"off"', "off"), ("'it''s'", "it's"), ('"', '"'), ("a 'b'", "a 'b'")],
)
def test_quotes_around_a_text_are_taken_away(text, value):
    assert unquoted(text) == value


def test_a_value_is_spelled_as_short_as_it_reads_back():
    numbers = [spelled(value) for value in (1e-5, 16.0, 0.1234567890123)]
    assert numbers == ["1e-05", "16", "0.1234567890123"]
    assert [spelled(value) for value in (True, None)] == ["true", "none"]
    assert spelled(("a", "b, c")) == "[a, 'b, c']"
    assert spelled("'odd'") == "\"'odd'\""


def test_a_file_is_read_as_texts_and_json_as_what_it_says():
    yaml = "correction: off\nlr: 1e-5\nat: 12:30\nday: 2024-01-01\nempty:\nunseen: [no, 1]\n"
    texts = {"correction": "off", "lr": "1e-5", "at": "12:30", "day": "2024-01-01", "empty": ""}
    assert read_file(yaml.encode()) == {**texts, "unseen": ["no", "1"]}
    assert read_file(yaml.encode("utf-16")) == read_file(yaml.encode())
    assert read_file(b'{"lr": null, "seed": 1}') == {"lr": None, "seed": 1}


def test_what_is_no_number_is_refused_wherever_a_number_is_asked_for():
    class Rate(Params):
        lr: float = 1.0
        """Peak."""

    refused = []
    for typed in ("nan", "inf", math.inf):
        try:
            Rate.parse({"lr": typed}, "ft")
        except UserError as error:
            refused.append(str(error).startswith("ft: lr must be a finite number"))
    assert refused == [True] * 3


def test_every_knob_says_of_what_its_list_is():
    class Lists(Params):
        names: tuple[str, ...] | None = None
        """Maybe none."""
        numbers: tuple[int, ...] = ()
        """Some."""
        whole: int = 0
        """None at all."""

    assert [knob["items"] for knob in Lists.knobs()] == ["str", "int", None]
    assert Lists.parse({"names": "a,b", "numbers": "1, 2"}, "x").names == ("a", "b")


@pytest.mark.parametrize("method", METHODS)
def test_every_knob_reads_its_own_default_and_its_choices_as_text(method):
    params = METHODS[method].Params
    for knob in params.knobs():
        for value in (knob["default"], *(knob["choices"] or ())):
            if knob["type"] == "bool":
                value = not value
            try:
                expected = params.model_validate({knob["name"]: value})
            except ValueError:  # refused by itself, whatever the spelling
                continue
            assert params.model_validate({knob["name"]: spelled(value)}) == expected


def test_words_that_yaml_takes_for_something_else_are_words():
    assert [read(text, WORDS) for text in ("off", "none", "null")] == ["off", "none", None]
    asked = {"correction": "off", "train_head": "no"}
    config = RunConfig.parse({"data": "x", "method": "fd-align", "params": asked}, "run")
    params = complete(config).params
    assert params["correction"] == "off"
    assert params["train_head"] is False


MUTANTS = [
    Mutant(
        "core.spelling",
        "if text == str(choice):",
        "if False:",
        test_words_that_yaml_takes_for_something_else_are_words,
    ),
    Mutant(
        "core.spelling",
        "short if float(short) == value else repr(value)",
        "short",
        test_a_value_is_spelled_as_short_as_it_reads_back,
    ),
    Mutant(
        "core.spelling",
        "yaml.BaseLoader(content).get_single_data()",
        "yaml.safe_load(content)",
        test_a_file_is_read_as_texts_and_json_as_what_it_says,
    ),
    Mutant(
        "core.params",
        "allow_inf_nan=False",
        "allow_inf_nan=True",
        test_what_is_no_number_is_refused_wherever_a_number_is_asked_for,
    ),
]
