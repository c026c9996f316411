"""The folder for transformers, loaded by transformers."""

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from core.errors import UserError
from core.export import huggingface
from core.export.huggingface import export_huggingface
from core.results.clip_vit import architecture_of, why_not
from tests.conftest import TINY_VIT


@pytest.fixture(scope="module")
def exported(vit, tmp_path_factory):
    return export_huggingface(vit, tmp_path_factory.mktemp("hf"))


def test_clip_model_loads_it_with_the_runs_features(exported):
    assert exported.verified
    names = [difference.output for difference in exported.differences]
    assert names == ["image features", "text features", "temperature"]


def test_the_processor_prepares_an_image_as_the_run_does(exported, vit):
    from transformers import CLIPProcessor

    processor = CLIPProcessor.from_pretrained(exported.folder)
    picture = Image.effect_noise((50, 70), 90).convert("RGB")
    theirs = processor(images=picture, return_tensors="pt")["pixel_values"]
    ours = vit.clip.preprocess.evaluation_view(picture)[None].float() / 255
    # transformers resizes tensors, we resize pictures: a pixel may differ by one or two steps.
    gap = (theirs - (ours - vit.classifier.mean) / vit.classifier.std).abs()
    assert gap.max() < 3 / 255 / min(vit.clip.preprocess.std)


def test_the_tokenizer_reads_a_prompt_as_open_clip_does(exported, vit):
    from transformers import CLIPProcessor

    text = "A photo of two Red-Foxes, isn't it?  (2024)"
    theirs = CLIPProcessor.from_pretrained(exported.folder)(text=[text], return_tensors="pt")
    ours = vit.clip.tokenizer([text])[0]
    assert theirs["input_ids"][0].tolist() == ours[ours > 0].tolist()


def test_quick_gelu_stays_quick(quick_vit, tmp_path):
    assert export_huggingface(quick_vit, tmp_path).verified
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["vision_config"]["hidden_act"] == config["text_config"]["hidden_act"]
    assert config["vision_config"]["hidden_act"] == "quick_gelu"


@pytest.mark.parametrize("damage", ["weight", "activation"])
def test_what_is_damaged_is_caught(vit, tmp_path, monkeypatch, damage):
    """One number of one weight, or the wrong GELU: verification must not pass."""
    write_head = huggingface.write_head

    def damaged(source, folder):
        if damage == "weight":
            state = load_file(folder / "model.safetensors")
            state["vision_model.encoder.layers.1.self_attn.q_proj.weight"][0] += 1
            save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        else:
            text = (folder / "config.json").read_text()
            (folder / "config.json").write_text(text.replace('"gelu"', '"quick_gelu"'))
        write_head(source, folder)

    monkeypatch.setattr(huggingface, "write_head", damaged)
    with pytest.raises(UserError, match=r"not the run's: image features .*allowed 2e-05"):
        export_huggingface(vit, tmp_path)


def test_a_convolutional_tower_is_refused_with_the_reason(resnet, tmp_path):
    with pytest.raises(UserError, match="its image tower is a ResNet"):
        export_huggingface(resnet, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("embedded", "image tower is tf_efficientnet_lite0"),
        ("ViT-B-32/laion2b_s34b_b79k", ""),
        ("ViT-L-14/openai", ""),
        ("RN50/openai", "a ResNet"),
        ("xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k", "text tower is xlm-roberta-base"),
        ("coca_ViT-B-32/laion2b_s13b_b90k", "no counterpart of"),
    ],
)
def test_the_name_of_a_model_tells_whether_it_can_be_exported(model, reason):
    config = architecture_of(model)
    assert config
    said = why_not(config)
    assert reason in said
    assert bool(reason) == bool(said)


@pytest.mark.parametrize("name", ["no-such-model", "../../../etc/passwd", "", "/", "a\\b"])
def test_a_name_that_tells_nothing_is_not_guessed_at(name):
    assert architecture_of(name) is None


def test_an_option_without_counterpart_is_named():
    text = {**TINY_VIT["text_cfg"], "no_causal_mask": True}
    assert why_not({**TINY_VIT, "text_cfg": text}) == (
        "CLIPModel has no counterpart of text_cfg.no_causal_mask."
    )
    off = {**TINY_VIT["text_cfg"], "no_causal_mask": False}
    assert why_not({**TINY_VIT, "text_cfg": off}) == ""


def test_all_weights_find_their_place(vit):
    from core.export.huggingface import _renamed
    from core.export.open_clip import encoder_state

    state = encoder_state(vit)
    named = _renamed(state)
    count = sum(t.numel() for name, t in state.items() if not name.endswith("attn_mask"))
    assert sum(tensor.numel() for tensor in named.values()) == count
    assert all(isinstance(tensor, torch.Tensor) for tensor in named.values())
