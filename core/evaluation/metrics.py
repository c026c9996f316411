"""Numbers from logits: accuracy with its interval, calibration, likelihood. Pure functions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.intervals import wilson
from core.records import DomainScore


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
