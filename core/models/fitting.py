"""Matches the weights of a file to an open_clip model, or says why they do not fit."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from open_clip.convert import convert_state_dict
from open_clip.model import resize_pos_embed, resize_text_pos_embed
from torch import Tensor, nn

from core.models.architectures import architectures_fitting
from core.models.described_tensors import Unreadable
from core.models.transformers_names import ANCHOR, restored

OPENAI = ("input_resolution", "context_length", "vocab_size")
"""Numbers that only OpenAI's own files store among the weights."""
TOWER_ALONE = "it holds an image tower without a whole text tower"
SHOWN = 3
"""The most names of each kind that an error lists."""
_WRAPPERS = frozenset(
    {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}
)
"""Name parts that DDP, `torch.compile`, FSDP and Lightning's Fabric add."""
_SECOND_CHOICE = re.compile(r"ema|avg|average|swa|teacher|momentum|optim|exp_|zero_?shot|init")
"""Name parts of weights that are not the last trained ones, such as averages or teachers."""
_ANY_TIME = re.compile(r"(^|\.)(attn_mask|position_ids|num_batches_tracked)$")
"""Buffers that follow from the architecture; some versions save them and others do not."""


@dataclass(frozen=True)
class Fitted:
    """Weights under the model's own names."""

    state: dict[str, Tensor]
    notes: tuple[str, ...] = ()
    """Notes for the user about how the weights were read."""


def fit(tensors: Mapping[str, Tensor], model: nn.Module, architecture: str) -> Fitted:
    """All weights of a model, however they are nested. Raises `Unreadable`.

    They may use the names of open_clip, OpenAI or transformers, any prefix and any precision.
    """
    wanted = model.state_dict()
    named, notes = _located(tensors, wanted)
    named = convert_state_dict(model, dict(named))
    if "logit_bias" in wanted:
        named.setdefault("logit_bias", torch.zeros_like(wanted["logit_bias"]))
    fitting = [name for name in architectures_fitting(named) if name != architecture]
    notes += _resized(named, model, wanted, architecture)
    state = _completed(named, wanted)
    if problem := _problem(state, wanted, architecture):
        visual = {name for name in wanted if name.startswith("visual.")}
        lacking = not state.keys() >= wanted.keys()
        if lacking and not _problem(_only(state, visual), _only(wanted, visual), architecture):
            raise Unreadable(TOWER_ALONE)
        raise Unreadable(problem + _instead(fitting))
    return Fitted({name: state[name] for name in wanted}, tuple(notes))


def fit_tower(tensors: Mapping[str, Tensor], model: Any, architecture: str) -> Fitted:
    """The weights of a model's image tower alone, under its own names."""
    wanted = {f"visual.{name}": tensor for name, tensor in model.visual.state_dict().items()}
    named, notes = _located(tensors, wanted)
    notes += _resized(named, model, wanted, architecture)
    state = _completed(_only(named, {n for n in named if n.startswith("visual.")}), wanted)
    if problem := _problem(state, wanted, architecture):
        fitting = [name for name in architectures_fitting(named) if name != architecture]
        raise Unreadable(problem + _instead(fitting))
    state = {name.removeprefix("visual."): state[name] for name in wanted}
    return Fitted(state, tuple(notes))


