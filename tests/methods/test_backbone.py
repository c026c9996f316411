"""Cache runs from data to export, alone and on the tower of another run."""

import json
import shutil

import open_clip
import pytest
import torch
from safetensors.torch import load_file

from core.errors import UserError
from core.models import zoo
from core.models.backbone import plug_in
from core.results.records import Mixing, RunConfig
from core.run.finished import FinishedRun
from core.run.pipeline import run
from tests.run.test_pipeline import finish

QUICK = {"views": 2, "alpha_steps": 4, "beta_steps": 5, "epochs": 2, "batch_size": 5}
PLUGGED = ("tip-adapter", "tip-adapter-f", "ape", "ape-t", "lp", "lp-sgd")


def config_of(tiny_model, tiny_data, method, **params) -> RunConfig:
    from core.methods import METHODS

    known = METHODS[method].Params.model_fields
    return RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        device="cpu",
        precision="fp32",
        method=method,
        shots=4,
        evaluations=2,
        alphas=(0.0, 0.5, 1.0),
        params={k: v for k, v in {**QUICK, **params}.items() if k in known},
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def tuned(tiny_model, tiny_data, tmp_path_factory, cache):
    """The folder of an FT run whose tower moved."""
    folder = tmp_path_factory.mktemp("ft")
    finish(run(config_of(tiny_model, tiny_data, "ft", lr=2e-3), folder, cache))
    return folder


def opened_again(folder, record, cache):
    """Both ends are the run's own evaluations exactly."""
    opened = FinishedRun(folder, cache, "cpu")
    assert opened.measure(Mixing.wise(0.0)) == record.evaluations["zero-shot"]
    assert opened.measure(Mixing.wise(1.0)) == record.evaluations["fine-tuned"]
    middle = next(point for point in record.wise if point.alpha == 0.5)
    assert opened.measure(Mixing.wise(0.5)).id == middle.id
    return opened


def exported_of(opened, out):
    """The export, which is verified and says what its head computes."""
    exported = opened.export("open_clip", Mixing.wise(1.0), out)
    assert exported.verified, exported.check
    card = json.loads((exported.folder / "evenkeel.json").read_text())
    assert card["head"] == opened.tuned.head.formula
    return exported


def test_a_tip_adapter_run_is_saved_reopened_and_exported(tiny_model, tiny_data, tmp_path, cache):
    asked = config_of(tiny_model, tiny_data, "tip-adapter")
    record, _ = finish(run(asked, tmp_path / "run", cache))
    opened = opened_again(tmp_path / "run", record, cache)
    exported = exported_of(opened, tmp_path / "out")
    # The tower is CLIP's own, so only the head is kept.
    assert not any(name.startswith("tower.") for name in load_file(opened.folder.weights_path))
    head = load_file(exported.folder / "head.safetensors")
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{exported.folder}")
    images = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        f = model.eval().encode_image(images, normalize=True)
        votes = torch.exp(-head["beta"] * (1 - f @ head["keys"].T)) @ head["values"]
        logits = f @ head["weight"].T + head["alpha"] * votes
        torch.testing.assert_close(logits, opened.at(1.0)(images), atol=1e-4, rtol=1e-4)
    half = opened.at(0.5).head.alpha.item()
    assert half == pytest.approx(opened.tuned.head.alpha.item() / 2)


@pytest.mark.parametrize("method", PLUGGED)
def test_a_head_on_another_runs_tower_opens_again_and_exports_that_tower(
    method, tiny_model, tiny_data, tuned, tmp_path, cache
):
    asked = config_of(tiny_model, tiny_data, method, backbone=str(tuned))
    record, _ = finish(run(asked, tmp_path / "run", cache))
    opened = opened_again(tmp_path / "run", record, cache)
    if method in ("lp", "ape-t"):  # a linear head and a cache: each export starts a process
        exported_of(opened, tmp_path / "out")
    own = load_file(tmp_path / "run" / "classifier.safetensors")
    theirs = load_file(tuned / "classifier.safetensors")
    towers = [name for name in theirs if name.startswith("tower.")]
    assert towers
    assert all(torch.equal(own[name], theirs[name]) for name in towers)
    if method in ("tip-adapter", "tip-adapter-f", "ape"):
        assert torch.equal(own["head.weight"], theirs["zero_shot_prototypes"])


def test_the_keys_on_another_tower_are_that_towers_features(
    tiny_model, tiny_data, tuned, tmp_path, cache
):
    runs = []
    for name, backbone in (("plain", None), ("plugged", str(tuned))):
        asked = config_of(tiny_model, tiny_data, "tip-adapter", backbone=backbone)
        finish(run(asked, tmp_path / name, cache))
        runs.append(load_file(tmp_path / name / "classifier.safetensors"))
    assert not torch.allclose(runs[0]["head.keys"], runs[1]["head.keys"], atol=1e-3)


def test_a_model_with_another_tower_shares_all_else_and_changes_nothing(tiny_model):
    clip = zoo.load(str(tiny_model), device="cpu", precision="fp32")
    before = {name: tensor.clone() for name, tensor in clip.model.state_dict().items()}
    tower = clip.classifier(torch.eye(3, 32)).requires_grad_(False).tower
    for parameter in tower.parameters():
        parameter.add_(0.1)
    other = clip.with_tower(tower)
    assert other.fingerprint != clip.fingerprint
    assert clip.model.visual is not tower
    assert other.model.transformer is clip.model.transformer
    assert all(torch.equal(before[n], t) for n, t in clip.model.state_dict().items())
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert not torch.allclose(other.encode_image(images), clip.encode_image(images))
        assert torch.equal(other.encode_text(["a fox"]), clip.encode_text(["a fox"]))
        assert not torch.allclose(other.frozen.features(images), clip.frozen.features(images))


def test_a_run_whose_tower_is_clips_own_is_no_other_backbone(
    tiny_model, tiny_data, tmp_path, cache
):
    finish(run(config_of(tiny_model, tiny_data, "lp"), tmp_path / "lp", cache))
    clip = zoo.load(str(tiny_model), device="cpu")
    assert plug_in(clip, str(tmp_path / "lp")) is clip
    assert plug_in(clip, None) is clip


def test_a_backbone_of_another_model_or_none_at_all_is_refused(tiny_model, tuned, tmp_path):
    clip = zoo.load(str(tiny_model), device="cpu")
    moved = tmp_path / "moved"
    shutil.copytree(tuned, moved)
    payload = json.loads((moved / "record.json").read_text())
    payload["environment"]["model_fingerprint"] = "0" * 64
    (moved / "record.json").write_text(json.dumps(payload))
    with pytest.raises(UserError, match="must be a run of the same model"):
        plug_in(clip, str(moved))
    with pytest.raises(UserError, match="not a finished run"):
        plug_in(clip, str(tmp_path / "nothing"))
