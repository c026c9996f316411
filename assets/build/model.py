"""The demo model's architecture, its ImageNet start, and its files in open_clip's own layout."""

from __future__ import annotations

import json
import math
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from sources import ASSETS, extract_image_weights

MODEL = ASSETS / "model"
IMAGE_SIZE = 128
CONFIG = {
    "model_cfg": {
        "embed_dim": 256,
        "vision_cfg": {
            "timm_model_name": "tf_efficientnet_lite0",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": IMAGE_SIZE,
        },
        # CLIP's own vocabulary, so that every open_clip tokenizer works unchanged.
        "text_cfg": {
            "context_length": 24,
            "vocab_size": 49408,
            "width": 128,
            "heads": 2,
            "layers": 3,
        },
    },
    # EfficientNet-Lite's own normalisation.
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    },
}


def write_config(folder: Path) -> None:
    """Writes open_clip_config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


def new_model() -> torch.nn.Module:
    """CLIP with an ImageNet EfficientNet-Lite0 tower and a fresh text tower, BatchNorm in eval."""
    model = open_clip.CLIP(**CONFIG["model_cfg"])
    load_imagenet(model.visual.trunk)
    with torch.no_grad():
        model.logit_scale.fill_(math.log(1 / 0.07))
    return freeze_batch_norm(model)


def load_imagenet(trunk: torch.nn.Module) -> None:
    """Copies the packaged weights over by order: names differ from timm's, shapes agree."""
    packaged = torch.load(extract_image_weights(), map_location="cpu", weights_only=True)
    theirs = [tensor for key, tensor in packaged.items() if not key.startswith("_fc.")]
    ours = trunk.state_dict()
    assert [t.shape for t in theirs] == [t.shape for t in ours.values()]
    trunk.load_state_dict(dict(zip(ours, theirs, strict=True)))


def freeze_batch_norm(model: torch.nn.Module) -> torch.nn.Module:
    """Training mode except for BatchNorm, whose statistics stay ImageNet's.

    With constant statistics a BatchNorm is affine, so averaging weights (WiSE-FT) stays valid.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    return model


def save(state: dict[str, torch.Tensor], used_tokens: torch.Tensor, folder: Path) -> None:
    """Writes config and weights in half precision; token rows no caption used become zeros."""
    write_config(folder)
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.items()}
    table = half["token_embedding.weight"]
    kept = torch.zeros_like(table)
    kept[used_tokens] = table[used_tokens]
    half["token_embedding.weight"] = kept
    assert all(v.isfinite().all() for v in half.values())
    path = folder / "open_clip_model.safetensors"
    save_file({k: v.contiguous() for k, v in half.items()}, path)
    path.chmod(0o644)  # safetensors makes it readable by its owner only
