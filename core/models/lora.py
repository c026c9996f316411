"""LoRA: trains low-rank adapters instead of a tower's own weights (arXiv 2106.09685)."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.models.attention import is_joint, self_attention
from core.models.fast import make_plain

Calls = dict[nn.Module, tuple[Any, ...]]
"""The modules that a forward pass calls, and their inputs."""
ADAPTER = "lora_"
"""Part of the name of every adapter weight, and of no other weight."""


def add_adapters(
    tower: nn.Module, call: Callable[[], object], rank: int, alpha: float, seed: int
) -> None:
    """Adapt `tower` in place: W + (alpha/rank)·BA. B starts at zero; A is drawn with `seed`.

    `call` runs the tower once on any input, to see what it calls. In any open_clip tower, these are
    adapted: linear layers; attention (`nn.MultiheadAttention`, its joint input projection and its
    output projection); convolutions without groups that are pointwise or pad with plain zeros.
    These are not adapted: depthwise and grouped convolutions; timm's TensorFlow-style convolutions
    larger than 1×1 (they compute their padding at run time); the attention pool of CLIP's ResNets
    (it reads the weights of its layers without calling them); norms; embeddings; and projections
    that are bare matrices, as in CLIP's own towers.
    """
    from peft import LoraConfig  # seconds of imports that only LoRA needs
    from peft.tuners.lora import LoraModel

    make_plain(tower)  # an adapter changes the convolution, before its batch norm
    _open_attention(tower, _calls(tower, call))
    called = _calls(tower, call)
    names = [n for n, m in tower.named_modules() if m in called and _can_be_adapted(m)]
    if not names:
        raise UserError(
            f"lora_rank: {type(tower).__name__} has no layer that can be adapted. Set it to 0."
        )
    chosen = "|".join(map(re.escape, names))
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=chosen)
    with torch.random.fork_rng(devices=[]):  # peft draws on the CPU
        torch.manual_seed(seed)
        LoraModel(tower, config, "default")
    tower.eval()


def merge_adapters(module: nn.Module) -> None:
    """Merge all adapters into the plain weights, under the names that these had before."""
    if not has_adapters(module):
        return
    from peft.tuners.tuners_utils import BaseTunerLayer

    for parent, name, child in _children(module):
        if isinstance(child, BaseTunerLayer):
            child.merge()
            setattr(parent, name, child.get_base_layer())
    for parent, name, child in _children(module):
        if isinstance(child, OpenAttention):
            setattr(parent, name, child.closed())


def has_adapters(module: nn.Module) -> bool:
    """True if the module contains adapters."""
    return any(ADAPTER in name for name, _ in module.named_parameters())


def only_adapters(tower: nn.Module) -> nn.Module:
    """The same tower with only its adapters trainable; unchanged if it has none."""
    if has_adapters(tower):
        for name, parameter in tower.named_parameters():
            parameter.requires_grad_(ADAPTER in name)
    return tower


class OpenAttention(nn.Module):
    """A multi-head attention whose two projections are layers that are called, so that they can be
    adapted like any other layer.

    peft (0.21) can adapt `nn.MultiheadAttention` itself. But it adds the output projection's update
    twice, and it subtracts the update from the frozen weights after every forward pass, so they
    drift.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        width, self.heads = attention.embed_dim, attention.num_heads
        self.batch_first = attention.batch_first
        self.in_proj = nn.Linear(width, 3 * width, device="meta")
        self.in_proj.weight, self.in_proj.bias = attention.in_proj_weight, attention.in_proj_bias
        self.out_proj = nn.Linear(width, width, device="meta")
        self.out_proj.weight = attention.out_proj.weight
        self.out_proj.bias = attention.out_proj.bias
        self._attention = [attention]  # in a list: no submodule, or its weights count twice

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Self-attention as open_clip calls it; it does not return the attention weights."""
        x = query if self.batch_first else query.transpose(0, 1)  # (N, L, E)
        out = self_attention(x, self.heads, self.in_proj, self.out_proj, attn_mask)
        return out if self.batch_first else out.transpose(0, 1), None

    def closed(self) -> nn.MultiheadAttention:
        """The original attention with the current weights."""
        attention: Any = self._attention[0]
        attention.in_proj_weight = self.in_proj.weight
        attention.out_proj.weight = self.out_proj.weight
        return attention


def _open_attention(tower: nn.Module, calls: Calls) -> None:
    for parent, name, child in _children(tower):
        if isinstance(child, nn.MultiheadAttention) and _is_plain(child, calls.get(child)):
            setattr(parent, name, OpenAttention(child))


def _children(module: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    """(parent, name, child) of every module inside, outer modules first."""
    return [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
    ]


def added(tower: nn.Module) -> list[Tensor]:
    """(alpha/rank)·BA of every adapter in the tower, with gradients: the change of its weight."""
    layers: list[Any] = [module for module in tower.modules() if hasattr(module, "lora_A")]
    return [layer.get_delta_weight("default") for layer in layers]


def _calls(tower: nn.Module, call: Callable[[], object]) -> Calls:
    found: Calls = {}

    def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        found[module] = inputs

    hooks = [module.register_forward_pre_hook(note) for module in tower.modules()]
    with torch.no_grad():
        call()
    for hook in hooks:
        hook.remove()
    return found


def _can_be_adapted(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        plain = type(module) is nn.Conv2d and module.padding_mode == "zeros"
        return module.groups == 1 and (plain or module.kernel_size == (1, 1))
    return isinstance(module, nn.Linear)


def _is_plain(attention: nn.MultiheadAttention, inputs: tuple[Any, ...] | None) -> bool:
    """True for self-attention whose queries, keys and values are projected by one matrix."""
    return (
        inputs is not None
        and all(given is inputs[0] for given in inputs[:3])
        and is_joint(attention)
    )
