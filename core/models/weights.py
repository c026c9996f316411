"""Saves and loads the weights of a run: its classifier and the zero-shot head that it started
from.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.durable import publish
from core.errors import UserError
from core.models.cache_head import CacheHead, RefinedCacheHead, ResidualCacheHead
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.heads import Head, LinearHead
from core.models.text_head import TextHead
from core.models.vrf import VrfEnsemble, vrf_from, vrf_state

HEADS: dict[str, type[Head]] = {
    head.kind: head
    for head in (LinearHead, CacheHead, RefinedCacheHead, ResidualCacheHead, TextHead)
}
"""Every kind of head of a classifier."""
PROTOTYPES = "zero_shot_prototypes"
VRF = "vrf"
"""Prefix of the tensors that a `VrfEnsemble` has besides its fine-tuned classifier."""


def save_classifier(
    path: Path, clip: ClipModel, classifier: Classifier | Ensemble, prototypes: Tensor
) -> None:
    """Write `classifier` and the unit zero-shot head `(C, D)`. A tower that is CLIP's own is left
    out: the model brings it. Weights that are not finite are a `UserError`.
    """
    if isinstance(classifier, VrfEnsemble):  # zero-shot follows from the fine-tuned one
        _, tuned = classifier
        metadata = {"head": tuned.head.kind, "ensemble": VRF}
        kept = {f"{VRF}.{name}": tensor for name, tensor in vrf_state(classifier).items()}
        own = {**_part(clip, tuned), **kept}
    elif isinstance(classifier, Ensemble):
        members = [*classifier]
        metadata = {
            "head": ",".join(member.head.kind for member in members),
            "ensemble": classifier.average,
        }
        own = {
            f"{number}.{name}": tensor
            for number, member in enumerate(members)
            for name, tensor in _part(clip, member).items()
        }
    else:
        metadata = {"head": classifier.head.kind}
        own = _part(clip, classifier)
    state = {PROTOTYPES: prototypes, **own}
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    if broken := [name for name, tensor in state.items() if not tensor.isfinite().all()]:
        raise UserError(
            f"weights: {broken[0]} is not finite, so these weights are not saved. "
            "Lower lr and train again."
        )
    publish(path, lambda partial: save_file(state, partial, metadata=metadata))


def load_classifiers(path: Path, clip: ClipModel) -> tuple[Classifier, Classifier | Ensemble]:
    """(zero-shot, fine-tuned), with the same tensor names unless the fine-tuned one is an ensemble.
    A `UserError` if the file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
            kinds = metadata["head"].split(",")
        prototypes = state.pop(PROTOTYPES)
    except (FileNotFoundError, SafetensorError, KeyError, TypeError) as error:
        raise UserError(f"{path} is missing or damaged ({error}). Train the run again.") from None
    how: Any = metadata.get("ensemble")
    if how is None:
        tuned = _rebuilt(kinds[0], state, clip)
        return clip.origin(tuned, prototypes), tuned
    if how == VRF:
        kept = _below(f"{VRF}.", state)
        weights = {n: t for n, t in state.items() if not n.startswith(f"{VRF}.")}
        tuned = _rebuilt(kinds[0], weights, clip)
        zero_shot = clip.origin(tuned, prototypes)
        return zero_shot, vrf_from(kept, zero_shot, tuned)
    members = [
        _rebuilt(kind, _below(f"{number}.", state), clip) for number, kind in enumerate(kinds)
    ]
    return clip.origin(members[0], prototypes), Ensemble(members, how)


def load_prototypes(path: Path) -> Tensor:
    """The unit zero-shot head `(C, D)` that a run started from."""
    with safe_open(path, "pt") as file:
        prototypes: Tensor = file.get_tensor(PROTOTYPES)
    return prototypes


def _rebuilt(kind: str, state: dict[str, Tensor], clip: ClipModel) -> Classifier:
    own = _below("head.", state)
    head = HEADS[kind].shaped_like(own, clip)
    moved = len(own) < len(state)
    tuned = clip.with_copied_tower(head) if moved else clip.with_head(head)
    (tuned if moved else tuned.head).load_state_dict(state if moved else own)
    return tuned.requires_grad_(False)


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under a prefix, without the prefix."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _part(clip: ClipModel, classifier: Classifier) -> dict[str, Tensor]:
    """The run's own tensors: the whole classifier, or only its head if the tower is CLIP's."""
    if not clip.owns(classifier):
        return classifier.state_dict()
    return {f"head.{name}": tensor for name, tensor in classifier.head.state_dict().items()}
