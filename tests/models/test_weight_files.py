"""Weights in every container, under every prefix, in every precision; none of their code runs."""

import io
import json
import pickle
from collections import OrderedDict
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from core.errors import UserError
from core.models import zoo
from core.models.building import from_file, weights_in
from core.models.described_tensors import Unreadable
from core.models.fitting import fit
from core.models.inert_pickle import NotInert, PickledName, PickledObject, read_pickle
from core.models.transformers_names import architecture_from, renamed, restored
from core.models.weight_files import read_weight_file
from tests.conftest import TINY_VIT


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return open_clip.CLIP(**TINY_VIT)


@pytest.fixture(scope="module")
def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def prefixed(prefix, weights):
    return {f"{prefix}{name}": tensor for name, tensor in weights.items()}


class Encoder(nn.Module):
    """Saved whole, as research code does it."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.train_preprocess = print


class Classifier(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.image_encoder = Encoder(model)
        self.classification_head = nn.Linear(4, 2)


def ddp(weights):
    return {"state_dict": prefixed("module.", weights), "epoch": 3}


NESTED = {
    "bare": lambda w: w,
    "ordered": OrderedDict,
    "model": lambda w: {"model": w, "epoch": 3},
    "ddp": ddp,
    "lightning": lambda w: {"state_dict": prefixed("model.", w), "hyper_parameters": {"lr": 1}},
    "compiled": lambda w: {"net": prefixed("clip._orig_mod.", w)},
    "compiled inside": lambda w: {
        n.replace("visual.", "visual._orig_mod."): t for n, t in w.items()
    },
    "both": lambda w: {"checkpoint": {"ema": prefixed("module.clip.", w)}},
    "with optimiser": lambda w: {
        "model_state_dict": w,
        "optimizer": {"state": {i: {"exp_avg": t} for i, t in enumerate(w.values())}},
    },
    "half": lambda w: {n: t.half() if t.is_floating_point() else t for n, t in w.items()},
    "bfloat16": lambda w: {n: t.bfloat16() if t.is_floating_point() else t for n, t in w.items()},
    "parameters": lambda w: {n: nn.Parameter(t) for n, t in w.items() if t.is_floating_point()},
    "text apart": lambda w: {
        n if n.startswith(("visual.", "logit")) else f"text.{n}": t for n, t in w.items()
    },
    "transformers": renamed,
    "transformers in a model": lambda w: {"model": prefixed("clip.", renamed(w))},
}


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("kind", NESTED)
def test_weights_are_found_whatever_they_lie_in(kind, older, weights, tmp_path):
    path = tmp_path / "w.pt"
    torch.save(NESTED[kind](weights), path, _use_new_zipfile_serialization=not older)
    torch.manual_seed(4)
    other = open_clip.CLIP(**TINY_VIT)
    other.load_state_dict(fit(read_weight_file(path).tensors, other, "tiny").state)
    tolerance = 1e-2 if kind in ("half", "bfloat16") else 0
    for name, tensor in other.state_dict().items():
        torch.testing.assert_close(tensor, weights[name], atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("older", [False, True])
def test_a_model_saved_whole_is_read_and_its_classes_are_not(model, weights, tmp_path, older):
    path = tmp_path / "whole.pt"
    torch.save(Classifier(model), path, _use_new_zipfile_serialization=not older)
    content = path.read_bytes().replace(b"Classifier", b"Klassifier")  # a class that is not here
    if older:
        path.write_bytes(content)
    state = fit(read_weight_file(path).tensors, open_clip.CLIP(**TINY_VIT), "tiny").state
    assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_of_numpy_arrays_is_read(weights, tmp_path, protocol):
    arrays = {name: tensor.numpy() for name, tensor in weights.items()}
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(arrays, protocol))
    found = read_weight_file(tmp_path / "w.pkl").tensors
    assert all(torch.equal(found[name], tensor) for name, tensor in weights.items())


def test_of_the_trained_weights_and_their_average_the_trained_are_taken(weights, tmp_path):
    average = {name: tensor + 1 for name, tensor in weights.items()}
    torch.save({"model_ema": average, "model": weights}, tmp_path / "w.pt")
    fitted = fit(read_weight_file(tmp_path / "w.pt").tensors, open_clip.CLIP(**TINY_VIT), "tiny")
    assert torch.equal(fitted.state["visual.proj"], weights["visual.proj"])
    assert "'model'; the file has others under 'model_ema'" in fitted.notes[0]


class Bomb:
    """Leaves a canary when it is called, built, or has a state set."""

    def __init__(self, call):
        self.call = call

    def __reduce__(self):
        return self.call


BOMBS = {
    "path": (Path.touch, (Path("canary"),)),
    "eval": (eval, ("open('canary', 'w')",)),
    "exec": (exec, ("open('canary', 'w')",)),
    "open": (open, ("canary", "w")),
    "nested load": (torch.load, ("inner.pt",)),
    "state": (dict, (), None, None, iter([("a", (eval, "open('canary', 'w')"))])),
}


@pytest.mark.parametrize("kind", BOMBS)
@pytest.mark.parametrize("how", ["zip", "older", "pickle"])
def test_nothing_in_a_file_is_run(kind, how, tmp_path, monkeypatch, weights):
    monkeypatch.chdir(tmp_path)
    torch.save(Bomb((open, ("canary", "w"))), "inner.pt")
    value = {"a": Bomb(BOMBS[kind]), "visual.proj": weights["visual.proj"]}
    if how == "pickle":
        Path("w.pt").write_bytes(pickle.dumps({"a": Bomb(BOMBS[kind])}))
    else:
        torch.save(value, "w.pt", _use_new_zipfile_serialization=how == "zip")
    found = read_weight_file(tmp_path / "w.pt").tensors
    assert set(found) == (set() if how == "pickle" else {"visual.proj"})
    assert not Path("canary").exists()


def test_a_pickle_is_described_and_not_built():
    made = read_pickle(io.BytesIO(pickle.dumps(Bomb((eval, ("1",))))))
    assert isinstance(made, PickledObject)
    assert (made.of, made.args) == (PickledName("builtins", "eval"), ("1",))


@pytest.mark.parametrize("content", [b"", b".", b"\x80\x02", b"\x80\x02}\x94.."[:2], b"(lp0\n(i1"])
def test_bytes_that_are_no_pickle_are_said_to_be_none(content):
    with pytest.raises(NotInert):
        read_pickle(io.BytesIO(content))


def test_a_tensor_beyond_its_numbers_is_refused(tmp_path):
    torch.save({"a": torch.zeros(4)}, tmp_path / "w.pt", _use_new_zipfile_serialization=False)
    content = (tmp_path / "w.pt").read_bytes()
    assert content.count(b"K\x04\x85") == 1  # the tuple (4,)
    (tmp_path / "w.pt").write_bytes(content.replace(b"K\x04\x85", b"K\xc8\x85"))
    with pytest.raises(Unreadable, match=r"damaged|cut"):
        read_weight_file(tmp_path / "w.pt")


FILES = {
    "lfs.pt": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "page.bin": (b"<!DOCTYPE html><html></html>", "web page"),
    "page.safetensors": (b"<html></html>", "web page"),
    "empty.pt": (b"", "empty"),
    "message.pt": (b'{"error": "not found"}', "JSON"),
    "packed.pt": (b"\x1f\x8b\x08aaaa", "compressed"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_something_else_is_called_by_its_name(name, tmp_path):
    content, said = FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        zoo.load(f"ViT-S-32-alt/{tmp_path / name}")
    assert "\n" not in str(caught.value)


def test_a_cut_download_and_a_pickle_named_safetensors_are_said(weights, tmp_path):
    torch.save(weights, tmp_path / "w.pt")
    save_file({n: t.contiguous() for n, t in weights.items()}, tmp_path / "w.safetensors")
    for name in ("w.pt", "w.safetensors"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / f"cut-{name}").write_bytes(content[: len(content) // 2])
        with pytest.raises(Unreadable, match="cut"):
            read_weight_file(tmp_path / f"cut-{name}")
    (tmp_path / "not.safetensors").write_bytes((tmp_path / "w.pt").read_bytes())
    with pytest.raises(Unreadable, match=r"a PyTorch pickle. .*name it not\.pt"):
        read_weight_file(tmp_path / "not.safetensors")


def test_keys_that_do_not_fit_are_listed_with_the_architecture_that_does(tmp_path):
    with torch.device("meta"):
        shapes = open_clip.CLIP(**open_clip.get_model_config("ViT-S-16-alt")).state_dict()
    with torch.device("meta"):
        wanted = open_clip.CLIP(**open_clip.get_model_config("ViT-S-32-alt"))
    with pytest.raises(Unreadable) as caught:
        fit({"model." + n: t for n, t in shapes.items()}, wanted, "ViT-S-32-alt")
    said = str(caught.value)
    assert "visual.conv1.weight is 384×3×16×16 there, ViT-S-32-alt wants 384×3×32×32" in said
    assert "They fit ViT-S-16-alt." in said


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (lambda t: t * float("nan"), "text_projection is not finite everywhere"),
        (lambda t: t.to(torch.int8), "quantised weights: text_projection holds int8 numbers"),
        (lambda t: t[:-1], "keys of other sizes: text_projection is 31×"),
    ],
)
def test_a_whole_text_tower_with_a_fault_is_not_called_missing(broken, reason, weights):
    tensors = {**weights, "text_projection": broken(weights["text_projection"])}
    with pytest.raises(Unreadable, match=reason):
        fit(tensors, open_clip.CLIP(**TINY_VIT), "tiny")


@pytest.mark.parametrize("prefix", ["visual.", "", "model.visual."])
def test_an_image_tower_alone_needs_a_model_and_gets_its_text_tower(
    prefix, tiny_model, weights, tmp_path
):
    tower = {n.removeprefix("visual."): t for n, t in weights.items() if n.startswith("visual.")}
    torch.save(prefixed(prefix, tower), tmp_path / "tower.pt")
    clip = zoo.load(f"{tiny_model}+{tmp_path / 'tower.pt'}", "cpu", "fp32")
    own = zoo.load(str(tiny_model), "cpu", "fp32")
    assert torch.equal(clip.model.visual.proj, weights["visual.proj"])
    assert torch.equal(clip.model.text_projection, own.model.text_projection)
    with pytest.raises(Unreadable, match="image tower without"):
        fit(read_weight_file(tmp_path / "tower.pt").tensors, open_clip.CLIP(**TINY_VIT), "tiny")


@pytest.mark.parametrize("quick", [False, True])
def test_a_transformers_folder_is_read_back_with_its_activation(quick, tmp_path):
    from core.export.huggingface import _config

    torch.manual_seed(5)
    model = open_clip.CLIP(**{**TINY_VIT, "quick_gelu": quick}).eval()
    save_file(renamed(model.state_dict()), tmp_path / "model.safetensors")
    config = _config({**TINY_VIT, "quick_gelu": quick})
    (tmp_path / "config.json").write_text(json.dumps(config))
    clip = zoo.load(str(tmp_path), "cpu", "fp32")
    assert clip.activation == ("quickgelu" if quick else "gelu")
    assert not clip.undecided
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(clip.encode_image(images), model.encode_image(images))
        tokens = clip.tokenizer(["a fox"])
        torch.testing.assert_close(clip.encode_text(["a fox"]), model.encode_text(tokens))


def test_names_and_config_of_transformers_go_both_ways(weights):
    from core.export.huggingface import _config

    back = restored(renamed(weights))
    assert back.keys() == weights.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in weights.items())
    told = architecture_from(_config(TINY_VIT))
    assert told["vision_cfg"]["head_width"] == TINY_VIT["vision_cfg"].get("head_width", 64)
    assert told["text_cfg"]["context_length"] == TINY_VIT["text_cfg"]["context_length"]


def test_a_folder_with_several_files_says_which_to_name(tmp_path):
    for name in ("a.pt", "b.pt"):
        torch.save({}, tmp_path / name)
    with pytest.raises(UserError, match=r"several files of weights \(a.pt, b.pt\)"):
        weights_in(tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    assert weights_in(tmp_path).name == "pytorch_model.bin"


def test_an_image_size_that_does_not_fit_is_a_sentence(tiny_resnet, tmp_path):
    config = json.loads((tiny_resnet / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["image_size"] = 63
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    weights = tiny_resnet / "open_clip_model.safetensors"
    (tmp_path / weights.name).write_bytes(weights.read_bytes())
    with pytest.raises(UserError, match=r"image_size \(63\) does not fit"):
        zoo.load(str(tmp_path))


def test_a_file_that_says_nothing_of_its_activation_is_left_undecided(tmp_path):
    torch.manual_seed(0)
    config = open_clip.get_model_config("ViT-S-32-alt")
    state = open_clip.CLIP(**config).state_dict()
    torch.save(state, tmp_path / "w.pt")
    assert from_file("ViT-S-32-alt", tmp_path / "w.pt", None).undecided
    assert not from_file("ViT-S-32-alt", tmp_path / "w.pt", True).undecided
    told = {n: torch.tensor(1) for n in ("input_resolution", "context_length", "vocab_size")}
    torch.save({**state, **told}, tmp_path / "openai.pt")
    built = from_file("ViT-S-32-alt", tmp_path / "openai.pt", None)
    assert built.config["quick_gelu"]
    assert not built.undecided
