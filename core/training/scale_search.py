"""Searches α, β and γ of cache methods: a grid of scales, measured on given images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

CHUNK_FLOATS = 1 << 22
"""Size of the largest array of the search: small enough for a processor's cache and for any
memory.
"""

Ties = Literal["likelier", "first"]


@dataclass(frozen=True)
class GridPoint:
    """The best point of a grid, and the number of images that it gets right."""

    beta: float
    alpha: float
    which: int
    """Index of the key weights (γ)."""
    hits: int


@torch.inference_mode()
def best_scales(
    logits: Tensor,
    affinity: Tensor,
    values: Tensor,
    labels: Tensor,
    betas: Sequence[float],
    alphas: Sequence[float],
    ties: Ties,
) -> GridPoint:
    """The (β, α, γ) whose logits + α·exp(−β(1 − affinity))·values_γ get the most images right.

    Logits (B, C), affinity (B, N), values (G, N, C) with one class per key, labels (B,); α must
    ascend. Tie-break: `first` takes the first point, where β changes slowest and γ fastest, like
    the strict > in the official nested loops. `likelier` takes the point with the lowest NLL of the
    images.
    """
    hits = grid_hits(logits, affinity, values, labels, betas, alphas)
    best = (hits == hits.max()).nonzero()  # (P, 3)
    winner = 0
    if ties == "likelier" and len(best) > 1:
        nll = grid_nll(logits, affinity, values, labels, betas, alphas, best)
        winner = int(nll.argmin())
    beta, alpha, which = best[winner].tolist()
    return GridPoint(betas[beta], alphas[alpha], which, int(hits.max()))


def grid_hits(
    logits: Tensor,
    affinity: Tensor,
    values: Tensor,
    labels: Tensor,
    betas: Sequence[float],
    alphas: Sequence[float],
) -> Tensor:
    """The number of images that each point of the grid gets right: `(len(betas), len(alphas), G)`.
    `alphas` ascend.

    Logits are linear in α. So for one image and one (β, γ), every other class allows an interval of
    α, and the image is right where all intervals overlap. No α needs logits of its own. The right
    class counts as found if it shares the highest logit.
    """
    members, weights = _by_class(values)  # (C, K), (C, K, G)
    classes, per_class, choices = weights.shape
    steps = torch.tensor(alphas, device=logits.device)
    counts = torch.zeros(len(betas), len(alphas) + 1, choices, device=logits.device)
    rows = max(1, CHUNK_FLOATS // (classes * max(per_class, choices)))
    for start in range(0, len(labels), rows):
        chunk = slice(start, start + rows)
        gap = affinity[chunk].T[members].transpose(1, 2) - 1  # (C, B, K)
        own = labels[chunk][None, :, None]  # (1, B, 1)
        base = logits[chunk].T[..., None]  # (C, B, 1)
        ahead = base - base.gather(0, own)
        for index, beta in enumerate(betas):
            votes = torch.bmm(torch.exp(beta * gap), weights)  # (C, B, G)
            rise = votes - votes.gather(0, own.expand(-1, -1, choices))
            low, high = _interval(ahead, rise)  # (B, G)
            begin = torch.searchsorted(steps, low, right=False)
            end = torch.searchsorted(steps, high, right=True)
            right = (begin < end).float()
            counts[index].scatter_add_(0, begin, right)
            counts[index].scatter_add_(0, end, -right)
    return counts.cumsum(1)[:, :-1].round().long()


def grid_nll(
    logits: Tensor,
    affinity: Tensor,
    values: Tensor,
    labels: Tensor,
    betas: Sequence[float],
    alphas: Sequence[float],
    points: Tensor,
) -> Tensor:
    """The mean negative log-likelihood (nats) of the images at some points of the grid: `(P,)`, for
    positions (β, α, γ) `(P, 3)`.
    """
    total = torch.zeros(len(points), dtype=torch.float64, device=logits.device)
    pairs, member = torch.unique(points[:, [0, 2]], dim=0, return_inverse=True)  # of β and γ
    rows = max(1, CHUNK_FLOATS // max(affinity.shape[1], len(alphas) * logits.shape[1]))
    for start in range(0, len(labels), rows):
        chunk = slice(start, start + rows)
        for number, (beta, which) in enumerate(pairs.tolist()):
            votes = torch.exp(betas[beta] * (affinity[chunk] - 1)) @ values[which]  # (B, C)
            here = (member == number).nonzero().flatten()
            steps = torch.tensor([alphas[i] for i in points[here, 1].tolist()]).to(votes)
            mixed = logits[chunk] + steps[:, None, None] * votes  # (A, B, C)
            own = labels[chunk].expand(len(here), -1)[..., None]
            total[here] -= mixed.log_softmax(2).gather(2, own).double().sum(dim=(1, 2))
    return total / len(labels)


def _interval(ahead: Tensor, rise: Tensor) -> tuple[Tensor, Tensor]:
    """The α from `low` to `high` for which ahead + α·rise ≤ 0 in every class (the first dimension);
    `low` > `high` if there is none.
    """
    bound = -ahead / rise
    low = torch.where(rise < 0, bound, -torch.inf).amax(0)
    high = torch.where(rise > 0, bound, torch.inf)
    never = ((rise == 0) & (ahead > 0)).any(0)
    return low, high.amin(0).masked_fill(never, -torch.inf)


def _by_class(values: Tensor) -> tuple[Tensor, Tensor]:
    """For every class the positions of its keys (C, K) and their weights (C, K, G). A class with
    fewer than K keys repeats key 0 with weight 0.
    """
    choices, keys, classes = values.shape
    label = values[0].abs().argmax(1)  # (N,)
    order = torch.argsort(label, stable=True)
    counts = torch.bincount(label, minlength=classes)
    first = counts.cumsum(0) - counts
    place = torch.arange(keys, device=values.device) - first[label[order]]
    members = torch.zeros(classes, int(counts.max()), dtype=torch.long, device=values.device)
    weights = torch.zeros(*members.shape, choices, device=values.device)
    members[label[order], place] = order
    own = values[:, torch.arange(keys, device=values.device), label]  # (G, N)
    weights[label[order], place] = own[:, order].T
    return members, weights
