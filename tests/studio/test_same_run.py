"""The form, the command, the YAML and the Python are one run."""

import math
import random
import shlex
from itertools import pairwise

import pytest
import typer
import yaml

from core.errors import UserError
from core.methods import catalogue as methods
from core.params import Params
from core.results.records import RunConfig
from core.run.asked import complete
from studio.cli.options import build_config, describing_a_run
from studio.train.knob_form import all_knobs, knob_form, knob_view
from studio.train.same_run import codes, command, config_of, document, draft_of
from tests.studio.conftest import NASTY

CATALOGUE = {"methods": methods(), "run_knobs": RunConfig.knobs()}
DRAFT = {
    "method": "fd-align",
    "model": "ViT-B-32/openai",
    "templates": "dataset",
    "fields": {
        "shots": "8",
        "seed": "0",
        "params.lr": "1e-5",
        "params.epochs": "",
        "params.flip": "false",
        "alphas": "0, 0.5, 1",
        "allow_fewer": "true",
        "nonsense": "1",
    },
}
CONFIG = config_of("/data/my images", DRAFT, CATALOGUE)


def test_only_what_differs_from_the_defaults_is_asked_for():
    assert CONFIG == {
        "data": "/data/my images",
        "method": "fd-align",
        "model": "ViT-B-32/openai",
        "shots": 8,
        "alphas": [0, 0.5, 1],
        "allow_fewer": True,
        "params": {"lr": 1e-5, "flip": False},
    }


def test_a_preset_changes_what_counts_as_the_default():
    fields = {"preset": "paper", "params.optimizer": "adamw", "params.epochs": "60"}
    config = config_of("/data/x", {**DRAFT, "fields": fields}, CATALOGUE)
    assert config["preset"] == "paper"
    assert config["params"] == {"optimizer": "adamw"}
    assert "--preset paper" in command(config)


def test_the_command_is_understood_by_the_command_line():
    words = shlex.split(command(CONFIG).replace("\\\n", " "))
    assert words[:3] == ["evenkeel", "train", "/data/my images"]
    flags = words[3:]
    assert "--allow-fewer" in flags
    flags.remove("--allow-fewer")
    given = list(zip(flags[::2], flags[1::2], strict=True))
    one = dict(given)
    config = build_config(
        words[2],
        None,
        [value for flag, value in given if flag == "--set"],
        alphas=one["--alphas"],
        method=one["--method"],
        model=one["--model"],
        shots=int(one["--shots"]),
        allow_fewer=True,
    )
    assert complete(config) == complete(RunConfig.parse(CONFIG, "run"))


ODD = [
    "off",
    "no",
    "1",
    "12:30",
    "1e-5",
    "null",
    "~",
    "red, fox",
    "[a]",
    "it's",
    'a "b"',
    "犬",
    "#1",
]
ODD_TEMPLATES = ["itap of a {}.", "a {}, a type of: pet", "- {} #1", "'{}'", "photo\u2028 of {}"]


def asked_by(text: str) -> RunConfig:
    """The config that the command line makes of a printed command."""
    caught: list[RunConfig] = []
    app = typer.Typer()

    @app.command()
    @describing_a_run
    def train(asked: RunConfig) -> None:
        caught.append(asked)

    words = shlex.split(text.replace("\\\n", " "))
    assert words[:2] == ["evenkeel", "train"]
    app(args=words[2:], standalone_mode=False)
    return caught[0]


def other_values(knob: dict, draw: random.Random) -> list:
    """Values of a knob next to its default."""
    if knob["choices"]:
        values = knob["choices"]
    elif knob["type"] == "bool":
        values = [True, False]
    elif knob["type"] in ("int", "float"):
        low = knob["minimum"] or 0
        high = min(10.0, knob["maximum"] or 10.0)
        values = [draw.uniform(low, high), low + (high - low) * 1e-5, (low + high) / 2]
        values = [math.ceil(v) + 1 for v in values] if knob["type"] == "int" else values
    elif knob["items"] == "float":
        values = [[0.0, draw.random(), 1.0], [0.5]]
    elif knob["items"] == "str":
        values = [draw.sample(ODD, 4), *([[name] for name in ODD])]
    else:
        values = ["runs/it's #1: off", "off"]
    return [*values, None] if knob["optional"] else list(values)


