"""Texts of random tokens, and their features.

Lipsum-FT (arXiv 2404.00860) regularises the image tower by its similarity to texts without meaning.
"""

from dataclasses import dataclass
from typing import Any

import open_clip
import torch
from torch import Tensor

from core.errors import UserError
from core.models.clip import TEXT_BATCH, ClipModel
from core.models.text_tower import parts_of, read_short, why_padding_counts


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of random texts."""

    ids: Tensor
    """`(V,)` token ids to draw from, on the CPU."""
    start: int
    """Id of the start-of-text token (49406 in CLIP)."""
    end: int
    """Id of the end-of-text token (49407 in CLIP), the largest one."""
    longest: int
    """The most tokens between the two."""


def vocabulary(clip: ClipModel) -> Vocabulary:
    """The tokens of `clip` except start and end, 0 … 49405, as the official code draws them.

    Tokens whose embedding is all zeros are left out: the model was shipped without them. Weights
    with their whole vocabulary have no such tokens, so every id is drawn there. A `UserError` if
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

    A `UserError` for towers that read padding.
    """
    tower = _text_tower(clip)
    batches = torch.split(tokens.to(clip.precision.device), TEXT_BATCH)
    return torch.cat([read_short(tower, batch).float() for batch in batches])


def _text_tower(clip: ClipModel) -> Any:
    """The module that holds the text tower's parts. A `UserError` unless the tower is byte-pair
    tokenised, causal and pooled at the largest id.
    """
    tower = parts_of(clip.model)
    problem = why_padding_counts(tower)
    if not isinstance(clip.tokenizer, open_clip.SimpleTokenizer):
        problem = f"a {type(clip.tokenizer).__name__}"
    if not problem:
        return tower
    raise UserError(
        "random texts: they need a text tower like CLIP's own (byte-pair tokens, causal, pooled at "
        f"the end token), and {clip.name} has {problem}. Use texts made of words "
        "(guidance=fixed), or another model."
    )
