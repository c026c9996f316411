"""Export for transformers: a folder that `CLIPModel` and `CLIPProcessor` load."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
from safetensors.torch import save_file
from torch import Tensor

from core.errors import UserError
from core.export.open_clip import (
    CARD,
    HEAD,
    encoder_state,
    own_features,
    question,
    write_head,
    write_json,
)
from core.export.source import Source
from core.export.verify import Exported, make_room, needs, verify
from core.models.transformers_names import renamed
from core.params import JsonObject
from core.results.clip_vit import CLIP_VOCABULARY, why_not

WEIGHTS = "model.safetensors"
START, END = CLIP_VOCABULARY - 2, CLIP_VOCABULARY - 1
FILES = {
    WEIGHTS,
    "config.json",
    "preprocessor_config.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    HEAD,
    CARD,
}
TOLERANCES = {"image features": 2e-5, "text features": 2e-5, "temperature": 1e-3}
_RESAMPLE = {"bilinear": 2, "bicubic": 3}
"""Pillow's numbers for resampling filters."""


def export_huggingface(source: Source, folder: Path) -> Exported:
    """Write config, weights, tokenizer and processor, together with the class head.

    A `UserError` says why an encoder does not fit `CLIPModel`.
    """
    reason = why_not(source.clip.config)
    if reason:
        raise UserError(
            f"export: {source.clip.name} cannot become a transformers CLIPModel: {reason} "
            "Export it for open_clip or as ONNX."
        )
    needs("transformers", "verifying a Hugging Face folder")
    make_room(folder, FILES)
    save_file(_renamed(encoder_state(source)), folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / "config.json", _config(source.clip.config))
    write_json(folder / "preprocessor_config.json", _processor(source))
    _write_tokenizer(folder, source.clip.config["text_cfg"].get("context_length", 77))
    write_head(source, folder)
    own = dict(own_features(source))
    own["temperature"] = encoder_state(source)["logit_scale"].exp().reshape(1).numpy()
    found = verify("transformers", folder, question(source), own, TOLERANCES)
    return Exported(folder, snippet(folder), "transformers", found)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    try:
        return renamed(state)
    except KeyError as error:
        raise UserError(f"export: CLIPModel has no counterpart of the weight {error}.") from None


def _config(ours: Mapping[str, Any]) -> JsonObject:
    vision, text = ours["vision_cfg"], ours["text_cfg"]
    size = vision.get("image_size", 224)
    both = {
        "hidden_act": "quick_gelu" if ours.get("quick_gelu") else "gelu",
        "layer_norm_eps": 1e-5,
        "projection_dim": ours["embed_dim"],
    }
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": ours["embed_dim"],
        "dtype": "float32",
        "vision_config": {
            **both,
            **_layers(vision, vision.get("width", 768), vision.get("head_width", 64)),
            "image_size": size if isinstance(size, int) else size[0],
            "patch_size": vision.get("patch_size", 16),
        },
        "text_config": {
            **both,
            **_layers(text, text.get("width", 512), 0),
            "max_position_embeddings": text.get("context_length", 77),
            "vocab_size": CLIP_VOCABULARY,
            "bos_token_id": START,
            "eos_token_id": END,  # the text is read at its first position
            "pad_token_id": END,
        },
    }


def _layers(tower: Mapping[str, Any], width: int, head_width: int) -> dict[str, int]:
    return {
        "hidden_size": width,
        "intermediate_size": int(width * tower.get("mlp_ratio", 4)),
        "num_hidden_layers": tower.get("layers", 12),
        "num_attention_heads": width // head_width if head_width else tower.get("heads", 8),
    }


def _processor(source: Source) -> JsonObject:
    ours = source.clip.preprocess
    side: JsonObject = {"height": ours.size, "width": ours.size}
    shortest = ours.resize_mode == "shortest"
    edge: JsonObject = {"shortest_edge": ours.size}
    if ours.resize_mode not in ("shortest", "squash"):
        raise UserError(
            f"export: CLIPProcessor cannot resize as this model wants ({ours.resize_mode}). "
            "Export it for open_clip or as ONNX."
        )
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_resize": True,
        "size": edge if shortest else side,
        "resample": _RESAMPLE[ours.interpolation],
        "do_center_crop": shortest,
        "crop_size": side,
        "do_rescale": True,
        "do_normalize": True,
        "do_convert_rgb": True,
        "image_mean": list(ours.mean),
        "image_std": list(ours.std),
    }


def _write_tokenizer(folder: Path, length: int) -> None:
    """CLIP's byte-pair encoding, from open_clip's own copy."""
    tokenizer = open_clip.SimpleTokenizer()
    named = {START: "<|startoftext|>", END: "<|endoftext|>"}  # transformers' spelling
    vocabulary = {named.get(number, token): number for token, number in tokenizer.encoder.items()}
    write_json(folder / "vocab.json", vocabulary)
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.get)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    settings = {"tokenizer_class": "CLIPTokenizer", "model_max_length": length}
    write_json(folder / "tokenizer_config.json", settings)


def snippet(folder: Path) -> str:
    """Python that loads the folder with transformers alone."""
    return (
        "from transformers import CLIPModel, CLIPProcessor\n\n"
        f'model = CLIPModel.from_pretrained("{folder}")\n'
        f'processor = CLIPProcessor.from_pretrained("{folder}")'
    )
