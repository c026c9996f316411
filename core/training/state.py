"""The state that a training carries from one step to the next, as named tensors.

A method need not list it. Every module, tensor and random generator among its attributes counts,
also inside lists and inside objects of the method's own classes (`core.methods`). CLIP's own
tensors do not count: nothing trains them. Numbers that change during training must be tensors.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.models.clip import ClipModel

Part = Tensor | torch.Generator
OWN_PARTS = "core.methods"


class Owner(Protocol):
    """The object whose state is saved."""

    clip: ClipModel


class Remembers(Protocol):
    """A choice of weights that grows during training."""

    weights: dict[str, Tensor]


def parts(method: Owner) -> dict[str, Part]:
    """The tensors (each once, under its first name) and generators that `method` holds."""
    # By identity: a tower that a method shares with CLIP is loaded with the model.
    known = {id(tensor) for tensor in method.clip.model.state_dict(keep_vars=True).values()}
    found = {}
    for name, part in _walk(method, "", set()):
        # Inference tensors are skipped: nothing can train them or copy into them.
        if id(part) not in known and not (isinstance(part, Tensor) and part.is_inference()):
            known.add(id(part))
            found[name] = part
    return found


def snapshot(
    method: Owner, optimizer: torch.optim.Optimizer, best: Remembers | None
) -> dict[str, Tensor]:
    """Copies on the CPU of everything that `restore` needs."""
    state = {
        f"method.{name}": part.get_state() if isinstance(part, torch.Generator) else part
        for name, part in parts(method).items()
    }
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            if value is not None:  # SGD has no momentum before its first step
                state[f"optimizer.{index}.{name}"] = value
    for name, weight in (best.weights if best else {}).items():
        state[f"best.{name}"] = weight
    # A copy, because a thread writes it while training goes on; contiguous, for safetensors.
    plain = torch.contiguous_format
    return {name: t.detach().cpu().clone(memory_format=plain) for name, t in state.items()}


def restore(
    state: Mapping[str, Tensor],
    method: Owner,
    optimizer: torch.optim.Optimizer,
    best: Remembers | None,
) -> None:
    """Write a snapshot back in place. If it does not fit, it raises a `UserError` and changes
    nothing.
    """
    found, saved = parts(method), _below("method.", state)
    if not _fits(found, saved):
        raise UserError(
            "checkpoint: it holds other tensors than this method trains, so another version of "
            "Evenkeel made it. Name another folder, or remove the checkpoints to start again."
        )
    with torch.no_grad():
        for name, part in found.items():
            if isinstance(part, torch.Generator):
                part.set_state(saved[name])
            else:
                part.copy_(saved[name])
    _restore_moments(optimizer, _below("optimizer.", state))
    if best:
        best.weights = _below("best.", state)


def _restore_moments(optimizer: torch.optim.Optimizer, saved: Mapping[str, Tensor]) -> None:
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in saved.items():
        index, name = int(key.split(".")[0]), key.split(".")[1]
        if value.shape == weights[index].shape:  # use the memory layout of the weight
            value = torch.empty_like(weights[index], dtype=value.dtype).copy_(value)
        moments.setdefault(index, {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def _fits(found: Mapping[str, Part], saved: Mapping[str, Tensor]) -> bool:
    return found.keys() == saved.keys() and all(
        part.shape == saved[name].shape for name, part in found.items() if isinstance(part, Tensor)
    )


def _below(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _walk(value: Any, name: str, seen: set[int]) -> Iterator[tuple[str, Part]]:
    if isinstance(value, Tensor | torch.Generator):
        yield name, value
    elif isinstance(value, nn.Module):
        for key, tensor in value.state_dict(keep_vars=True).items():
            yield f"{name}.{key}", tensor
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from _walk(member, f"{name}.{index}", seen)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _walk(member, f"{name}.{key}", seen)
    elif (not name or type(value).__module__.startswith(OWN_PARTS)) and id(value) not in seen:
        seen.add(id(value))
        for key, member in vars(value).items():
            yield from _walk(member, f"{name}.{key}".lstrip("."), seen)
