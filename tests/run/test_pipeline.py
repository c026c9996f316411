"""A whole run on a tiny real model: the written files, their contents, and opening it again."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.data.ingest import open_dataset
from core.errors import UserError
from core.evaluation.drift import random_text_moment
from core.events import Evaluated, Recommended, Stage, Step
from core.results.calibration import calibration_error, reliability
from core.results.predictions import Predictions
from core.results.records import Drift, Mixing, RunConfig, RunRecord
from core.results.runs import RunFolder
from core.run import ending
from core.run.asked import complete
from core.run.finished import FinishedRun
from core.run.pipeline import run
from core.run.zero_shot import measure_zero_shot


def config_of(tiny_model, tiny_data, **more) -> RunConfig:
    params = {"epochs": 3, "batch_size": 5, "lr": 2e-3, **more.pop("params", {})}
    return RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        device="cpu",
        precision="fp32",
        **{"method": "fd-align", "shots": 4, "evaluations": 3, **more, "params": params},
    )


def finish(steps):
    """(record, events)"""
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return stop.value, events


@pytest.fixture(scope="module")
def done(tiny_model, tiny_data, tmp_path_factory):
    """(folder, record, events, cache) of one finished FD-Align run."""
    folder, cache = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("cache")
    record, events = finish(run(config_of(tiny_model, tiny_data), folder, cache))
    return folder, record, events, cache


def test_the_ends_of_the_frontier_are_the_evaluations_exactly(done):
    _, record, _, _ = done
    for alpha, label in ((0, "zero-shot"), (-1, "fine-tuned")):
        scores = record.evaluations[label].domains
        assert record.wise[alpha].domains == {n: score.accuracy for n, score in scores.items()}
        assert record.wise[alpha].id == record.evaluations[label].id
    assert [point.alpha for point in record.wise] == [round(i / 20, 2) for i in range(21)]


def test_mixing_again_at_the_ends_measures_the_same_as_the_run_did(done):
    folder, record, _, cache = done
    finished = FinishedRun(folder, cache, "cpu")
    assert finished.measure(Mixing.wise(0.0)) == record.evaluations["zero-shot"]
    assert finished.measure(Mixing.wise(1.0)) == record.evaluations["fine-tuned"]
    middle = next(point for point in record.wise if point.alpha == 0.5)
    assert finished.measure(Mixing.wise(0.5)).id == middle.id


def test_the_record_is_written_as_the_contract_says(done):
    folder, record, _, _ = done
    payload = json.loads((folder / "record.json").read_text())
    assert payload["schema"] == 1
    assert payload["status"] == "done"
    assert payload["config"]["params"]["spurious_weight"] == 20  # spelled out
    assert payload["evaluations"]["zero-shot"]["domains"].keys() == {
        "val",
        "test",
        "ood/grey",
        "ood/night",
    }
    assert payload["selection"].keys() == {"checkpoint", "alpha", "alpha_chosen_on"}
    assert payload["timing"]["train_seconds"] > 0
    assert payload["timing"]["images_per_second"] > 0
    assert payload["timing"]["steps"] == 3 * 3
    assert RunRecord.read(folder / "record.json") == record
    for name in record.files.values():
        assert (folder / name).exists()


def test_the_predictions_add_up_to_the_record(done, tiny_data):
    folder, record, _, _ = done
    assert record.files["predictions"] == "predictions.safetensors"
    predictions = Predictions.read(folder / "predictions.safetensors")
    assert list(predictions.classes) == record.classes
    for end, evaluation in record.evaluations.items():
        assert predictions.domains.keys() == evaluation.domains.keys()
        for name, score in evaluation.domains.items():
            domain = predictions.domains[name]
            assert (len(domain.labels), int(domain.hits(end).sum())) == (score.n, score.correct)
            bins = reliability(domain.answers[end].confidence, domain.hits(end))
            assert calibration_error(bins) == pytest.approx(score.ece, abs=1e-6)
    images = {sha256(path.read_bytes()).hexdigest() for path in tiny_data.glob("ood/grey/*/*")}
    assert {bytes(row).hex() for row in predictions.domains["ood/grey"].sha256} == images


def test_the_recommended_evaluation_is_of_exactly_what_is_recommended(done):
    folder, record, events, cache = done
    assert record.mixing.kind == "steady"
    finished = FinishedRun(folder, cache, "cpu")
    again = finished.measure(record.mixing)
    for name, score in record.evaluations["recommended"].domains.items():
        assert again.domains[name].correct == score.correct
        assert again.domains[name].nll == pytest.approx(score.nll, abs=1e-6)
    said = next(event for event in events if isinstance(event, Recommended))
    assert said.mixing == record.mixing
    assert said.domains == record.evaluations["recommended"].domains
    assert said.changes == record.changes["recommended"]


def test_the_verdict_comes_before_the_rest_of_the_frontier(done):
    _, _, events, _ = done
    kinds = ["alpha" if getattr(e, "label", "") == "alpha" else e.kind for e in events]
    assert kinds.index("recommended") < kinds.index("alpha")


def test_the_changes_are_counted_on_the_same_images(done):
    folder, record, _, _ = done
    predictions = Predictions.read(folder / "predictions.safetensors")
    assert record.changes.keys() == {"recommended", "fine-tuned"}
    for end, by_domain in record.changes.items():
        assert by_domain.keys() == {"test", "ood/grey", "ood/night"}
        for name, change in by_domain.items():
            before = predictions.domains[name].hits("zero-shot")
            after = predictions.domains[name].hits(end)
            assert (change.gained, change.lost) == (
                int((after & ~before).sum()),
                int((before & ~after).sum()),
            )


def test_a_run_without_its_data_stays_steady(done, tmp_path):
    folder, record, _, cache = done
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    payload = json.loads((moved / "record.json").read_text())
    payload["config"]["data"] = str(tmp_path / "gone")
    (moved / "record.json").write_text(json.dumps(payload))
    photo = next(Path(record.config["data"]).glob("ood/night/*/*"))
    for opened in (FinishedRun(folder, cache, "cpu"), FinishedRun(moved, cache, "cpu")):
        [row] = opened.predict([photo], record.mixing)
        assert 0 <= row.familiarity <= 1
        assert row.tuned_share == pytest.approx(
            row.familiarity + (1 - row.familiarity) * record.steady.unfamiliar
        )


def test_the_record_says_how_far_every_domain_drifted(done):
    folder, record, _, cache = done
    finished = FinishedRun(folder, cache, "cpu")
    items = finished.task.ood["ood/grey"]
    before, after = (
        finished.clip.features_of(classifier, finished.task.root, items).double()
        for classifier in (finished.zero_shot, finished.tuned)
    )
    drift = record.drift["ood/grey"]
    assert drift.distortion == pytest.approx(float((after - before).norm(dim=1).mean()), rel=1e-4)
    moved = (after - before) @ random_text_moment(finished.clip) * (after - before)
    expected = finished.clip.logit_scale**2 * float(moved.sum(1).mean())
    assert drift.energy_gap == pytest.approx(expected, rel=1e-4)
    assert record.drift.keys() == record.evaluations["fine-tuned"].domains.keys()


def test_a_shared_tower_has_not_drifted_and_nothing_is_computed(
    tiny_model, tiny_data, tmp_path, monkeypatch
):
    monkeypatch.setattr(ending, "text_moment_along", lambda *_: pytest.fail("computed"))
    asked = config_of(tiny_model, tiny_data, method="zero-shot")
    record, _ = finish(run(asked.model_copy(update={"params": {}}), tmp_path, None))
    assert set(record.drift) == set(record.evaluations["zero-shot"].domains)
    assert all(one == Drift(energy_gap=0, distortion=0) for one in record.drift.values())


def test_a_text_tower_that_reads_no_random_tokens_costs_the_energy_gap_and_not_the_run(
    tiny_model, tiny_data, tmp_path, monkeypatch
):
    def refuse(clip):
        raise UserError("random texts: not with this tower.")

    monkeypatch.setattr(ending, "text_moment_along", refuse)
    asked = config_of(tiny_model, tiny_data, method="ft", params={"epochs": 1}, alphas=(0, 1))
    record, events = finish(run(asked, tmp_path, None))
    assert record.drift["test"].energy_gap is None
    assert record.drift["test"].distortion > 0
    said = [getattr(event, "message", "") for event in events]
    assert "The energy gap is left out. random texts: not with this tower." in said


def test_a_run_says_its_phases_in_order_and_measures_as_often_as_asked(done):
    _, _, events, _ = done
    phases = [event.name for event in events if isinstance(event, Stage)]
    assert phases == [
        *("data", "zero-shot", "training", "measuring", "gate", "choosing", "wise"),
        *("drift", "saving", "done"),
    ]
    labels = [event.label for event in events if isinstance(event, Evaluated)]
    assert labels == ["zero-shot", "training", "training", "fine-tuned"] + ["alpha"] * 21
    assert sum(isinstance(event, Step) for event in events) == 3 * 3


def test_the_prototype_plot_has_a_look_for_every_evaluation_and_the_start(done):
    folder, _, _, _ = done
    plot = json.loads((folder / "prototypes.json").read_text())
    assert [look["epoch"] for look in plot["trail"]] == [0, 1, 2, 3]
    assert len(plot["templates"]) == 80
    assert sum(template["kept"] for template in plot["templates"]) == 60
    assert len(plot["centres"]) == 20
    start, end = plot["trail"][0]["points"], plot["trail"][-1]["points"]
    assert len(start) == 12
    assert start != end


def test_the_same_config_gives_the_same_weights_with_and_without_a_cache(
    done, tiny_model, tiny_data, tmp_path
):
    folder, _, _, cache = done
    for name, again in (("warm", cache), ("none", None)):
        finish(run(config_of(tiny_model, tiny_data), tmp_path / name, again))
        first = load_file(folder / "classifier.safetensors")
        second = load_file(tmp_path / name / "classifier.safetensors")
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_another_seed_gives_other_weights(done, tiny_model, tiny_data, tmp_path):
    folder, _, _, cache = done
    finish(run(config_of(tiny_model, tiny_data, seed=1), tmp_path / "run", cache))
    first = load_file(folder / "classifier.safetensors")
    second = load_file(tmp_path / "run" / "classifier.safetensors")
    assert any(not torch.equal(first[key], second[key]) for key in first)


def test_a_second_run_reads_the_frozen_features_of_the_first(
    done, tiny_model, tiny_data, tmp_path, monkeypatch
):
    from core.training.frozen import FrozenViews

    _, _, _, cache = done
    monkeypatch.setattr(FrozenViews, "_compute", lambda *_: pytest.fail("computed again"))
    finish(run(config_of(tiny_model, tiny_data), tmp_path / "run", cache))


def test_a_cancelled_run_leaves_no_record(tiny_model, tiny_data, tmp_path):
    steps = run(config_of(tiny_model, tiny_data), tmp_path, None)
    for event in steps:
        if isinstance(event, Step):
            break
    steps.close()
    with pytest.raises(UserError, match="not a finished run"):
        RunFolder(tmp_path).record()


def test_a_finished_run_is_not_overwritten(done, tiny_model, tiny_data):
    folder, _, _, _ = done
    with pytest.raises(UserError, match="already holds a finished run"):
        next(run(config_of(tiny_model, tiny_data), folder, None))


def test_predictions_are_sorted_and_sum_to_one_over_all_classes(done, tiny_data):
    folder, record, _, cache = done
    images = sorted((tiny_data / "test" / "otter").glob("*.png"))[:2]
    rows = FinishedRun(folder, cache, "cpu").predict(images, Mixing.wise(0.5))
    assert [row.image for row in rows] == [str(image) for image in images]
    for row in rows:
        probabilities = [entry.probability for entry in row.top]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1, abs=1e-4)
        assert {entry.folder for entry in row.top} == set(record.classes)


def test_the_export_at_alpha_is_the_mix_and_not_an_end(done, tmp_path):
    import open_clip

    folder, _, _, cache = done
    finished = FinishedRun(folder, cache, "cpu")
    exported = finished.export("open_clip", Mixing.wise(0.3), tmp_path / "out")
    assert exported.verified, exported.check
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{exported.folder}")
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        theirs = model.eval().encode_image(images, normalize=True)
        torch.testing.assert_close(theirs, finished.at(0.3).features(images))
        assert not torch.allclose(theirs, finished.at(1.0).features(images), atol=1e-4)
    card = json.loads((exported.folder / "evenkeel.json").read_text())
    assert card["alpha"] == 0.3


def test_what_does_not_fit_any_more_is_said(done, tiny_model, tiny_data, tmp_path):
    folder, _, _, cache = done
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    payload = json.loads((moved / "record.json").read_text())

    payload["config"]["data"] = str(tmp_path / "gone")
    (moved / "record.json").write_text(json.dumps(payload))
    with pytest.raises(UserError, match="does not exist any more"):
        FinishedRun(moved, cache, "cpu").measure(Mixing.wise(0.5))

    payload["environment"]["model_fingerprint"] = "0" * 64
    (moved / "record.json").write_text(json.dumps(payload))
    with pytest.raises(UserError, match="other weights now"):
        FinishedRun(moved, cache, "cpu")

    payload["schema"] = 99
    (moved / "record.json").write_text(json.dumps(payload))
    with pytest.raises(UserError, match="Upgrade Evenkeel"):
        FinishedRun(moved, cache, "cpu")


def test_a_preset_fills_what_is_not_named_and_completing_twice_changes_nothing():
    asked = RunConfig(data="x", method="fd-align", preset="paper", params={"epochs": 3})
    config = complete(asked)
    assert (config.params["epochs"], config.params["optimizer"]) == (3, "sgd")
    assert complete(config) == config
    assert complete(RunConfig(data="x", method="fd-align")).params["optimizer"] == "adamw"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"method": "fdalign"}, "Did you mean 'fd-align'"),
        ({"params": {"epoch": 3}}, "unknown setting: there is no 'epoch'. Did you mean 'epochs'"),
        ({"params": {"lr": -1}}, "lr must be greater than 0, got -1"),
        (
            {"method": "fd-align", "params": {"direction": "up"}},
            "direction must be 'code' or 'paper', got 'up'",
        ),
    ],
)
def test_a_wrong_config_is_told_what_it_must_be(wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        complete(RunConfig(data="x", **wrong))


def test_best_keeps_the_epoch_with_the_best_validation_accuracy(tiny_model, tiny_data, tmp_path):
    asked = config_of(tiny_model, tiny_data, method="ft", params={"keep": "best", "epochs": 4})
    record, events = finish(run(asked, tmp_path, None))
    looked = [e.domains["val"].accuracy for e in events if isinstance(e, Evaluated) and e.step]
    assert record.selection.checkpoint == "best"
    assert record.evaluations["fine-tuned"].domains["val"].accuracy >= max(looked[:-1], default=0)


@pytest.fixture(scope="module")
def both_towers(tiny_model, tiny_data, tmp_path_factory):
    """(folder, record) of a FLYP run that never saw an otter."""
    folder = tmp_path_factory.mktemp("flyp")
    asked = config_of(tiny_model, tiny_data, method="flyp", unseen=("otter",), alphas=(0.5,))
    record, _ = finish(run(asked, folder, None))
    return folder, record


def test_a_run_that_tunes_the_text_tower_opens_mixes_and_exports_like_any_other(
    both_towers, tmp_path
):
    folder, record = both_towers
    finished = FinishedRun(folder, None, "cpu")
    assert finished.measure(Mixing.wise(0.0)) == record.evaluations["zero-shot"]
    assert finished.measure(Mixing.wise(1.0)) == record.evaluations["fine-tuned"]
    assert finished.measure(Mixing.wise(0.5)).id == record.wise[1].id
    exported = finished.export("open_clip", Mixing.wise(0.5), tmp_path / "out")
    assert exported.verified, exported.check


def test_the_record_splits_the_test_accuracy_by_seen_and_unseen_classes(both_towers):
    _, record = both_towers
    assert record.config["unseen"] == ["otter"]
    assert record.generalised.keys() == {"zero-shot", "recommended", "fine-tuned"}
    for label, found in record.generalised.items():
        counts = record.evaluations[label].domains["test"].per_class
        assert found.macro.unseen == pytest.approx(counts["otter"][0] / counts["otter"][1])
        seen = [c / n for name, (c, n) in counts.items() if name != "otter"]
        assert found.macro.seen == pytest.approx(sum(seen) / 2)


def test_zero_shot_of_a_data_set_counts_every_image_once(tiny_model, tiny_data):
    answer = measure_zero_shot(open_dataset(tiny_data), str(tiny_model), "openai-80")
    assert answer.folders == ["otter", "red_fox", "snow owl"]
    assert answer.classes == ["otter", "red fox", "snow owl"]
    assert {name: score.n for name, score in answer.evaluation.domains.items()} == {
        "train": 18,
        "val": 9,
        "test": 15,
        "ood/grey": 12,
        "ood/night": 12,
    }
    assert all(n == 14 for _, n in answer.id_per_class.values())
