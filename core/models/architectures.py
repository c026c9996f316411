"""Finds the open_clip architectures that some weights fit, by the sizes of the weights."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import open_clip
from torch import Tensor


def architectures_fitting(named: Mapping[str, Tensor]) -> list[str]:
    """The open_clip architectures that these weights fit, shortest name first.

    Weights go by open_clip's names. Architectures with a tower from another library are left out.
    """
    signature = _signature({name: tuple(tensor.shape) for name, tensor in named.items()})
    if signature is None:
        return []
    found = [
        name
        for name in open_clip.list_models()
        if _told_signature(open_clip.get_model_config(name)) == signature
    ]
    return sorted((name for name in found if not name.endswith("-quickgelu")), key=len)


def _signature(shapes: Mapping[str, tuple[int, ...]]) -> tuple[Any, ...] | None:
    """The sizes that tell architectures apart, from the shapes of weights; None if they are not a
    CLIP's.
    """
    shapes = {name.removeprefix("text."): shape for name, shape in shapes.items()}
    try:
        text = (
            *shapes["token_embedding.weight"],
            shapes["positional_embedding"][0],
            _count(shapes, r"transformer\.resblocks\.(\d+)\."),
            shapes["text_projection"][1],
        )
        if "visual.layer1.0.conv1.weight" in shapes:
            layers = tuple(_count(shapes, rf"visual\.layer{n}\.(\d+)\.") for n in (1, 2, 3, 4))
            width = shapes["visual.layer1.0.conv1.weight"][0]
            grid = shapes["visual.attnpool.positional_embedding"][0]
            return (layers, width, 32, grid, *text)
        width, _, patch, _ = shapes["visual.conv1.weight"]
        depth = _count(shapes, r"visual\.transformer\.resblocks\.(\d+)\.")
        return (depth, width, patch, shapes["visual.positional_embedding"][0], *text)
    except (KeyError, ValueError, IndexError):
        return None


def _told_signature(config: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The same sizes from open_clip's JSON; None for a tower of another library or a model that is
    not a CLIP.
    """
    vision, text = config["vision_cfg"], config["text_cfg"]
    others = (vision.get("timm_model_name"), text.get("hf_model_name"))
    if any(others) or "multimodal_cfg" in config:
        return None
    layers, width = vision.get("layers", 12), vision.get("width", 768)
    patch = 32 if isinstance(layers, list) else vision.get("patch_size", 16)
    return (
        tuple(layers) if isinstance(layers, list) else layers,
        width,
        patch,
        (vision.get("image_size", 224) // patch) ** 2 + 1,
        text.get("vocab_size", 49408),
        text.get("width", 512),
        text.get("context_length", 77),
        text.get("layers", 12),
        config["embed_dim"],
    )


def _count(names: Iterable[str], pattern: str) -> int:
    found = (re.match(pattern, name) for name in names)
    return len({match[1] for match in found if match})
