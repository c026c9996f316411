"""The model zoo: every open_clip name and tag, a local checkpoint or folder, and the embedded
model.
"""

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import open_clip
from huggingface_hub import constants as hub
from open_clip.factory import get_model_config, parse_model_name
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

from core.data.cache import ArrayCache
from core.embedded import model_folder
from core.errors import UserError, unknown
from core.models.clip import ClipModel
from core.models.precision import choose_device, choose_precision

EMBEDDED = "embedded"
HUB_TIMEOUT_SECONDS = 5
_ASKED_OFFLINE = hub.HF_HUB_OFFLINE
SUGGESTED = (
    ("ViT-B-32/laion2b_s34b_b79k", "the usual starting point, 151 M parameters"),
    ("ViT-B-32/openai", "OpenAI's weights, QuickGELU"),
    ("ViT-B-16/laion2b_s34b_b88k", "finer patches, about three times the compute of B/32"),
    ("ViT-B-16/openai", "what most papers report"),
    ("ViT-L-14/laion2b_s32b_b82k", "large: a GPU is needed"),
    ("RN50/openai", "ResNet tower"),
)
HOW_TO_NAME = (
    "Name it embedded, ARCHITECTURE/TAG (such as ViT-B-32/laion2b_s34b_b79k), "
    "ARCHITECTURE/path/to/weights.safetensors, or a folder with an open_clip_config.json."
)


def load(
    name: str, device: str = "auto", precision: str = "auto", cache: ArrayCache | None = None
) -> ClipModel:
    """The model called `name`, in evaluation mode. A `UserError` says what to name it or how to get
    it.
    """
    chosen = choose_device(device)
    model, tokenizer, config = _create(name)
    arithmetic = choose_precision(chosen, precision, model.visual)
    return ClipModel(name, model, tokenizer, config, arithmetic, cache)


def catalogue() -> list[dict[str, Any]]:
    """What to offer first; every other open_clip name works as well."""
    offered: list[dict[str, Any]] = [
        {
            "name": EMBEDDED,
            "title": "Embedded demo model",
            "note": "a small real CLIP for a first look; works offline",
            "offline": True,
        }
    ]
    for name, note in SUGGESTED:
        offered.append({"name": name, "title": name, "note": note, "offline": False})
    return offered


def _create(name: str) -> tuple[Any, Any, dict[str, Any]]:
    if name == EMBEDDED:
        return _from_folder(model_folder())
    if name.startswith("hf-hub:"):
        return _build(name, None, {})
    folder = Path(name.removeprefix("local-dir:")).expanduser()
    if folder.is_dir():
        return _from_folder(folder)
    if folder.is_file():
        raise UserError(
            f"model: {name!r} is a file, and a file alone does not say its architecture. "
            f"Name it ARCHITECTURE/{name}, for example ViT-B-32/{name}."
        )
    architecture, _, weights = name.partition("/")
    if architecture not in open_clip.list_models():
        error = unknown("model", architecture, open_clip.list_models())
        raise UserError(f"{error} {HOW_TO_NAME}")
    return _from_architecture(architecture, weights)


def _from_folder(folder: Path) -> tuple[Any, Any, dict[str, Any]]:
    if not (folder / "open_clip_config.json").is_file():
        raise UserError(f"model: the folder {folder} has no open_clip_config.json. {HOW_TO_NAME}")
    if not any(folder.glob("*.safetensors")):
        raise UserError(f"model: the folder {folder} has no .safetensors weights.")
    return _build(f"local-dir:{folder}", None, {})


def _from_architecture(architecture: str, weights: str) -> tuple[Any, Any, dict[str, Any]]:
    tags = list_pretrained_tags_by_model(architecture)
    if not weights:
        listed = ", ".join(f"{architecture}/{tag}" for tag in tags) or "none"
        raise UserError(f"model: {architecture} needs its weights named. Known: {listed}.")
    tag = get_pretrained_cfg(architecture, weights)
    if tag:
        # The activation belongs to the weights: OpenAI's are QuickGELU whatever the name says.
        return _build(architecture, weights, {"quick_gelu": bool(tag.get("quick_gelu", False))})
    if Path(weights).is_file():
        return _build(architecture, weights, {})
    raise unknown(f"model {architecture}", weights, tags)


def _build(
    name: str, pretrained: str | None, override: dict[str, Any]
) -> tuple[Any, Any, dict[str, Any]]:
    needs_hub = pretrained is not None and not Path(pretrained).is_file()
    if needs_hub or name.startswith("hf-hub:"):
        _notice_a_missing_network()
    try:
        with warnings.catch_warnings(), _quiet_logs():
            warnings.filterwarnings("ignore", message="QuickGELU mismatch")
            # require_pretrained: open_clip would otherwise go on with random weights.
            model = open_clip.create_model(
                name, pretrained=pretrained, require_pretrained=True, **override
            )
        tokenizer = open_clip.get_tokenizer(name)
        config = {**_config(name), **override}
    except UserError:
        raise
    except Exception as error:  # a hub raises a different family in every version of its client
        raise _explain(name, pretrained, error) from error
    if not isinstance(model, open_clip.CLIP | open_clip.CustomTextCLIP):
        raise UserError(
            f"model: {name} is a {type(model).__name__}; Evenkeel fine-tunes CLIP models "
            "with one image and one text tower."
        )
    return model, tokenizer, config


def _notice_a_missing_network() -> None:
    """Without a network the hub's client tries for a minute before it looks at what it has."""
    if _ASKED_OFFLINE:
        return
    try:
        httpx.head(hub.ENDPOINT, timeout=HUB_TIMEOUT_SECONDS)
    except httpx.TransportError:
        hub.HF_HUB_OFFLINE = True
    else:
        hub.HF_HUB_OFFLINE = False


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """What open_clip and the hub log about a failure is said by our own error."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _config(name: str) -> dict[str, Any]:
    """The architecture as JSON, to be written beside exported weights."""
    schema, place = parse_model_name(name)
    if schema == "local-dir":
        payload = json.loads((Path(place) / "open_clip_config.json").read_text("utf-8"))
        return dict(payload["model_cfg"])
    return dict(get_model_config(name))


def _explain(name: str, pretrained: str | None, error: Exception) -> UserError:
    wanted = f"{name}/{pretrained}" if pretrained else name
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    if name.startswith("local-dir:") or (pretrained and Path(pretrained).is_file()):
        return UserError(
            f"model: {wanted} could not be loaded: {reason}. "
            "The weights must belong to the architecture that is named."
        )
    if hub.HF_HUB_OFFLINE:
        reason = "there is no connection to the hub, and they are not in its cache"
    return UserError(
        f"model: the weights of {wanted} could not be fetched: {reason}. Connect once, name a "
        "local checkpoint, or use the embedded model (--model embedded)."
    )
