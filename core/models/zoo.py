"""The model zoo: every open_clip name and tag, a local checkpoint or folder, and the embedded
model.
"""

import contextlib
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import open_clip
import torch
from huggingface_hub import constants as hub
from open_clip.factory import get_model_config
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

from core.embedded import model_folder
from core.errors import UserError, unknown
from core.models import building
from core.models.allocator import is_out_of_memory
from core.models.array_cache import ArrayCache
from core.models.building import Built, in_one_sentence
from core.models.clip import ClipModel
from core.models.names import EMBEDDED, FOLDER, HUB, absolute, with_tower
from core.models.precision import choose_device, choose_precision

HUB_TIMEOUT_SECONDS = 5
_ASKED_OFFLINE = hub.HF_HUB_OFFLINE
HOW_TO_NAME = (
    "Name it embedded, ARCHITECTURE/TAG (such as ViT-B-32/laion2b_s34b_b79k), "
    "ARCHITECTURE/path/to/weights.safetensors, a folder with an open_clip_config.json or a "
    "transformers config.json, or any of these with another image tower as MODEL+FILE."
)
_QUICK = {"auto": None, "gelu": False, "quickgelu": True}
_REASONS = {
    "GatedRepoError": "their owner asks for a login at the hub",
    "RepositoryNotFoundError": "the hub has no such repository, or it is private",
    "EntryNotFoundError": "the repository has no such file",
    "RemoteEntryNotFoundError": "the repository has no such file",
    "HfHubHTTPError": "the hub refused to give them",
}


def load(
    name: str,
    device: str = "auto",
    precision: str = "auto",
    cache: ArrayCache | None = None,
    activation: str = "auto",
) -> ClipModel:
    """The model called `name`, in evaluation mode. A `UserError` says how to name it or how to get
    it.

    `activation` (`gelu`, `quickgelu`) overrides what name, config and weights say. If they say
    nothing, `auto` leaves it open (see `core.models.activation`).
    """
    if activation not in _QUICK:
        raise unknown("activation", activation, _QUICK)
    chosen = choose_device(device)
    built = _create(absolute(name), _QUICK[activation])
    if not isinstance(built.model, open_clip.CLIP | open_clip.CustomTextCLIP):
        raise UserError(
            f"model: {name} is a {type(built.model).__name__}; Evenkeel fine-tunes CLIP models "
            "with one image and one text tower."
        )
    arithmetic = choose_precision(chosen, precision, built.model.visual)
    with _tried_out(name, built.config):
        clip = ClipModel(name, built.model, built.tokenizer, built.config, arithmetic, cache)
        with torch.no_grad():
            clip.frozen.features(clip.blank())
    clip.undecided, clip.notes = built.undecided, built.notes
    return clip


def _create(name: str, quick_gelu: bool | None) -> Built:
    base, tower = with_tower(name)
    if tower:
        if not os.path.exists(os.path.expanduser(tower)):
            raise UserError(f"model: there is no file {tower!r} to take an image tower from.")
        return building.with_tower(_create(base, quick_gelu), name, Path(tower).expanduser())
    if name == EMBEDDED:
        return building.from_folder(model_folder(), quick_gelu)
    if name.startswith(HUB):
        return _fetched(name, None, {} if quick_gelu is None else {"quick_gelu": quick_gelu})
    place = Path(name.removeprefix(FOLDER)).expanduser()
    if os.path.isdir(place):
        return building.from_folder(place, quick_gelu)
    if os.path.isfile(place):
        raise building.why_not_alone(place)
    architecture, _, weights = name.partition("/")
    if architecture in open_clip.list_models():
        return _from_architecture(architecture, weights, quick_gelu)
    if place.is_absolute() or name.startswith((".", "~")):
        raise UserError(f"model: there is no folder or file {str(place)!r}. {HOW_TO_NAME}")
    error = unknown("model", architecture, open_clip.list_models())
    raise UserError(f"{error} {HOW_TO_NAME}")


def _from_architecture(architecture: str, weights: str, quick_gelu: bool | None) -> Built:
    tags = list_pretrained_tags_by_model(architecture)
    if not weights:
        listed = ", ".join(f"{architecture}/{tag}" for tag in tags) or "none"
        raise UserError(f"model: {architecture} needs its weights named. Known: {listed}.")
    tag = get_pretrained_cfg(architecture, weights)
    if tag:
        # The activation belongs to the weights: OpenAI's use QuickGELU whatever the name says.
        quick = bool(tag.get("quick_gelu", False)) if quick_gelu is None else quick_gelu
        return _fetched(architecture, weights, {"quick_gelu": quick})
    path = Path(weights).expanduser()
    if not os.path.exists(path):
        if not tags or path.suffix or len(path.parts) > 1:
            raise UserError(f"model: there is no file {str(path.absolute())!r}. {HOW_TO_NAME}")
        raise unknown(f"model {architecture}", weights, tags)
    return building.from_file(architecture, path, quick_gelu)


def _fetched(name: str, pretrained: str | None, override: dict[str, Any]) -> Built:
    """A model from one of open_clip's hubs, downloaded now or earlier."""
    _notice_a_missing_network()
    try:
        with warnings.catch_warnings(), building.quietly():
            # The tag says which activation its weights need, so build the model with that one.
            warnings.filterwarnings("ignore", message="QuickGELU mismatch")
            # require_pretrained: open_clip would otherwise go on with random weights.
            model = open_clip.create_model(
                name, pretrained=pretrained, require_pretrained=True, **override
            )
        tokenizer = open_clip.get_tokenizer(name)
        config = {"quick_gelu": False, **(get_model_config(name) or {}), **override}
    except Exception as error:  # each version of a hub's client raises another family
        raise _explain(name, pretrained, error) from error
    return Built(model, tokenizer, config)


def _notice_a_missing_network() -> None:
    """Sets offline mode without a network: the hub's client would try for a minute before it looks
    into its cache.
    """
    if _ASKED_OFFLINE:
        return
    try:
        httpx.head(hub.ENDPOINT, timeout=HUB_TIMEOUT_SECONDS)
    except httpx.TransportError:
        hub.HF_HUB_OFFLINE = True
    else:
        hub.HF_HUB_OFFLINE = False


def _explain(name: str, pretrained: str | None, error: Exception) -> UserError:
    wanted = f"{name}/{pretrained}" if pretrained else name
    if is_out_of_memory(error):
        return UserError(f"model: there is not enough memory for {wanted}. Choose a smaller model.")
    reason = _REASONS.get(
        type(error).__name__, f"the hub did not give them ({type(error).__name__})"
    )
    if hub.HF_HUB_OFFLINE:
        reason = "there is no connection to the hub, and they are not in its cache"
    return UserError(
        f"model: the weights of {wanted} could not be fetched: {reason}. Connect once, name a "
        "local checkpoint, or use the embedded model (`embedded`)."
    )


@contextlib.contextmanager
def _tried_out(name: str, config: Mapping[str, Any]) -> Iterator[None]:
    """Checks a model on its first picture: only its layers notice an image_size that does not
    fit.
    """
    try:
        with in_one_sentence(name):
            yield
    except (AssertionError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not re.search("size|shape", str(error)):
            raise
        size = config["vision_cfg"].get("image_size", 224)
        raise UserError(
            f"model: {name} could not be loaded: its image_size ({size}) does not fit its image "
            "tower. Write the size that the weights were trained with into its config."
        ) from None
