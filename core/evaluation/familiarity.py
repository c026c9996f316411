"""Measures how similar an image is to a classifier's training images, and when to abstain."""

import torch
from torch import Tensor

ACCEPTED = 0.95
"""Share of the in-distribution images that the threshold accepts."""


def nearest(features: Tensor, train: Tensor, leave_self_out: bool = False) -> Tensor:
    """The highest cosine to a training feature for each image, `(N,)`, from unit features `(N, D)`
    and `(M, D)`. `leave_self_out`: both are the same images, and none counts as its own neighbour.
    """
    cosines = features.double() @ train.double().T
    if leave_self_out:
        cosines.fill_diagonal_(-torch.inf)
    return cosines.max(1).values


def abstain_threshold(inside: Tensor, accepted: float = ACCEPTED) -> float:
    """The similarity that at least a share `accepted` of in-distribution images `(N,)` reaches."""
    ordered = inside.sort(descending=True).values
    kept = max(1, -int(-accepted * len(ordered) // 1))
    return float(ordered[min(kept, len(ordered)) - 1])