@pytest.mark.parametrize("method", [m["name"] for m in CATALOGUE["methods"]])
def test_the_command_the_yaml_and_the_python_of_any_run_are_that_run(method, tmp_path):
    draw, file = random.Random(method), tmp_path / "run.yaml"
    knobs = all_knobs(CATALOGUE, method)
    flags = {"data", "method", "model", "templates", "params", "preset"}
    for field, knob in knobs.items():
        for value in other_values(knob, draw):
            name = field.removeprefix("params.")
            config = {"data": "/data/it's #1", "method": method}
            config |= {"params": {name: value}} if field != name else {name: value}
            if name not in flags and value is not None:
                config["templates"] = ODD_TEMPLATES
            try:
                expected = RunConfig.parse(config, "run")
                whole = complete(expected)
            except UserError:  # refused by itself, whatever the spelling
                continue
            if field == name and value is None:  # a flag that is not given
                config.pop(name)
            file.write_text(document(config), "utf-8")
            from_file = build_config(config["data"], file)
            for again in (asked_by(command(config)), from_file):
                assert complete(again) == whole, (field, value)
            scope: dict = {}
            source = dict(codes(config))["Python"].split("for event")[0]
            exec(source.replace("from core.run.pipeline import run\n", ""), scope)
            assert complete(scope["config"]) == whole, (field, value)


@pytest.mark.parametrize("method", [m["name"] for m in CATALOGUE["methods"]])
def test_the_form_keeps_what_a_run_asked_for(method):
    draw = random.Random(method)
    for field, knob in all_knobs(CATALOGUE, method).items():
        for value in other_values(knob, draw):
            name = field.removeprefix("params.")
            config = {"data": "/d", "method": method}
            config |= {"params": {name: value}} if field != name else {name: value}
            try:
                ran = complete(RunConfig.parse(config, "run"))
            except UserError:
                continue
            kept = ran.model_dump(mode="json")  # spells out what a preset means
            again = config_of("/d", draft_of(kept, CATALOGUE), CATALOGUE)
            whole = ran.model_copy(update={"preset": "default"})
            assert complete(RunConfig.parse(again, "run")) == whole, (field, value)


def test_unseen_classes_are_typed_with_commas_and_said_one_by_one():
    draft = {**DRAFT, "fields": {"unseen": "red_fox, snow owl"}}
    config = config_of("/d", draft, CATALOGUE)
    assert config["unseen"] == ["red_fox", "snow owl"]
    text = command(config)
    assert "--unseen red_fox" in text
    assert "--unseen 'snow owl'" in text
    asked = build_config("/d", unseen=config["unseen"])
    assert asked.unseen == RunConfig.parse(config, "run").unseen == ("red_fox", "snow owl")


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        (["a photo of a {}.", "art of the {}."], ("a photo of a {}.", "art of the {}.")),
        (["an 'odd' {}"], "an 'odd' {}"),
        ("tip-7", "tip-7"),
    ],
)
def test_own_prompts_are_the_same_run_as_command_as_yaml_and_duplicated(tmp_path, written, asked):
    config = config_of("/d", {**DRAFT, "templates": written, "fields": {}}, CATALOGUE)
    words = shlex.split(command(config).replace("\\\n", " "))
    given = [value for flag, value in pairwise(words) if flag == "--templates"]
    file = tmp_path / "run.yaml"
    file.write_text(document(config), "utf-8")
    for one in (
        build_config("/d", templates=given, method="fd-align"),
        build_config("/d", file),
    ):
        assert one.templates == asked
    kept = RunConfig.parse(config, "run").model_dump(mode="json")
    assert config_of("/d", draft_of(kept, CATALOGUE), CATALOGUE)["templates"] == (
        list(asked) if isinstance(asked, tuple) else asked
    )


def test_yaml_and_python_give_the_same_config():
    assert yaml.safe_load(document(CONFIG)) == CONFIG
    source = dict(codes(CONFIG))["Python"].split("for event")[0]
    scope: dict = {}
    exec(source.replace("from core.run.pipeline import run\n", ""), scope)
    assert scope["config"] == RunConfig.parse(CONFIG, "run")


def test_a_wrong_value_stays_as_typed_so_that_the_check_answers():
    draft = {**DRAFT, "fields": {"shots": "many"}}
    assert config_of("/d", draft, CATALOGUE)["shots"] == "many"


def test_a_run_duplicates_into_a_form_that_gives_it_again():
    config = RunConfig.parse(CONFIG, "run").model_dump(mode="json")
    again = config_of(CONFIG["data"], draft_of(config, CATALOGUE), CATALOGUE)
    assert RunConfig.parse(again, "run") == RunConfig.parse(CONFIG, "run")


@pytest.mark.parametrize("method", [m["name"] for m in CATALOGUE["methods"]])
def test_every_knob_of_every_method_is_in_the_form(method):
    form = knob_form(CATALOGUE, method, {})
    for field in all_knobs(CATALOGUE, method):
        assert f'name="{field}"' in form, field


def test_an_unknown_type_becomes_a_text_field():
    class Odd(Params):
        strange: complex = 1j
        """Nobody has seen this."""

    view = knob_view(Odd.knobs()[0], "params.strange", {})
    assert view["kind"] == "text"
    assert view["help"] == "Nobody has seen this."


def test_what_was_typed_is_escaped_in_the_form():
    assert NASTY not in knob_form(CATALOGUE, "ft", {"shots": f'"{NASTY}'})
