"""CLIP as transformers' `CLIPModel`: converts the names of weights both ways, and reads its
config.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from core.models.described_tensors import Unreadable

CLIP_VOCABULARY = 49408
ANCHOR = "vision_model.embeddings.patch_embedding.weight"
"""A weight that every image tower of `CLIPModel` has."""
_PLAIN = {
    "logit_scale": "logit_scale",
    "visual.proj": "visual_projection.weight",
    "text_projection": "text_projection.weight",
    "visual.class_embedding": "vision_model.embeddings.class_embedding",
    "visual.conv1.weight": ANCHOR,
    "visual.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    **{
        f"{ours}.{part}": f"{theirs}.{part}"
        for ours, theirs in (
            ("visual.ln_pre", "vision_model.pre_layrnorm"),  # spelled so
            ("visual.ln_post", "vision_model.post_layernorm"),
            ("ln_final", "text_model.final_layer_norm"),
        )
        for part in ("weight", "bias")
    },
}
_TRANSPOSED = ("visual.proj", "text_projection")
_IN_A_BLOCK = {
    "attn.out_proj": "self_attn.out_proj",
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
_ACTIVATIONS = {"quick_gelu": True, "gelu": False}
_VISION = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "patch_size": 32,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
"""Default values for a config that does not set them."""
_TEXT = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "max_position_embeddings": 77,
    "vocab_size": CLIP_VOCABULARY,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
_RESAMPLE = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers for resampling filters."""


def renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """open_clip's weights under the names of `CLIPModel`; only the mask is left out.

    Raises `KeyError` with the name of a weight that has no counterpart.
    """
    named: dict[str, Tensor] = {}
    for name, tensor in state.items():
        name = name.removeprefix("text.")
        if name in ("attn_mask", "logit_bias"):
            continue
        if name in _PLAIN:
            tensor = tensor.reshape(()) if name == "logit_scale" else tensor
            named[_PLAIN[name]] = tensor.T if name in _TRANSPOSED else tensor
        else:
            named.update(_block(name, tensor))
    return {name: tensor.contiguous().clone() for name, tensor in named.items()}


