"""Chooses device and arithmetic by what the hardware does fast."""

import functools
import math
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import nn

from core.errors import UserError

LEAST_GAIN = 1.2
"""The gain of bf16 over fp32 that is needed. It is far from the gains measured on either kind of
CPU (0.55; 2.4 and more), so the choice is the same every time.
"""
_LEFT, _RIGHT, _TRIALS = (256, 768), (768, 768), 25


@dataclass(frozen=True)
class Precision:
    """The arithmetic of the tower's forward pass. Weights, losses and heads are always fp32."""

    device: torch.device
    dtype: torch.dtype

    def autocast(self) -> AbstractContextManager[None]:
        """Context for a forward pass of the tower."""
        bf16 = self.dtype is torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=bf16, cache_enabled=False)

    def describe(self) -> dict[str, str]:
        """Device and precision for the record."""
        return {"device": str(self.device), "precision": str(self.dtype).removeprefix("torch.")}


def choose_device(asked: str) -> torch.device:
    """`auto` is the first GPU, else the CPU. A missing device is a `UserError`."""
    if asked == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(asked)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"device: {asked!r} cannot be used ({reason}). Use auto, cpu, or a GPU such as cuda:0."
        ) from None
    return device


def choose_precision(device: torch.device, asked: str, tower: nn.Module) -> Precision:
    """bf16 where it is fast, fp32 otherwise or on request.

    On a CPU whose bf16 products are faster (`bf16_gain`) a transformer gains in both directions,
    since its time is matrix products. A convolutional tower with folded batch norms does not: its
    depthwise convolutions are no faster in bf16 going forward and slower going backward, so it
    stays in fp32.
    """
    if asked == "bf16" and not _has_bf16(device):
        raise UserError(f"precision: {device} cannot compute in bf16. Use auto or fp32.")
    if asked == "fp32" or (asked == "auto" and not _gains_by_bf16(device, tower)):
        return Precision(device, torch.float32)
    return Precision(device, torch.bfloat16)


def _has_bf16(device: torch.device) -> bool:
    return device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())


def _gains_by_bf16(device: torch.device, tower: nn.Module) -> bool:
    """True if bf16 is faster. It measures last: a convolutional tower needs no measurement."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type != "cpu" or _is_convolutional(tower):
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and bf16_gain() > LEAST_GAIN


@functools.cache
def bf16_gain() -> float:
    """The speed of matrix products in bf16 on this CPU relative to fp32, measured in 0.1 seconds.

    Having the instructions is not enough: an Emerald Rapids whose tile registers (AMX) are hidden
    by a virtual machine is half as fast in bf16 (0.5 to 0.6 here). The two types take turns, and
    the shortest of many products counts, because other programs disturb it least.
    """
    shortest = dict.fromkeys((torch.float32, torch.bfloat16), math.inf)
    pairs = {
        kind: (torch.ones(*_LEFT, dtype=kind), torch.ones(*_RIGHT, dtype=kind)) for kind in shortest
    }
    for _ in range(_TRIALS):
        for kind, (left, right) in pairs.items():
            start = time.perf_counter()
            left @ right
            shortest[kind] = min(shortest[kind], time.perf_counter() - start)
    return shortest[torch.float32] / shortest[torch.bfloat16]


def _is_convolutional(tower: nn.Module) -> bool:
    """True if the tower has more convolutions than a patch embedding."""
    return sum(isinstance(module, nn.Conv2d) for module in tower.modules()) > 4
