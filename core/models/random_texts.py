"""Texts of random tokens, and the text tower on sequences that are not padded.

Lipsum-FT (arXiv 2404.00860) holds the image tower by what it says to texts that mean nothing.
"""

from dataclasses import dataclass
from typing import Any

import open_clip
import torch
from open_clip.transformer import TextTransformer
from torch import Tensor, nn

from core.errors import UserError
from core.models.clip import TEXT_BATCH, ClipModel


@dataclass(frozen=True)
class Vocabulary:
    """What a random text is made of."""

    ids: Tensor
    """`(V,)` token ids to draw from, on the CPU."""
    start: int
    """Id of the start-of-text token (49406 in CLIP)."""
    end: int
    """Id of the end-of-text token (49407 in CLIP), the largest one."""
    longest: int
    """Most tokens between the two."""


def vocabulary(clip: ClipModel) -> Vocabulary:
    """The tokens of `clip` but start and end, 0 … 49405, as the official code draws them.

    Tokens whose embedding is all zeros are left out: the model was shipped without them. Weights
    that come with their whole vocabulary have none, so there every id is drawn. A `UserError` where
    the text tower cannot read such texts (see `encode_tokens`).
    """
    tower = _text_tower(clip)
    start, end = clip.tokenizer.sot_token_id, clip.tokenizer.eot_token_id
    known = tower.token_embedding.weight.detach().ne(0).any(dim=1).cpu()
    known[end:] = False
    known[start] = False
    return Vocabulary(known.nonzero().flatten(), start, end, clip.model.context_length - 2)


def random_texts(
    count: int, length: int, generator: torch.Generator, vocabulary: Vocabulary
) -> Tensor:
    """`(count, length + 2)` ids: start, `length` uniform draws, end. Not padded.

    `generator` lives on the CPU; the draws do not depend on the device.
    """
    if length > vocabulary.longest:
        raise UserError(
            f"random texts: this model reads at most {vocabulary.longest} tokens between start and "
            f"end, got a length of {length}. Lower it."
        )
    drawn = torch.randint(len(vocabulary.ids), (count, length), generator=generator)
    ends = torch.tensor([vocabulary.start, vocabulary.end]).expand(count, 2)
    return torch.cat([ends[:, :1], vocabulary.ids[drawn], ends[:, 1:]], dim=1)


@torch.no_grad()
def encode_tokens(clip: ClipModel, tokens: Tensor) -> Tensor:
    """`(N, L) → (N, D)`: raw text features in fp32 on the device, of ids that are not padded.

    `ClipModel.encode_text` reads `context_length` tokens whatever the text. In a causal tower that
    pools at the largest id nothing after the end token counts, so the first L rows of the
    positional table and of the mask give the same features for a fraction of the work (10 tokens
    instead of 77). A `UserError` for towers of another kind.
    """
    tower = _text_tower(clip)
    batches = torch.split(tokens.to(clip.precision.device), TEXT_BATCH)
    return torch.cat([_encode(tower, batch) for batch in batches])


def _encode(tower: Any, tokens: Tensor) -> Tensor:
    length = tokens.shape[1]
    x = tower.token_embedding(tokens) + tower.positional_embedding[:length]  # (N, L, W)
    x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
    pooled = tower.ln_final(x)[torch.arange(len(x)), tokens.argmax(dim=1)]  # (N, W)
    projection = tower.text_projection
    if projection is not None:
        pooled = projection(pooled) if isinstance(projection, nn.Linear) else pooled @ projection
    return pooled.float()


def _text_tower(clip: ClipModel) -> Any:
    """What holds the text tower's parts: open_clip's `CLIP` itself, or a `CustomTextCLIP`'s own.

    A `UserError` unless it is byte-pair tokenised, causal and pooled at the largest id.
    """
    model = clip.model
    tower = getattr(model, "text", model)
    if not isinstance(clip.tokenizer, open_clip.SimpleTokenizer):
        problem = f"a {type(clip.tokenizer).__name__}"
    elif not isinstance(tower, open_clip.CLIP | TextTransformer):
        problem = f"a text tower of its own kind ({type(tower).__name__})"
    elif tower.attn_mask is None:
        problem = "a text tower that reads in both directions"
    elif (pool := _pooling(tower)) != "argmax":
        problem = f"a text tower that pools by {pool!r}"
    else:
        return tower
    raise UserError(
        "random texts: they need a text tower like CLIP's own (byte-pair tokens, causal, pooled at "
        f"the end token), and {clip.name} has {problem}. Use texts made of words "
        "(guidance=fixed), or another model."
    )


def _pooling(tower: Any) -> str:
    if getattr(tower, "cls_emb", None) is not None:
        return "class token"
    return str(tower.text_pool_type if isinstance(tower, open_clip.CLIP) else tower.pool_type)