def located(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights under open_clip's names, before a model is known; empty if they are not a CLIP's."""
    anchors = ("visual.conv1.weight", "visual.class_embedding", "token_embedding.weight")
    wanted = dict.fromkeys((*anchors, "text_projection", "logit_scale"), torch.empty(0))
    try:
        return _located(tensors, wanted)[0]
    except Unreadable:
        return {}


# Where in the file ------------------------------------------------------------------


def _located(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors under the prefix that contains the most wanted names. The prefix is removed, and
    the names are spelled like the wanted ones.
    """
    if not tensors:
        raise Unreadable("it holds no tensors")
    bare: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        kept = [part for part in name.split(".") if part not in _WRAPPERS]
        bare.setdefault(".".join(kept), tensor)
    theirs = _prefixes(bare, {ANCHOR})
    if theirs:
        prefix = _first_choice(theirs)
        return _toggled(restored(_below(prefix, bare)), wanted), _others(prefix, theirs)
    best: tuple[int, str, Callable[[str], str]] | None = None
    rivals: dict[str, int] = {}
    for spell in _SPELLINGS:
        found = _prefixes(bare, {spell(name) for name in wanted})
        if found and (best is None or max(found.values()) > best[0]):
            prefix = _first_choice(found)
            best, rivals = (found[prefix], prefix, spell), found
    if best is None:
        names = ", ".join(list(tensors)[:SHOWN])
        if any(name.startswith("image_encoder.model.patch_emb") for name in bare):
            return bare, []  # MobileCLIP's own names, which open_clip converts
        raise Unreadable(f"it holds no weights of a CLIP; its tensors are called {names}")
    _, prefix, spell = best
    below = _below(prefix, bare)
    if spell is _visual_alone:
        below = {f"visual.{name}": tensor for name, tensor in below.items()}
    elif spell is _toggle_text:
        below = {_toggle_text(name): tensor for name, tensor in below.items()}
    return below, _others(prefix, rivals)


def _prefixes(tensors: Mapping[str, Tensor], wanted: set[str]) -> dict[str, int]:
    """The number of wanted names under each prefix."""
    counts: Counter[str] = Counter()
    for name in tensors:
        parts = name.split(".")
        for place in range(len(parts)):
            if ".".join(parts[place:]) in wanted:
                counts[".".join(parts[:place])] += 1
    return dict(counts)


def _first_choice(counts: Mapping[str, int]) -> str:
    """The prefix with the most names; among equals the trained weights, not their average."""
    most = max(counts.values())
    equal = [prefix for prefix, count in counts.items() if count == most]
    return min(equal, key=lambda prefix: (bool(_SECOND_CHOICE.search(prefix.lower())), len(prefix)))


def _others(chosen: str, counts: Mapping[str, int]) -> list[str]:
    """A note that the file holds the same weights twice, and which ones were taken."""
    equal = [prefix for prefix, count in counts.items() if count == counts[chosen]]
    if len(equal) < 2:
        return []
    others = " and ".join(repr(prefix) for prefix in equal if prefix != chosen)
    return [f"The weights are those under {chosen!r}; the file has others under {others}."]


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    start = f"{prefix}." if prefix else ""
    return {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}


def _as_it_is(name: str) -> str:
    return name


def _toggle_text(name: str) -> str:
    """A name of the text tower with open_clip's `text.` added or removed."""
    if name.startswith("text."):
        return name.removeprefix("text.")
    whole = ("visual.", "logit_scale", "logit_bias")
    return name if name.startswith(whole) else f"text.{name}"


def _toggled(named: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if "text.text_projection" in wanted or "text.positional_embedding" in wanted:
        return {_toggle_text(name): tensor for name, tensor in named.items()}
    return named


def _visual_alone(name: str) -> str:
    """A name of the image tower as the tower itself writes it; a name that matches nothing for all
    others.
    """
    return name.removeprefix("visual.") if name.startswith("visual.") else "\n"


_SPELLINGS: tuple[Callable[[str], str], ...] = (_as_it_is, _toggle_text, _visual_alone)


# Whether they fit -------------------------------------------------------------------


def _only(tensors: Mapping[str, Tensor], names: set[str]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name in names}


def _resized(
    named: dict[str, Tensor], model: nn.Module, wanted: Mapping[str, Tensor], architecture: str
) -> list[str]:
    """Resizes position embeddings of another image size or text length to the model's, as open_clip
    does.
    """
    notes = []
    for name, what, resize in (
        ("visual.positional_embedding", "image size", resize_pos_embed),
        ("positional_embedding", "text length", resize_text_pos_embed),
        ("text.positional_embedding", "text length", resize_text_pos_embed),
    ):
        ours, theirs = wanted.get(name), named.get(name)
        if ours is None or theirs is None or ours.shape == theirs.shape:
            continue
        if theirs.dim() != 2 or ours.shape[1:] != theirs.shape[1:] or not _is_grid(name, theirs):
            continue
        fitting = architectures_fitting(named)
        resized = {**named, name: theirs.float()}
        resize(resized, model)
        named[name] = resized[name]
        notes.append(
            f"The weights are of another {what} than {architecture}; their positions were "
            f"interpolated.{_instead(fitting[:1])}"
        )
    return notes


def _is_grid(name: str, positions: Tensor) -> bool:
    side = round((len(positions) - 1) ** 0.5)
    return not name.startswith("visual.") or (side > 0 and side * side == len(positions) - 1)


def _completed(named: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without buffers that follow from the architecture, and single numbers in the
    right shape.
    """
    state: dict[str, Tensor] = {}
    for name, tensor in named.items():
        ours = wanted.get(name)
        if ours is not None and tensor.numel() == ours.numel() == 1:
            tensor = tensor.reshape(ours.shape)
        if name in wanted or not (_ANY_TIME.search(name) or name in OPENAI):
            state[name] = tensor
    for name, tensor in wanted.items():
        if name not in state and _ANY_TIME.search(name):
            state[name] = tensor
    return state


def _problem(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], architecture: str) -> str:
    """The reason why these weights do not fit, with a few of the names; empty if they fit."""
    own = {name.partition(".")[0] for name in wanted}
    missing = [name for name in wanted if name not in state]
    strange = [n for n in state if n not in wanted and n.partition(".")[0] in own]
    shapes = [
        f"{name} is {_size(state[name])} there, {architecture} wants {_size(tensor)}"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    kinds = [
        f"{name} holds {str(state[name].dtype).removeprefix('torch.')} numbers"
        for name, tensor in wanted.items()
        if name in state and tensor.is_floating_point() and not state[name].is_floating_point()
    ]
    found = [
        _listed("keys of other sizes: ", shapes, "; "),
        _listed("missing keys: ", missing),
        _listed("unknown keys: ", strange),
        _listed("quantised weights: ", kinds),
    ]
    told = "; ".join(part for part in found if part)
    if told or not state:
        return f"its keys do not fit {architecture} ({told})"
    if broken := next((n for n in wanted if not bool(state[n].isfinite().all())), None):
        return f"{broken} is not finite everywhere. The file is damaged, or its training failed"
    return ""


def _listed(what: str, names: Sequence[str], between: str = ", ") -> str:
    if not names:
        return ""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what}{between.join(names[:SHOWN])}{more}"


def _size(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"


def _instead(fitting: Iterable[str]) -> str:
    names = list(fitting)[:2]
    return f" They fit {' or '.join(names)}." if names else ""
