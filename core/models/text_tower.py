"""Runs the text tower on as many tokens as the longest text has, not on the padded context.

A causal tower that pools at the end of the text does not see what follows it. So the first L rows
of the positional table and of the mask give the same features for a fraction of the work (15 tokens
instead of 77 for a prompt). Results differ only by rounding.
"""

from typing import Any

import torch
from open_clip import CLIP
from open_clip.transformer import TextTransformer
from torch import Tensor, nn


def read_texts(model: Any, tokens: Tensor) -> Tensor:
    """`(N, L) → (N, D)`: raw features from an open_clip model's text tower, with gradients."""
    tower = parts_of(model)
    if why_padding_counts(tower):
        features: Tensor = model.encode_text(tokens)
        return features
    return read_short(tower, tokens[:, : int(tokens.argmax(dim=1).max()) + 1])


def read_short(tower: Any, tokens: Tensor) -> Tensor:
    """`(N, L) → (N, D)`: raw features of texts that end within L, whatever the context length, from
    a tower that ignores padding.
    """
    length = tokens.shape[1]
    x = tower.token_embedding(tokens) + tower.positional_embedding[:length]  # (N, L, W)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    ends = tokens.argmax(dim=1)
    pooled: Tensor = tower.ln_final(x)[torch.arange(len(x), device=x.device), ends]  # (N, W)
    projection = tower.text_projection
    if projection is None:
        return pooled
    return projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection


def parts_of(model: Any) -> Any:
    """The module that holds the text tower's parts: open_clip's `CLIP` itself, or the text tower of
    a `CustomTextCLIP`.
    """
    return getattr(model, "text", model)


def why_padding_counts(tower: Any) -> str:
    """The property of the tower that makes its features depend on what follows the text; empty if
    there is none.
    """
    if not isinstance(tower, CLIP | TextTransformer):
        return f"a text tower of its own kind ({type(tower).__name__})"
    if tower.attn_mask is None:
        return "a text tower that reads in both directions"
    if (pool := _pooling(tower)) != "argmax":
        return f"a text tower that pools by {pool!r}"
    return ""


def _pooling(tower: Any) -> str:
    if getattr(tower, "cls_emb", None) is not None:
        return "class token"
    return str(tower.text_pool_type if isinstance(tower, CLIP) else tower.pool_type)
