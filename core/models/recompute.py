"""Gradient checkpointing: blocks recompute their activations instead of keeping them."""

from torch import nn


def recompute(tower: nn.Module, on: bool) -> bool:
    """Switch it for every transformer in an open_clip tower; True if there is one."""
    found = [module for module in tower.modules() if hasattr(module, "grad_checkpointing")]
    for module in found:
        module.grad_checkpointing = on  # type: ignore[assignment]
    return bool(found)
