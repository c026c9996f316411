"""Combined runs: a folder like any other, which says what it was chosen on."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from core.errors import UserError
from core.events import Stage, Warned
from core.results.records import CombinedConfig, Mixing, RunConfig, RunRecord
from core.results.runs import RunFolder
from core.run.asked import complete_combination as ask
from core.run.combine import combine
from core.run.finished import FinishedRun
from core.run.pipeline import run


def finish(steps):
    """(record, events)"""
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return stop.value, events


def trained(tiny_model, tiny_data, folder, **more):
    params = {"epochs": 2, "batch_size": 5, "lr": 2e-3, **more.pop("params", {})}
    config = RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        device="cpu",
        precision="fp32",
        **{
            "method": "ft",
            "shots": 4,
            "evaluations": 1,
            "alphas": (0.5,),
            **more,
            "params": params,
        },
    )
    finish(run(config, folder))
    return folder


def test_a_combination_of_a_run_with_leaks_says_so(pool, tmp_path):
    shutil.copytree(pool[0], tmp_path / "leaky")
    path = tmp_path / "leaky" / "record.json"
    kept = json.loads(path.read_text("utf-8"))
    note = "Leaks were allowed: 1 image is in both training and test data (a = b)."
    kept["data"]["notes"] = [note]
    path.write_text(json.dumps(kept))
    record, *_ = combined("uniform-soup", [pool[1], tmp_path / "leaky"], tmp_path / "soup")
    assert note in record.data["notes"]
    clean, *_ = combined("uniform-soup", pool[:2], tmp_path / "clean")
    assert note not in clean.data["notes"]


@pytest.fixture(scope="module")
def pool(tiny_model, tiny_data, tmp_path_factory):
    """Three FT runs from one start; the last has other shots."""
    root = tmp_path_factory.mktemp("pool")
    return [
        trained(tiny_model, tiny_data, root / "low", params={"lr": 1e-3}),
        trained(tiny_model, tiny_data, root / "high", params={"lr": 5e-3}),
        trained(tiny_model, tiny_data, root / "seed", seed=1),
    ]


def combined(method, runs, out, alphas=(0.0, 0.5, 1.0), **params):
    """(record, events, folder)"""
    record, events = finish(combine(ask(method, runs, params, alphas, "cpu"), out))
    return record, events, out


@pytest.fixture(scope="module")
def soup(pool, tmp_path_factory):
    return combined("uniform-soup", pool, tmp_path_factory.mktemp("soup"))


@pytest.fixture(scope="module")
def ensemble(pool, tmp_path_factory):
    out = tmp_path_factory.mktemp("ensemble")
    return combined("greedy-ensemble", pool, out, accept="not-lower")


def test_a_soup_is_a_run_whose_weights_are_the_mean_of_its_members(soup, pool):
    _, _, folder = soup
    states = [load_file(member / "classifier.safetensors") for member in pool]
    mixed = load_file(folder / "classifier.safetensors")
    weights = [name for name, tensor in mixed.items() if tensor.is_floating_point()]
    assert len(weights) >= 20
    for name in weights:
        mean = torch.stack([state[name].double() for state in states]).mean(0)
        torch.testing.assert_close(mixed[name].double(), mean, rtol=1e-5, atol=1e-6)


def test_the_record_names_the_members_and_what_was_chosen_on(soup, pool):
    record, events, folder = soup
    assert record == RunRecord.read(folder / "record.json")
    assert record.config["method"] == "uniform-soup"
    assert record.config["members"] == [str(member) for member in pool]
    assert [m.run_id for m in record.combined.members] == ["low", "high", "seed"]
    assert [m.share for m in record.combined.members] == [1 / 3] * 3
    assert record.combined.chosen_on == "nothing"
    assert (record.selection.alpha, record.selection.alpha_chosen_on) == (1.0, "fixed")
    assert [point.alpha for point in record.wise] == [0.0, 0.5, 1.0]
    assert record.drift["test"].distortion > 0
    assert all((folder / name).exists() for name in record.files.values())
    phases = [event.name for event in events if isinstance(event, Stage)]
    assert phases == [
        *("data", "zero-shot", "training", "measuring", "gate"),
        *("choosing", "wise", "drift", "saving", "done"),
    ]
    assert isinstance(RunFolder(folder).config(), CombinedConfig)


def test_a_combination_is_opened_measured_and_exported_as_any_run(soup, tmp_path):
    record, _, folder = soup
    finished = FinishedRun(folder, None, "cpu")
    assert finished.measure(Mixing.wise(0.0)) == record.evaluations["zero-shot"]
    assert finished.measure(Mixing.wise(1.0)) == record.evaluations["fine-tuned"]
    assert finished.measure(Mixing.wise(0.5)).id == record.wise[1].id
    assert finished.export("open_clip", Mixing.wise(1.0), tmp_path / "out").verified


def test_an_ensemble_is_opened_and_measured_at_its_two_ends(ensemble, tiny_data):
    record, _, folder = ensemble
    kept = [m for m in record.combined.members if m.share]
    assert 2 <= len(kept) <= 4
    assert [point.alpha for point in record.wise] == [0.0, 1.0]
    assert record.drift == {}
    assert "predictions" in record.files
    finished = FinishedRun(folder, None, "cpu")
    assert finished.measure(Mixing.wise(1.0)) == record.evaluations["fine-tuned"]
    assert finished.measure(Mixing.wise(0.0)) == record.evaluations["zero-shot"]
    assert [point.alpha for point in finished.frontier([0.0, 1.0])] == [0.0, 1.0]
    image = sorted((tiny_data / "test" / "otter").glob("*.png"))[0]
    [row] = finished.predict([image], Mixing.wise(1.0))
    assert sum(entry.probability for entry in row.top) == pytest.approx(1, abs=1e-4)


def test_an_ensemble_says_why_it_is_neither_mixed_nor_exported(ensemble, tmp_path):
    _, _, folder = ensemble
    finished = FinishedRun(folder, None, "cpu")
    with pytest.raises(UserError, match="no common weights to mix"):
        finished.measure(Mixing.wise(0.5))
    with pytest.raises(UserError, match="ensemble of several encoders, and this needs one"):
        finished.export("open_clip", Mixing.wise(1.0), tmp_path / "out")
    assert finished.export("open_clip", Mixing.wise(0.0), tmp_path / "zero").verified


def test_an_ensemble_cannot_be_a_member(ensemble, pool, tmp_path):
    _, _, folder = ensemble
    with pytest.raises(UserError, match="is an ensemble, which has no weights of its own"):
        combined("uniform-soup", [pool[0], folder], tmp_path / "out")


def test_vrf_is_a_run_with_two_ends_that_says_why_it_has_no_more(pool, tmp_path, tiny_data):
    record, _, folder = combined("vrf", pool[:1], tmp_path / "vrf")
    assert (record.combined.chosen_on, record.selection.alpha_chosen_on) == ("val", "fixed")
    assert {"failures", "neighbours", "a", "b"} <= record.combined.facts.keys()
    assert [point.alpha for point in record.wise] == [0.0, 1.0]
    assert record.steady is None
    assert "already weights" in record.why_not_steady
    finished = FinishedRun(folder, None, "cpu")
    for end, name in ((0.0, "zero-shot"), (1.0, "fine-tuned")):
        assert finished.measure(Mixing.wise(end)) == record.evaluations[name]
    image = sorted((tiny_data / "test" / "otter").glob("*.png"))[0]
    [row] = finished.predict([image], Mixing.wise(1.0))
    assert sum(entry.probability for entry in row.top) == pytest.approx(1, abs=1e-4)
    with pytest.raises(UserError, match="no common weights to mix"):
        finished.measure(Mixing.wise(0.5))
    with pytest.raises(UserError, match="made by VRF, which uses zero-shot's encoder and a run's"):
        finished.export("open_clip", Mixing.wise(1.0), tmp_path / "out")
    with pytest.raises(UserError, match="made by VRF and has no single set of weights"):
        combined("uniform-soup", [pool[1], folder], tmp_path / "soup")


def test_greedy_and_wise_are_chosen_on_validation_and_say_so(pool, tmp_path):
    greedy, _, _ = combined("greedy-soup", pool, tmp_path / "greedy")
    assert greedy.combined.chosen_on == "val"
    assert greedy.selection.checkpoint == "combined on val"
    wise, _, _ = combined("wise", pool[:1], tmp_path / "wise", points=3)
    assert wise.combined.facts["alpha"] in (0.0, 0.5, 1.0)
    ends = RunFolder(pool[0]).record()
    at = next(p for p in ends.wise if p.alpha == wise.combined.facts["alpha"])
    assert wise.evaluations["fine-tuned"].id == at.id


def test_an_oracle_is_written_into_the_selection_and_stays_in_what_is_made_of_it(pool, tmp_path):
    record, events, folder = combined(
        "wise", pool[:1], tmp_path / "o", points=3, choose_on="oracle"
    )
    assert record.selection.alpha_chosen_on == "oracle"
    assert record.selection.checkpoint == "combined on oracle"
    assert any("not honest" in e.message for e in events if isinstance(e, Warned))
    again, _, _ = combined("uniform-soup", [folder, pool[1]], tmp_path / "again")
    assert again.selection.alpha_chosen_on == "oracle"


def test_choosing_again_on_the_images_that_tpgm_was_fitted_to_is_said(pool, tmp_path):
    record, _, folder = combined("tpgm", pool[:1], tmp_path / "tpgm", steps=3)
    assert (record.selection.alpha, record.selection.alpha_chosen_on) == (1.0, "fixed")
    again, events, _ = combined("wise", [folder], tmp_path / "again", points=3)
    said = [event.message for event in events if isinstance(event, Warned)]
    assert any("was already combined on validation images (by tpgm)" in line for line in said)
    assert any("optimistic" in note for note in again.data["notes"])


def test_the_same_combination_gives_the_same_weights(pool, tmp_path):
    for name in ("one", "two"):
        combined("tpgm", pool[:1], tmp_path / name, steps=4)
    first, second = (load_file(tmp_path / n / "classifier.safetensors") for n in ("one", "two"))
    assert all(torch.equal(first[key], second[key]) for key in first)


def changed(folder, place, **changes):
    """A copy of a run whose record says something else."""
    shutil.copytree(folder, place)
    payload = json.loads((place / "record.json").read_text())
    for path, value in changes.items():
        target = payload
        *parents, last = path.split("__")
        for parent in parents:
            target = target[parent]
        target[last] = value
    (place / "record.json").write_text(json.dumps(payload))
    return place


def test_runs_that_do_not_fit_are_told_why(pool, tmp_path):
    other = changed(pool[0], tmp_path / "model", environment__model_fingerprint="0" * 64)
    with pytest.raises(UserError, match="started from another model than low"):
        ask("uniform-soup", [pool[0], other], {})
    other = changed(pool[0], tmp_path / "classes", classes=["a", "b"])
    with pytest.raises(UserError, match=r"has other classes than low \(a, b and otter"):
        ask("uniform-soup", [pool[0], other], {})
    with pytest.raises(UserError, match="named twice"):
        ask("uniform-soup", [pool[0], pool[0]], {})
    with pytest.raises(UserError, match="not a finished run"):
        ask("uniform-soup", [pool[0], tmp_path], {})
    with pytest.raises(UserError, match="takes 1 run, got 3"):
        ask("tpgm", pool, {})
    with pytest.raises(UserError, match="Did you mean 'accept'"):
        ask("greedy-soup", pool, {"acept": "higher"})


def test_a_cancelled_combination_leaves_no_record(pool, tmp_path):
    steps = combine(ask("uniform-soup", pool, {}, (), "cpu"), tmp_path)
    next(steps)
    steps.close()
    with pytest.raises(UserError, match="not a finished run"):
        RunFolder(tmp_path).record()
