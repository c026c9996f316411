"""Self-attention without the copies that `nn.MultiheadAttention` makes around it.

PyTorch's module turns a batch-first input round, copies queries, keys and values apart, and fills
three gradients of three times their size with zeros on the way back: of a training step of ViT-B/32
in fp32 on a CPU that is 4 %. Here all three are views of one projection, and in bf16 on a CPU the
way back does without PyTorch's fused kernel. Results differ by rounding alone; weights keep their
names.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = Callable[[Tensor], Tensor]

LONGEST = 257
"""Tokens up to which scores may be kept for the way back (ViT-L/14 at 224 px has as many): a layer
keeps `N · H · L²` of them, which beyond is most of what a step keeps."""


def self_attention(
    x: Tensor, heads: int, in_proj: Layer, out_proj: Layer, mask: Tensor | None = None
) -> Tensor:
    """`(N, L, E) → (N, L, E)`; `in_proj` gives queries, keys and values beside one another.

    `mask` is added to the scores: `(L, L)`, one for all, or `(N·H, L, L)`, one for each head.
    """
    q, k, v = _by_head(in_proj(x), 3, heads)
    if mask is not None:
        mask = mask.to(q.dtype)
        if mask.dim() == 3:
            mask = mask.view(-1, heads, *mask.shape[1:])
    return out_proj(_joined(_mix(q, k, v, mask)))


def _by_head(x: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """`(N, L, parts·E)` as `parts` of `(N, H, L, E/H)`."""
    split = x.view(*x.shape[:2], parts, heads, -1)
    return tuple(part.transpose(1, 2) for part in split.unbind(2))


def _joined(x: Tensor) -> Tensor:
    """`(N, H, L, E/H) → (N, L, E)`."""
    return x.transpose(1, 2).flatten(2)


def _mix(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    if not _products_are_faster(q, k):
        return F.scaled_dot_product_attention(q, k, v, mask)
    scores = q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + mask
    return scores.softmax(-1) @ v


def _products_are_faster(q: Tensor, k: Tensor) -> bool:
    """In bf16 on a CPU the fused kernel's way back takes seven times as long as plain products.
    Where there is no way back the fused kernel stays: it rounds no scores to bf16.
    """
    return (
        q.dtype is torch.bfloat16
        and q.device.type == "cpu"
        and q.requires_grad
        and k.shape[-2] <= LONGEST
    )


def is_joint(attention: nn.MultiheadAttention) -> bool:
    """Whether queries, keys and values are projected by one matrix, and nothing is added."""
    return (
        attention.in_proj_weight is not None
        and attention.bias_k is None
        and not attention.add_zero_attn
        and attention.dropout == 0
    )


class DirectAttention(nn.MultiheadAttention):
    """The same attention; asked for anything but plain attention it is PyTorch's own."""

    def forward(  # type: ignore[override]
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        **more: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """As open_clip asks: `need_weights=False` and a mask that is added, or none."""
        plain = not (need_weights or more) and key is value and query.dim() == 3
        if plain and query is key and (attn_mask is None or attn_mask.is_floating_point()):
            return self._among(query, attn_mask), None
        if plain and self.batch_first and attn_mask is None:
            return self._of_others(query, key), None
        return super().forward(
            query, key, value, need_weights=need_weights, attn_mask=attn_mask, **more
        )

    def _among(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if not self.batch_first:
            x = x.transpose(0, 1)
        out = self_attention(x, self.num_heads, self._in, self.out_proj, mask)
        return out if self.batch_first else out.transpose(0, 1)

    def _in(self, x: Tensor) -> Tensor:
        return F.linear(x, self.in_proj_weight, self.in_proj_bias)

    def _of_others(self, x: Tensor, others: Tensor) -> Tensor:
        """`(N, M, E) → (N, M, E)`: what M tokens take from L others, `(N, L, E)`."""
        sizes = [self.embed_dim, 2 * self.embed_dim]
        weights = torch.split(self.in_proj_weight, sizes)
        bias = self.in_proj_bias
        biases = (None, None) if bias is None else torch.split(bias, sizes)
        (q,) = _by_head(F.linear(x, weights[0], biases[0]), 1, self.num_heads)
        k, v = _by_head(F.linear(others, weights[1], biases[1]), 2, self.num_heads)
        return self.out_proj(_joined(_mix(q, k, v, None)))


def go_direct(module: nn.Module) -> None:
    """Make every attention inside that can be a `DirectAttention`, in place."""
    for attention in module.modules():
        if type(attention) is nn.MultiheadAttention and is_joint(attention):
            attention.__class__ = DirectAttention


def go_back(module: nn.Module) -> None:
    """Undo `go_direct`, for whoever replaces what an attention is made of (LoRA, ONNX)."""
    for attention in module.modules():
        if isinstance(attention, DirectAttention):
            attention.__class__ = nn.MultiheadAttention  # type: ignore[assignment]
