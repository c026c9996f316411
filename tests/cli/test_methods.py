"""Every method through the same two doors, told apart by its name alone."""

import json

import pytest

from core.methods import METHODS

SHORT = {"epochs": 1, "batch_size": 4, "views": 1, "beta_steps": 4, "gamma_steps": 2}


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """Text features are computed once for all methods."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_trains_from_the_command_line_and_is_queued_with_the_same_config(
    name, evenkeel, tiny_model, tiny_data, tmp_path, shared_home, monkeypatch
):
    monkeypatch.setenv("EVENKEEL_HOME", str(shared_home))
    knobs = [f"--set={k}={v}" for k, v in SHORT.items() if k in METHODS[name].Params.model_fields]
    asked = [tiny_data, "--model", tiny_model, "--method", name, "--shots", 2, *knobs]
    asked += ["--alphas", "0,1", "--evaluations", 0, "--device", "cpu", "--json"]
    record = evenkeel("train", *asked, "--out", tmp_path / "run").json
    assert record["status"] == "done"
    assert record["config"]["method"] == name
    assert set(record["evaluations"]["fine-tuned"]["domains"]) > {"test", "ood/night"}
    job = evenkeel("submit", *asked).json
    assert job["config"] == json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))
