"""A setting of a run costs one file: options, form, command, YAML and Python are made from it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from core.results.records import RunConfig
from core.run.asked import complete
from core.spelling import flag, spelled
from jobs.checking import catalogue
from studio.cli.options import build_config, describing_a_run
from studio.train.knob_form import all_knobs, knob_form
from studio.train.same_run import as_typed, codes, command, config_of, document, draft_of
from tests.studio.test_same_run import asked_by

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = catalogue()
SETTINGS = {setting["name"]: setting for setting in RunConfig.knobs()}
OTHERS = {
    "method": "lp", "model": "ViT-B-32/openai", "templates": ["a {}.", "the {}."],
    "params": {"lr": 0.5}, "unseen": ["red fox", "owl"], "alphas": [0.0, 0.25, 1.0],
    "device": "cuda:1",
}  # fmt: skip
"""Values next to the default of what has no choices, bounds or yes and no."""
APART = ("data", "method", "model", "templates", "params")
"""What has a card, an editor or a place of its own, and is no row of the form."""


def other(name: str) -> Any:
    """A value of the setting that is not its default."""
    setting = SETTINGS[name]
    if name in OTHERS:
        return OTHERS[name]
    if setting["type"] == "bool":
        return not setting["default"]
    if setting["choices"]:
        return next(one for one in setting["choices"] if one != setting["default"])
    return (setting["default"] or 0) + 2


def config_with(name: str) -> dict[str, Any]:
    return {"data": "/data/it's", "method": "ft", name: other(name)}


def help_of_train() -> str:
    app = typer.Typer(rich_markup_mode=None)

    @app.command()
    @describing_a_run
    def train(asked: RunConfig) -> None: ...

    shown = CliRunner().invoke(app, ["--help"], terminal_width=100, color=False).output
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown).split())


def test_every_setting_has_a_docstring():
    assert [name for name, setting in SETTINGS.items() if not setting["help"]] == []


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in ("data", "params")])
def test_every_setting_is_an_option_with_its_docstring_as_help(name):
    shown = help_of_train()
    assert flag(name) in shown
    told = "".join(SETTINGS[name]["help"].split())
    assert told in "".join(shown.split()), "a narrow column breaks words at hyphens"


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in APART])
def test_every_setting_is_in_the_form_and_comes_back_from_it(name):
    assert f'name="{name}"' in knob_form(CATALOGUE, "ft", {})
    assert all_knobs(CATALOGUE, "ft")[name]["help"] == SETTINGS[name]["help"]
    draft = {"method": "ft", "model": "embedded", "templates": "dataset"}
    typed = {**draft, "fields": {name: as_typed(other(name))}}
    assert config_of("/d", typed, CATALOGUE) == {"data": "/d", "method": "ft", name: other(name)}
    if name != "preset":  # which a queued run has filled in
        kept = RunConfig.parse(config_with(name), "run").model_dump(mode="json")
        assert config_of("/data/it's", draft_of(kept, CATALOGUE), CATALOGUE) == config_with(name)


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "data"])
def test_every_setting_is_the_same_run_by_any_way(name, tmp_path):
    config = config_with(name)
    expected = RunConfig.parse(config, "run")
    assert getattr(expected, name) != RunConfig.model_fields[name].get_default(
        call_default_factory=True
    )
    assert complete(asked_by(command(config))) == complete(expected)
    file = tmp_path / "run.yaml"
    file.write_text(document(config), "utf-8")
    assert complete(build_config(config["data"], file)) == complete(expected)
    scope: dict[str, Any] = {}
    source = dict(codes(config))["Python"].split("for event")[0]
    exec(source.replace("from core.run.pipeline import run\n", ""), scope)
    assert scope["config"] == expected
    if name != "params":
        word = f"{name}={spelled(other(name))}"
        assert build_config(config["data"], None, [word]) == expected, "the words of --set"


def test_no_method_has_a_setting_of_that_name():
    of_methods = {knob["name"] for method in CATALOGUE["methods"] for knob in method["knobs"]}
    assert not of_methods & set(SETTINGS), "--set would not know which is meant"


FIELD = '''    patience: Annotated[int | None, Field(ge=1), Sensible(1, 9)] = None
    """Looks without a gain after which training ends. By default it never does."""
'''
PROGRAM = """
import json, sys
from core.results.records import RunConfig
from core.spelling import flag
from studio.cli.options import build_config
from studio.train.knob_form import knob_form
from studio.train.same_run import command, config_of
catalogue = {"methods": [], "run_knobs": RunConfig.knobs()}
draft = {"method": "ft", "model": "embedded", "templates": "dataset", "fields": {"patience": "4"}}
config = config_of("/d", draft, catalogue)
print(json.dumps({
    "config": config, "command": command(config),
    "form": 'name="patience"' in knob_form(catalogue, "ft", {}),
    "set": build_config("/d", None, ["patience=4"]).patience,
    "flag": build_config("/d", patience=4).patience,
}))
"""


def test_a_new_setting_costs_one_file(tmp_path):
    for package in ("core", "jobs", "studio"):
        without = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=without)
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    records = tmp_path / "core" / "results" / "records.py"
    before = records.read_text("utf-8")
    records.write_text(before.replace("    preset: Literal", f"{FIELD}    preset: Literal", 1))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}

    def said(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", *arguments], cwd=tmp_path, env=environment,
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    for verb in ("train", "submit"):
        shown = " ".join(said("-m", "studio", verb, "--help").split())
        assert "--patience" in shown
        assert "Looks without a gain after which training ends." in shown
    found = json.loads(said("-c", PROGRAM))
    assert found["config"] == {"data": "/d", "method": "ft", "patience": 4}
    assert found["command"].endswith("--patience 4")
    assert (found["form"], found["set"], found["flag"]) == (True, 4, 4)
