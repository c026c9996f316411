"""APE's channel criterion: selects the channels of CLIP's features that tell these classes
apart.
"""

import torch
from torch import Tensor


def similarity(
    prototypes: Tensor, images: Tensor | None = None, labels: Tensor | None = None
) -> Tensor:
    """The mean product between members of different classes, for every channel: `(D,)`.

    Members of a class are its prototype, a row of (C, D), and its images (N, D) with labels (N,),
    if given. APE, arXiv 2304.01195, in closed form: Σ_{i≠j} s_i·s_j = (Σ s_i)² − Σ s_i² with s_i
    the sum of a class's members. The official code loops over all pairs of members. The closed form
    also holds for classes of unequal size.
    """
    sums = prototypes.double().clone()  # (C, D)
    counts = torch.ones(len(prototypes), dtype=torch.float64, device=prototypes.device)
    if images is not None and labels is not None:
        sums.index_add_(0, labels, images.double())
        counts.index_add_(0, labels, torch.ones_like(labels, dtype=torch.float64))
    pairs = counts.sum() ** 2 - (counts**2).sum()
    return (sums.sum(0) ** 2 - (sums**2).sum(0)) / pairs


def criterion(
    prototypes: Tensor,
    share: float,
    images: Tensor | None = None,
    labels: Tensor | None = None,
) -> Tensor:
    """`(D,)`: J = −share·similarity + (1 − share)·variance over classes (unbiased); higher is
    better. APE, arXiv 2304.01195.
    """
    variance = prototypes.double().var(0, correction=1)
    return -share * similarity(prototypes, images, labels) + (1 - share) * variance


def best_channels(scores: Tensor, ratio: float) -> Tensor:
    """`(Q,)` in ascending order: the Q = round(ratio·D) channels that score highest, at least
    one.
    """
    count = max(1, round(ratio * len(scores)))
    order = torch.argsort(scores, descending=True, stable=True)
    return order[:count].sort().values
