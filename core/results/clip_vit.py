"""Checks if an architecture fits transformers' `CLIPModel`: CLIP with two plain transformers.

Imports no torch, so that the page can say in advance why a run cannot be exported.
"""

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.embedded import model_folder

_VISION = {"image_size", "layers", "width", "head_width", "mlp_ratio", "patch_size"}
_TEXT = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio"}
_IDLE = {"patch_dropout", "hf_tokenizer_name", "tokenizer_kwargs"}
"""Options without effect outside of training, or checked separately below."""
CLIP_VOCABULARY = 49408


def why_not(config: Mapping[str, Any]) -> str:
    """The reason why an architecture (open_clip's JSON) is no `CLIPModel`; empty if it is one."""
    vision, text = config["vision_cfg"], config["text_cfg"]
    if name := vision.get("timm_model_name"):
        return f"its image tower is {name}, and CLIPModel has vision transformers only."
    if isinstance(vision.get("layers"), list | tuple):
        return "its image tower is a ResNet, and CLIPModel has vision transformers only."
    if text.get("hf_model_name"):
        return f"its text tower is {text['hf_model_name']}, not CLIP's."
    if text.get("hf_tokenizer_name") or text.get("vocab_size", CLIP_VOCABULARY) != CLIP_VOCABULARY:
        return "its text tower reads another vocabulary than CLIP's."
    others = {
        *(f"vision_cfg.{name}" for name in _set(vision) - _VISION - _IDLE),
        *(f"text_cfg.{name}" for name in _set(text) - _TEXT - _IDLE),
    }
    if others:
        return f"CLIPModel has no counterpart of {', '.join(sorted(others))}."
    return ""


def architecture_of(model: str) -> dict[str, Any] | None:
    """The architecture of a model, found by its name in files alone; None if they lack it."""
    folder = model_folder() if model == "embedded" else Path(model).expanduser()
    try:
        if (told := folder / "open_clip_config.json").is_file():
            return dict(json.loads(told.read_text("utf-8"))["model_cfg"])
        name = model.partition("/")[0]
        package = importlib.util.find_spec("open_clip")
        if package and package.origin and name.isascii() and "\\" not in name and name:
            listed = Path(package.origin).with_name("model_configs") / f"{name}.json"
            return dict(json.loads(listed.read_text("utf-8")))
    except (OSError, ValueError, KeyError):
        pass
    return None


def _set(config: Mapping[str, Any]) -> set[str]:
    """The options that are set, without those that are off."""
    return {name for name, value in config.items() if value not in (None, False)}
