"""What is queued is checked by the library's own rules, and nobody has to answer for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.data.ingest import open_dataset
from core.errors import UserError
from core.results.records import RunConfig
from jobs import checking
from jobs.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SUBMITTED = """
import sys
from studio.cli.app import main
sys.argv = ["evenkeel", "submit", {data!r}, "--method", "fd-align", "--set", "epochs=3"]
try:
    main()
finally:
    print("torch" if "torch" in sys.modules else "no torch")
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, config):
    """A home with one finished run in it, and no process that serves it."""
    from core.run import pipeline

    settings = Settings(home=tmp_path_factory.mktemp("checking") / "home")
    for _ in pipeline.run(config, settings.run_folder("a-run").path, settings.cache):
        pass
    return settings


def check(home, config, **change):
    asked = RunConfig.parse({**config.model_dump(mode="json"), **change}, "run")
    return checking.check(home, asked, None)


def test_the_catalogue_names_every_method_knob_and_model():
    catalogue = checking.catalogue()
    methods = {method["name"]: method for method in catalogue["methods"]}
    assert {"ft", "fd-align"} <= set(methods)
    assert "lr" in {knob["name"] for knob in methods["fd-align"]["knobs"]}
    assert "shots" in {knob["name"] for knob in catalogue["run_knobs"]}
    assert catalogue["models"][0]["name"] == "embedded"
    assert len(catalogue["templates"]["openai-80"]) == 80
    assert catalogue["folds"]["usual"] in catalogue["folds"]["methods"]


def test_a_combination_is_checked_before_it_is_queued(home):
    config = checking.check_combination(home, "wise", ["a-run"])
    assert [Path(member).name for member in config.members] == ["a-run"]
    with pytest.raises(UserError, match="at least 2 runs"):
        checking.check_combination(home, "uniform-soup", ["a-run"])
    with pytest.raises(UserError, match=r"there is no '\.\./runs/a-run'"):
        checking.check_combination(home, "wise", ["../runs/a-run"])


def test_check_spells_out_every_knob(home, config):
    checked = check(home, config)
    assert checked.params["epochs"] == 2
    assert "weight_decay" in checked.params


def test_check_turns_the_id_of_a_run_into_its_folder(home, config):
    checked = check(home, config, method="tip-adapter", params={"backbone": "a-run"})
    assert checked.params["backbone"] == str(home.run_folder("a-run").path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"method": "fdalign"}, "Did you mean 'fd-align'"),
        ({"params": {"lrr": 1}}, "Did you mean 'lr'"),
        ({"params": {"lr": -1}}, "lr must be greater than 0, got -1"),
        ({"shots": 0}, "shots must be greater than or equal to 1, got 0"),
    ],
)
def test_a_mistake_is_the_same_sentence(home, config, change, sentence):
    with pytest.raises(UserError, match=sentence):
        check(home, config, **change)


def test_a_run_that_its_data_set_cannot_give_is_refused(home, config):
    dataset = open_dataset(Path(config.data), home.cache)
    asked = config.model_dump(mode="json")
    assert checking.check_on(home, dataset, asked).shots == config.shots
    with pytest.raises(UserError, match="shots"):
        checking.check_on(home, dataset, {**asked, "shots": 5000, "allow_fewer": False})


def test_submit_queues_without_an_evaluator_and_without_torch(settings, config):
    program = SUBMITTED.format(data=config.data)
    environment = settings.environment()
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, text=True, capture_output=True,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Queued as fd-align-" in done.stdout
    assert done.stdout.endswith("no torch\n")
