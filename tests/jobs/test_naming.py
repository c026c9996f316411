"""Runs that a knob names, by folder and by id."""

import pytest

from core.errors import UserError
from core.methods import METHODS
from core.results.records import RunConfig
from jobs.naming import with_run_folders

KNOBS = [{"name": "backbone", "type": "run"}, {"name": "note", "type": "str"}]


def asked(**params) -> RunConfig:
    return RunConfig(data="x", params=params)


@pytest.fixture
def finished(settings, tmp_path):
    """The smallest record that reads, as a run of the home and as a folder elsewhere."""
    text = (
        '{"schema": 1, "run_id": "a", "config": {}, "classes": [], "evaluations": {}, "wise": [], '
        '"selection": {"checkpoint": "last", "alpha": 1, "alpha_chosen_on": "val"}, "timing": {}, '
        '"environment": {}, "files": {}}'
    )
    folders = settings.run_folder("a-run").path, tmp_path / "elsewhere"
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "record.json").write_text(text)
    return folders


def test_an_id_and_a_relative_folder_become_absolute_folders(
    settings, finished, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, folder in (("a-run", finished[0]), ("elsewhere", finished[1])):
        config = with_run_folders(asked(backbone=name, note=name), KNOBS, settings)
        assert config.params == {"backbone": str(folder), "note": name}
        assert with_run_folders(config, KNOBS, settings) == config


def test_an_empty_knob_stays_empty(settings):
    assert with_run_folders(asked(backbone=None), KNOBS, settings).params == {"backbone": None}
    assert with_run_folders(asked(), KNOBS, settings).params == {}


def test_a_typo_and_an_unfinished_run_are_told(settings, finished):
    with pytest.raises(UserError, match=r"no 'arun'\. Did you mean 'a-run'"):
        with_run_folders(asked(backbone="arun"), KNOBS, settings)
    settings.run_folder("going").path.mkdir()
    with pytest.raises(UserError, match="not a finished run"):
        with_run_folders(asked(backbone="going"), KNOBS, settings)


def test_knobs_that_name_a_run_say_so_in_the_catalogue():
    naming = {
        name
        for name, method in METHODS.items()
        for knob in method.Params.knobs()
        if knob["type"] == "run"
    }
    assert {"lp", "lp-sgd", "tip-adapter", "tip-adapter-f", "ape", "ape-t"} <= naming
