"""`combine`, `soup` and `interpolators` from the command line."""

import json

import pytest


@pytest.fixture(scope="session")
def second_run(tmp_path_factory, finished_run):
    """Another run from the same start."""
    from core.results.records import RunConfig
    from core.run import pipeline

    folder = tmp_path_factory.mktemp("runs") / "second"
    config = RunConfig(**json.loads((finished_run / "config.json").read_text("utf-8")))
    knobs = {**config.params, "lr": 5e-3}
    for _ in pipeline.run(config.model_copy(update={"params": knobs}), folder):
        pass
    return folder


def test_a_soup_is_greedy_unless_it_is_uniform(evenkeel, finished_run, second_run, tmp_path):
    runs = (finished_run, second_run, "--device", "cpu", "--alphas", "0,1")
    greedy = evenkeel("soup", *runs, "--out", tmp_path / "greedy", "--json").json
    assert greedy["config"]["method"] == "greedy-soup"
    assert greedy == json.loads((tmp_path / "greedy" / "record.json").read_text("utf-8"))
    uniform = evenkeel("soup", *runs, "--uniform", "--out", tmp_path / "uniform")
    assert uniform.code == 0
    assert "uniform-soup" in uniform.out
    assert "Nothing was chosen." in uniform.out


def test_combine_takes_knobs_and_its_run_is_used_as_any_other(
    evenkeel, finished_run, tiny_data, tmp_path
):
    out = tmp_path / "tpgm"
    record = evenkeel(
        *("combine", "tpgm", finished_run, "--set", "steps=3", "--set", "norm=mars"),
        *("--alphas", "0,1", "--device", "cpu", "--out", out, "--json"),
    ).json
    assert (record["config"]["params"]["steps"], record["config"]["params"]["norm"]) == (3, "mars")
    measured = evenkeel("evaluate", out, tiny_data, "--json").json
    assert measured["evaluation"]["id"] == record["evaluations"]["fine-tuned"]["id"]
    assert len(evenkeel("wise", out, "--json").json) == 2
    image = sorted((tiny_data / "test" / "otter").iterdir())[0]
    assert evenkeel("predict", out, image, "--json").json[0]["alpha"] == 1.0
    assert evenkeel("export", out, "--out", tmp_path / "exported", "--json").json["verified"]


def test_an_ensemble_predicts_and_refuses_to_be_exported(
    evenkeel, finished_run, second_run, tiny_data, tmp_path
):
    out = tmp_path / "ensemble"
    evenkeel(
        *("combine", "greedy-ensemble", finished_run, second_run, "--set", "accept=not-lower"),
        *("--set", "choose_on=oracle", "--device", "cpu", "--out", out),
    )
    record = json.loads((out / "record.json").read_text("utf-8"))
    image = sorted((tiny_data / "test" / "otter").iterdir())[0]
    assert evenkeel("predict", out, image, "--json").code == 0
    if sum(member["share"] > 0 for member in record["combined"]["members"]) > 1:
        refused = evenkeel("export", out, "--out", tmp_path / "exported")
        assert "this needs one" in refused.complaint
    assert record["selection"]["alpha_chosen_on"] == "oracle"


def test_interpolators_are_listed_and_methods_stay_methods(evenkeel):
    listed = {row["name"]: row for row in evenkeel("interpolators", "--json").json}
    assert {"wise", "greedy-soup", "tpgm"} <= set(listed)
    assert "mu" in {knob["name"] for knob in listed["tpgm-c"]["knobs"]}
    assert "arXiv 2303.10720" in evenkeel("interpolators").out
    assert not set(listed) & {row["name"] for row in evenkeel("methods", "--json").json}


def test_without_validation_images_greedy_says_so_in_one_sentence(
    evenkeel, tiny_data, tiny_model, tmp_path
):
    data = tmp_path / "data"
    for domain in ("train", "test"):
        (data / domain).parent.mkdir(exist_ok=True)
        (data / domain).symlink_to(tiny_data / domain)
    for seed in (0, 1):
        evenkeel(
            *("train", data, "--method", "ft", "--model", tiny_model, "--shots", 6),
            *("--seed", seed, "--set", "epochs=1", "--alphas", "0,1", "--evaluations", 1),
            *("--device", "cpu", "--out", tmp_path / f"run-{seed}"),
        )
    runs = (tmp_path / "run-0", tmp_path / "run-1", "--device", "cpu", "--out", tmp_path / "soup")
    assert "Add a val folder" in evenkeel("soup", *runs).complaint
    assert (
        evenkeel("soup", *runs, "--uniform", "--alphas", "0,1", "--json").json["combined"][
            "members"
        ][0]["val"]
        is None
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("combine", "soups", "{run}"), "Did you mean"),
        (("combine", "tpgm", "{run}", "{run}"), "it takes 1 run, got 2"),
        (("soup", "{run}"), "at least 2 runs are needed, got 1"),
        (("soup", "{run}", "nowhere"), "there is no"),
        (("combine", "wise", "{run}", "--set", "alpha=2"), "less than or equal to 1"),
        (("combine", "wise", "{run}", "--set", "beta=2"), "there is no 'beta'"),
    ],
)
def test_a_mistake_gets_one_sentence(arguments, sentence, evenkeel, finished_run, tmp_path, home):
    (home / "runs").mkdir(parents=True)
    given = [text.format(run=finished_run) for text in arguments]
    assert sentence in evenkeel(*given, "--out", tmp_path / "out").complaint
    assert not (tmp_path / "out").exists()
