"""The zoo: the valid names, the message for each mistake, and towers of every kind."""

import json

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from core.errors import UserError
from core.models import zoo
from core.models.precision import choose_device, choose_precision
from tests.conftest import TINY_VIT


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("ViT-B-33/openai", "no 'ViT-B-33'. Did you mean .*ViT-B-32"),
        ("ViT-B-32", "needs its weights named. Known: ViT-B-32/openai"),
        ("ViT-B-32/laion2b", "no 'laion2b'. Did you mean 'laion2b_"),
        (
            "ViT-B-32/openai",
            "could not be fetched: there is no connection .* use the embedded model",
        ),
        ("ViT-B-32/no/such/file.pt", "there is no file '.*no/such/file.pt'. Name it"),
        ("ViT-S-32-alt/file.pt", "there is no file '.*/file.pt'. Name it"),
        ("ViT-S-32-alt/openai", "there is no file '.*/openai'. Name it"),
    ],
)
def test_every_wrong_name_is_told_what_to_do(name, sentence, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=sentence):
        zoo.load(name)


def test_a_folder_without_a_config_and_a_bare_file_are_explained(tmp_path):
    with pytest.raises(UserError, match=r"no open_clip_config\.json"):
        zoo.load(str(tmp_path))
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY_VIT}))
    with pytest.raises(UserError, match=r"no \.safetensors weights"):
        zoo.load(str(tmp_path))
    weights = tmp_path / "weights.safetensors"
    save_file({"w": torch.zeros(1)}, weights)
    with pytest.raises(UserError, match="does not say its architecture"):
        zoo.load(str(weights))


def small(architecture: str, **vision) -> dict:
    """A config of open_clip's own, shrunk until it builds in milliseconds."""
    config = open_clip.get_model_config(architecture)
    config["embed_dim"] = 32
    config["vision_cfg"] |= vision
    config["text_cfg"] |= {"width": 32, "heads": 2, "layers": 1}
    return config


TOWERS = {
    "vit": small("ViT-B-32", layers=1, width=64, image_size=64),
    "vit-quickgelu": small("ViT-B-32-quickgelu", layers=1, width=64, image_size=64),
    "resnet": small("RN50", layers=[1, 1, 1, 1], width=16, image_size=64),
    "timm": {
        "embed_dim": 32,
        "custom_text": True,
        "vision_cfg": {
            "timm_model_name": "efficientnet_lite0",
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": 64,
        },
        "text_cfg": {
            "context_length": 16,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 1,
        },
    },
}


@pytest.mark.parametrize("kind", TOWERS)
def test_every_kind_of_tower_loads_from_a_folder_and_gives_open_clips_features(kind, tmp_path):
    config = json.loads(json.dumps(TOWERS[kind]))
    (tmp_path / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {}})
    )
    torch.manual_seed(0)
    built = dict(json.loads(json.dumps(config)))
    custom = built.pop("custom_text", False)
    theirs = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**built).eval()
    save_file(
        {k: v.contiguous() for k, v in theirs.state_dict().items()},
        tmp_path / "open_clip_model.safetensors",
    )
    clip = zoo.load(str(tmp_path), device="cpu", precision="fp32")
    images = torch.randn(2, 3, 64, 64)
    classifier = clip.classifier(torch.eye(3, 32))
    with torch.inference_mode():
        torch.testing.assert_close(
            classifier.features(images), theirs.encode_image(images, normalize=True)
        )
        tokens = clip.tokenizer(["a photo of a fox"])
        torch.testing.assert_close(
            clip.encode_text(["a photo of a fox"]), theirs.encode_text(tokens)
        )


@pytest.mark.parametrize(("tag", "quick"), [("openai", True), ("laion2b_s34b_b79k", False)])
def test_a_tag_brings_its_own_activation_whatever_the_name(tag, quick, monkeypatch):
    asked = {}

    def fetched(name, pretrained, override):
        asked.update(override)

    monkeypatch.setattr(zoo, "_fetched", fetched)
    names = ("ViT-B-32", "ViT-B-32-quickgelu")
    having = [name for name in names if open_clip.pretrained.get_pretrained_cfg(name, tag)]
    assert "ViT-B-32" in having
    for architecture in having:
        asked.clear()
        zoo._from_architecture(architecture, tag, None)
        assert asked["quick_gelu"] is quick


def test_batch_norm_keeps_clips_statistics_in_training(tmp_path):
    from torch import nn

    torch.manual_seed(0)
    clip = zoo.ClipModel.__new__(zoo.ClipModel)  # only the classifier matters here
    tower = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LazyLinear(8))
    tower(torch.randn(2, 3, 8, 8))
    from core.models.classifier import Classifier
    from core.models.heads import LinearHead
    from core.models.transforms import Preprocess

    del clip
    precision = choose_precision(torch.device("cpu"), "fp32", tower)
    preprocess = Preprocess(8, (0.5,) * 3, (0.5,) * 3)
    classifier = Classifier(tower, LinearHead(torch.eye(2, 8), 10.0), preprocess, precision).train()
    before = classifier.tower[1].running_mean.clone()
    classifier(torch.randn(4, 3, 8, 8)).sum().backward()
    assert torch.equal(before, classifier.tower[1].running_mean)


def test_the_first_features_asked_for_leave_weights_that_gradients_flow_through(tiny_model):
    clip = zoo.load(str(tiny_model), device="cpu", precision="fp32")
    with torch.inference_mode():
        clip.frozen.features(clip.blank())
    assert not any(weight.is_inference() for weight in clip.model.parameters())


def test_a_device_that_is_not_there_is_a_user_error():
    with pytest.raises(UserError, match="'cuda:7' cannot be used"):
        choose_device("cuda:7")
    with pytest.raises(UserError, match="'warp' cannot be used"):
        choose_device("warp")