def _block(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The parts of one weight of a transformer block; open_clip keeps q, k and v in one matrix."""
    tower = "vision_model" if name.startswith("visual.") else "text_model"
    number, _, rest = (
        name.removeprefix("visual.").removeprefix("transformer.resblocks.").partition(".")
    )
    layer = f"{tower}.encoder.layers.{number}"
    part, _, kind = rest.rpartition(".")
    if part == "attn" and kind.startswith("in_proj_"):
        for letter, rows in zip("qkv", tensor.chunk(3), strict=True):
            yield f"{layer}.self_attn.{letter}_proj.{kind.removeprefix('in_proj_')}", rows
        return
    if part not in _IN_A_BLOCK:
        raise KeyError(name)
    yield f"{layer}.{_IN_A_BLOCK[part]}.{kind}", tensor


def restored(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a `CLIPModel` under open_clip's names; unknown names stay as they are."""
    plain = {theirs: ours for ours, theirs in _PLAIN.items()}
    within = {theirs: ours for ours, theirs in _IN_A_BLOCK.items()}
    found: dict[str, Tensor] = {}
    apart: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        if ours := plain.get(name):
            found[ours] = tensor.T if ours in _TRANSPOSED and tensor.dim() == 2 else tensor
            continue
        block = re.fullmatch(r"(vision|text)_model\.encoder\.layers\.(\d+)\.(.+)\.(\w+)", name)
        if block is None:
            if not name.endswith("position_ids"):
                found[name] = tensor
            continue
        tower, number, part, kind = block.groups()
        ours = f"{'visual.' if tower == 'vision' else ''}transformer.resblocks.{number}"
        if letter := re.fullmatch(r"self_attn\.([qkv])_proj", part):
            apart.setdefault(f"{ours}.attn.in_proj_{kind}", {})[letter[1]] = tensor
        else:
            found[f"{ours}.{within.get(part, part)}.{kind}"] = tensor
    for ours, parts in apart.items():
        if parts.keys() == set("qkv"):
            found[ours] = torch.cat([parts[letter] for letter in "qkv"])
    return found


def quick_gelu_of(config: Mapping[str, Any]) -> bool | None:
    """True if a `config.json` names QuickGELU, False if GELU; None if it is not a CLIP's."""
    towers = [config.get(f"{side}_config") for side in ("vision", "text")]
    named = [tower.get("hidden_act", "quick_gelu") for tower in towers if isinstance(tower, dict)]
    found = {_ACTIVATIONS.get(name) for name in named}
    return found.pop() if len(found) == 1 else None


def architecture_from(config: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's JSON for the architecture that a `config.json` describes. Raises `Unreadable`."""
    vision = _tower(config, "vision", _VISION)
    text = _tower(config, "text", _TEXT)
    quick = quick_gelu_of(config)
    if quick is None:
        raise Unreadable(
            f"its towers use {vision['hidden_act']} and {text['hidden_act']}; both must use gelu, "
            "or both quick_gelu"
        )
    if vision["layer_norm_eps"] != 1e-5 or text["layer_norm_eps"] != 1e-5:
        raise Unreadable("its layer_norm_eps is not 1e-5, which CLIP's layers have")
    if text["vocab_size"] != CLIP_VOCABULARY:
        raise Unreadable(f"its vocabulary has {text['vocab_size']} words, and CLIP's 49,408")
    return {
        "embed_dim": config.get("projection_dim", 512),
        "quick_gelu": quick,
        "vision_cfg": {
            "image_size": vision["image_size"],
            "patch_size": vision["patch_size"],
            "layers": vision["num_hidden_layers"],
            "width": vision["hidden_size"],
            "head_width": vision["hidden_size"] // vision["num_attention_heads"],
            "mlp_ratio": vision["intermediate_size"] / vision["hidden_size"],
        },
        "text_cfg": {
            "context_length": text["max_position_embeddings"],
            "vocab_size": text["vocab_size"],
            "layers": text["num_hidden_layers"],
            "width": text["hidden_size"],
            "heads": text["num_attention_heads"],
            "mlp_ratio": text["intermediate_size"] / text["hidden_size"],
        },
    }


def _tower(config: Mapping[str, Any], side: str, usual: Mapping[str, Any]) -> dict[str, Any]:
    told = config.get(f"{side}_config") or {}
    if not isinstance(told, dict):
        raise Unreadable(f"its {side}_config is no table")
    tower = {name: told.get(name, value) for name, value in usual.items()}
    for name, value in tower.items():
        whole = isinstance(usual[name], int)
        if whole and (not isinstance(value, int) or not 0 < value < 1 << 20):
            raise Unreadable(f"its {side}_config.{name} is {value!r}, and must be a number")
    return tower


def preprocess_from(config: Mapping[str, Any]) -> dict[str, Any]:
    """open_clip's `preprocess_cfg` for a `preprocessor_config.json`.

    Raises `Unreadable` for a preprocessing that open_clip does not have.
    """
    if not config:
        return {}
    config = config.get("image_processor", config)
    size, resample = config.get("size", {"shortest_edge": 224}), config.get("resample", 3)
    crops = config.get("do_center_crop", True)
    if resample not in _RESAMPLE:
        raise Unreadable(f"it resamples pictures by Pillow's {resample}; it must be 2 or 3")
    shortest = isinstance(size, int) or "shortest_edge" in size
    if shortest != bool(crops):
        raise Unreadable("it resizes and crops pictures in a way that open_clip has not")
    return {
        "mean": list(config.get("image_mean", (0.48145466, 0.4578275, 0.40821073))),
        "std": list(config.get("image_std", (0.26862954, 0.26130258, 0.27577711))),
        "interpolation": _RESAMPLE[resample],
        "resize_mode": "shortest" if shortest else "squash",
    }
