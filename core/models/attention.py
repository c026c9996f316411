"""Self-attention without the copies that `nn.MultiheadAttention` makes.

PyTorch's module transposes a batch-first input, copies queries, keys and values into separate
tensors, and in the backward pass fills three gradients of three times their size with zeros. That
is 4 % of a training step of ViT-B/32 in fp32 on a CPU. Here all three are views of one projection.
In bf16 on a CPU, the backward pass does not use PyTorch's fused kernel. Results differ only by
rounding, and weights keep their names.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layer = Callable[[Tensor], Tensor]

LONGEST = 257
"""The most tokens for which a layer keeps its attention scores for the backward pass (ViT-L/14 at
224 px has as many). A layer keeps `N · H · L²` of them; for longer inputs that would be most of the
memory of a step.
"""


def self_attention(
    x: Tensor, heads: int, in_proj: Layer, out_proj: Layer, mask: Tensor | None = None
) -> Tensor:
    """`(N, L, E) → (N, L, E)`; `in_proj` gives queries, keys and values as one tensor `(N, L,
    3·E)`.

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
    """True where plain matrix products replace the fused kernel: in bf16 on a CPU, its backward
    pass takes seven times as long. Without a backward pass the fused kernel stays, because it does
    not round scores to bf16.
    """
    return (
        q.dtype is torch.bfloat16
        and q.device.type == "cpu"
        and q.requires_grad
        and k.shape[-2] <= LONGEST
    )


def is_joint(attention: nn.MultiheadAttention) -> bool:
    """True if one matrix projects queries, keys and values, and nothing is added to them."""
    return (
        attention.in_proj_weight is not None
        and attention.bias_k is None
        and not attention.add_zero_attn
        and attention.dropout == 0
    )


class DirectAttention(nn.MultiheadAttention):
    """The same attention with fewer copies. Calls that it does not cover go to PyTorch's own
    code.
    """

    def forward(  # type: ignore[override]
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        **more: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Fast for open_clip's calls: `need_weights=False` and a mask that is added, or no mask."""
        # Self-attention projects one tensor; cross-attention needs two separate products.
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
        """`(N, M, E) → (N, M, E)`: M tokens attend to L others, `(N, L, E)`."""
        sizes = [self.embed_dim, 2 * self.embed_dim]
        weights = torch.split(self.in_proj_weight, sizes)
        bias = self.in_proj_bias
        biases = (None, None) if bias is None else torch.split(bias, sizes)
        (q,) = _by_head(F.linear(x, weights[0], biases[0]), 1, self.num_heads)
        k, v = _by_head(F.linear(others, weights[1], biases[1]), 2, self.num_heads)
        return self.out_proj(_joined(_mix(q, k, v, None)))


def go_direct(module: nn.Module) -> None:
    """Make every suitable attention inside a `DirectAttention`, in place."""
    for attention in module.modules():
        if type(attention) is nn.MultiheadAttention and is_joint(attention):
            # The object stays the same, and so do its weights, their names and its hooks.
            attention.__class__ = DirectAttention


def go_back(module: nn.Module) -> None:
    """Undo `go_direct`, for code that replaces parts of an attention (LoRA, ONNX)."""
    for attention in module.modules():
        if isinstance(attention, DirectAttention):
            attention.__class__ = nn.MultiheadAttention  # type: ignore[assignment]
