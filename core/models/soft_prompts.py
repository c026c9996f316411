"""Prompts whose context words are free vectors: CoOp learns them, SHIP generates them."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.models.clip import ClipModel, unit

Position = Literal["end", "middle", "front"]
"""The position of the class name among the context vectors (CoOp, arXiv 2109.01134)."""


class SoftPrompts:
    """[SOS] v₁ … v_n class . [EOS] for every class; each call passes the v.

    The text tower is CLIP's own and stays frozen; gradients flow through it to the v. A causal
    tower that pools at [EOS] ignores what follows. So prompts are as long as the longest of them,
    and not padded to the tower's full context.
    """

    def __init__(
        self, clip: ClipModel, names: Sequence[str], vectors: int, position: Position = "end"
    ) -> None:
        """A `UserError` if the text tower is of another kind or too short for so many vectors."""
        self._tower = _checked_tower(clip)
        room = room_for_context(clip, names)
        if vectors > room:
            fewer = f"Set vectors to {room} or less, or give" if room > 0 else "Give"
            raise UserError(
                f"context: {vectors} context vectors and the longest class name do not fit into "
                f"the {self._tower.context_length} tokens that the text tower reads. "
                f"{fewer} the classes shorter names."
            )
        first, last, dot = *_marks(clip), _words(clip, ".")
        slots = range(-vectors, 0)  # negative: the next context vector goes here
        before = {"end": vectors, "middle": vectors // 2, "front": 0}[position]
        rows = [
            [first, *slots[:before], *_words(clip, name), *slots[before:], *dot, last]
            for name in names
        ]
        longest = max(map(len, rows))
        device = clip.precision.device
        self._ends = torch.tensor([len(row) - 1 for row in rows], device=device)  # (C,)
        padded = [row + [0] * (longest - len(row)) for row in rows]
        self._ids = torch.tensor(padded, device=device)  # (C, L)

    @property
    def width(self) -> int:
        """Length of one context vector."""
        return int(self._tower.token_embedding.embedding_dim)

    def encode(self, context: Tensor, classes: Tensor | None = None) -> Tensor:
        """Unit features `(N, D)` of one prompt for each of `classes` (N,), by default of all
        classes.

        `context` is `(n, W)` for all of them or `(N, n, W)`.
        """
        tower = self._tower
        ids = self._ids if classes is None else self._ids[classes]  # (N, L)
        ends = self._ends if classes is None else self._ends[classes]
        words = tower.token_embedding(ids.clamp(min=0))  # (N, L, W)
        vectors = context.expand(len(ids), *context.shape[-2:])
        x = words.masked_scatter((ids < 0)[..., None], vectors.contiguous())
        length = ids.shape[1]
        x = x + tower.positional_embedding[:length]
        x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
        x = tower.ln_final(x)[torch.arange(len(ids), device=ids.device), ends]
        projection = tower.text_projection
        x = x @ projection if isinstance(projection, Tensor) else projection(x)
        return unit(x.float())


def word_vectors(clip: ClipModel, text: str) -> Tensor:
    """The frozen token embeddings `(n, W)` of a text."""
    ids = torch.tensor(_words(clip, text), device=clip.precision.device)
    vectors: Tensor = _checked_tower(clip).token_embedding(ids)
    return vectors.detach().clone()


def room_for_context(clip: ClipModel, names: Sequence[str]) -> int:
    """The number of context vectors that fit next to the longest name, its full stop and the two
    marks.
    """
    longest = max(len(_words(clip, name)) for name in names)
    return int(_checked_tower(clip).context_length) - longest - len(_words(clip, ".")) - 2


def _checked_tower(clip: ClipModel) -> Any:
    tower = getattr(clip.model, "text", clip.model)  # CustomTextCLIP keeps its text tower apart
    pooled = getattr(tower, "text_pool_type", getattr(tower, "pool_type", ""))
    causal = getattr(tower, "attn_mask", None) is not None
    plain = getattr(tower, "cls_emb", None) is None and hasattr(tower, "token_embedding")
    if not (plain and causal and pooled == "argmax" and tower.text_projection is not None):
        raise UserError(
            f"model: learning prompts needs CLIP's own kind of text tower (causal, pooled at the "
            f"end of the text), and {clip.name} has another. Choose another model or method."
        )
    return tower


def _marks(clip: ClipModel) -> tuple[int, int]:
    """The tokens that start and end every text."""
    ids = clip.tokens([[""]])[0, 0]
    return int(ids[0]), int(ids.max())


def _words(clip: ClipModel, text: str) -> list[int]:
    """The tokens of a text without start and end; the tokeniser cuts a text that is too long."""
    ids = clip.tokens([[text]])[0, 0]
    words: list[int] = ids[1 : int(ids.argmax())].tolist()
    return words


STANDARD_DEVIATION = 0.02


class FeatureGenerator(nn.Module):
    """A variational autoencoder whose decoder ends in a prompt: z shifts learnable context vectors,
    CLIP's frozen text tower reads "[shifted context] class.", and the result is the image feature.

    SHIP, arXiv 2307.07397. Widths follow its official code in units of D, which is 512 there:
    encoder D → 4D → mean and log-variance (D), generator D → 8D → one shift for all vectors.
    """

    def __init__(self, clip: ClipModel, names: Sequence[str], draw: torch.Generator) -> None:
        """Weights are drawn from N(0, 0.02²); the context starts as "a photo of a"."""
        super().__init__()
        context = word_vectors(clip, "a photo of a")  # (4, W)
        size, width = clip.embed_dim, context.shape[1]
        self.prompts = SoftPrompts(clip, names, len(context))
        self.encoder = nn.Sequential(
            nn.Linear(size, 4 * size), nn.ReLU(), nn.Linear(4 * size, 2 * size)
        )
        self.generator = nn.Sequential(
            nn.Linear(size, 8 * size), nn.ReLU(), nn.Linear(8 * size, width)
        )
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                noise = torch.randn(parameter.shape, generator=draw) * STANDARD_DEVIATION
                parameter.copy_(noise if name.endswith("weight") else torch.zeros_like(noise))
        self.context = nn.Parameter(context.cpu())
        self.to(clip.precision.device)

    def encode(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance `(B, D)` of z for unit image features `(B, D)`."""
        mean, log_variance = self.encoder(features).chunk(2, dim=1)
        return mean, log_variance

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        """Unit features `(B, D)` of images of `classes` (B,), from z `(B, D)`."""
        shift = self.generator(z)  # (B, W)
        return self.prompts.encode(self.context + shift[:, None], classes)
