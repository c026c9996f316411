"""One form, several runs: which they are, and how long they take."""

import pytest

from core.data.dataset import Dataset, Domain, IngestReport, Item
from core.errors import UserError
from core.methods import catalogue as methods
from core.results.estimate import Footprint
from core.results.records import RunConfig
from studio.train.estimates import estimate
from studio.train.several import planned
from studio.workspace.data_store import Opened

CATALOGUE = {"methods": methods(), "run_knobs": RunConfig.knobs()}
FOOTPRINT = Footprint(0.01, 0.03, 1000, 50)


def draft(**fields):
    named = {name.replace("__", "."): value for name, value in fields.items()}
    return {"method": "ft", "model": "embedded", "templates": "dataset", "fields": named}


def test_an_untouched_form_asks_for_one_run():
    assert planned("/d", draft(), CATALOGUE) == [{"data": "/d", "method": "ft"}]


def test_seeds_count_from_the_one_in_the_form():
    runs = planned("/d", draft(seed="4", several__seeds="3"), CATALOGUE)
    assert [run["seed"] for run in runs] == [4, 5, 6]
    runs = planned("/d", draft(several__seeds="3"), CATALOGUE)
    assert [run.get("seed", 0) for run in runs] == [0, 1, 2]


def test_a_sweep_has_a_run_for_each_value_and_seed():
    fields = {"several__knob": "params.lr", "several__values": "1e-5, 3e-5", "several__seeds": "3"}
    runs = planned("/d", draft(**fields), CATALOGUE)
    assert [(run.get("seed", 0), run["params"]["lr"]) for run in runs] == [
        (0, 1e-5), (0, 3e-5), (1, 1e-5), (1, 3e-5), (2, 1e-5), (2, 3e-5)
    ]  # fmt: skip


def test_all_methods_share_shots_and_seed_and_keep_their_own_knobs():
    fields = {"shots": "4", "params__lr": "1e-4", "several__methods": "all"}
    runs = {run["method"]: run for run in planned("/d", draft(**fields), CATALOGUE)}
    assert runs.keys() == {method["name"] for method in CATALOGUE["methods"]}
    assert {run["shots"] for run in runs.values()} == {4}
    assert [name for name, run in runs.items() if "params" in run] == ["ft"], "it is ft's rate"
    quick = [run["method"] for run in planned("/d", draft(several__methods="all"), CATALOGUE)]
    assert quick.index("tip-adapter") < quick.index("fd-align"), "answers in seconds come first"


def test_too_many_and_a_sweep_without_values_are_said():
    fields = {"several__methods": "all", "several__seeds": "5", "several__knob": "shots"}
    with pytest.raises(UserError, match="separated by commas"):
        planned("/d", draft(**fields), CATALOGUE)
    with pytest.raises(UserError, match="at most 100"):
        planned("/d", draft(**fields, several__values="1, 2, 4"), CATALOGUE)


@pytest.mark.parametrize("seed", ["x", "1.5", "[1]"])
def test_a_seed_that_is_no_number_is_left_to_the_check_and_cannot_be_counted_up(seed):
    [one] = planned("/d", draft(seed=seed), CATALOGUE)
    assert one["seed"] != 0
    with pytest.raises(UserError, match="whole number"):
        planned("/d", draft(seed=seed, several__seeds="3"), CATALOGUE)


@pytest.mark.parametrize("seeds", ["1000000000", "-3", "many"])
def test_no_other_number_of_seeds_than_those_of_the_form_is_taken(seeds):
    assert len(planned("/d", draft(several__seeds=seeds), CATALOGUE)) == 1


@pytest.fixture
def dataset(tmp_path):
    """Two classes; 10 and 3 images to learn from, 6 to measure."""
    labels = {"train": [0] * 10 + [1] * 3, "val": [0, 1], "test": [0, 1, 1, 1]}
    domains = tuple(
        Domain(
            name, name, tuple(Item(f"{name}/{i}.png", c, f"{name}{i}") for i, c in enumerate(of))
        )
        for name, of in labels.items()
    )
    found = Dataset(
        root=tmp_path,
        title="two",
        classes=("a", "b"),
        names=("a", "b"),
        templates=(),
        allow_fewer=True,
        domains=domains,
        report=IngestReport(),
    )
    return Opened("two", found, {}, 0)


def seconds(dataset, **fields):
    runs = planned("/d", draft(**fields), CATALOGUE)
    return estimate(runs, CATALOGUE, dataset, FOOTPRINT).seconds


def test_an_estimate_grows_with_epochs_shots_and_runs(dataset):
    one = seconds(dataset, shots="4", params__epochs="10", alphas="0, 1", evaluations="0")
    # 4 + 3 images of shots, 6 measured: 4 s and frozen passes, 10 epochs, 2 mixing weights
    assert one == pytest.approx(4 + 0.01 * 13 + 0.03 * 7 * 10 + 0.01 * 6 * 2)
    more = {"shots": "4", "alphas": "0, 1", "evaluations": "0"}
    assert seconds(dataset, **more, params__epochs="20") == pytest.approx(one + 0.03 * 7 * 10)
    assert seconds(dataset, **more, params__epochs="10", several__seeds="3") == pytest.approx(
        3 * one
    )


def test_a_value_that_is_no_number_has_no_estimate(dataset):
    runs = planned("/d", draft(shots="many"), CATALOGUE)
    assert estimate(runs, CATALOGUE, dataset, FOOTPRINT) is None
