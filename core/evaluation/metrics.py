"""Numbers from logits: accuracy with its interval, calibration, likelihood. Pure functions."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.records import DomainScore

Z95 = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


def wilson(correct: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927); (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share, z2 = correct / n, z * z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = 15) -> float:
    """ECE of softmax confidences, a fraction: Σ (n_b/N)·|accuracy_b − confidence_b| over right-
    closed bins.

    Guo et al. 2017, arXiv 1706.04599, Eq. 3. Logits are `(N, C)`, labels `(N,)`.
    """
    confidence, predicted = F.softmax(logits.double(), dim=1).max(dim=1)
    hit = (predicted == labels).double()
    which = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gap = torch.zeros(bins, dtype=torch.float64)
    gap.index_add_(0, which, hit - confidence)
    return float(gap.abs().sum() / len(labels))


def score(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> DomainScore:
    """Everything that is reported of one domain. Logits `(N, C)` in fp32, labels `(N,)`."""
    n = len(labels)
    hits = logits.argmax(1) == labels
    correct = int(hits.sum())
    low, high = wilson(correct, n)
    per_class = {}
    for index, name in enumerate(classes):
        members = labels == index
        if members.any():
            per_class[name] = (int(hits[members].sum()), int(members.sum()))
    shares = [right / count for right, count in per_class.values()]
    return DomainScore(
        n=n,
        correct=correct,
        accuracy=correct / n,
        low=low,
        high=high,
        ece=expected_calibration_error(logits, labels),
        nll=float(F.cross_entropy(logits.double(), labels)),
        macro=sum(shares) / len(shares),
        per_class=per_class,
    )
