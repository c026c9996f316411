"""Metrics from logits: accuracy with its interval, calibration, likelihood. Pure functions."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import NotFinite
from core.results.calibration import BINS, calibration_error, reliability
from core.results.groups import worst_class
from core.results.intervals import wilson
from core.results.records import DomainScore


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """ECE of softmax confidences, a fraction; see `calibration.calibration_error`.

    Logits are `(N, C)`, labels `(N,)`.
    """
    confidence, predicted = F.softmax(logits.double(), dim=1).max(dim=1)
    hit = predicted == labels
    return calibration_error(reliability(confidence.numpy(), hit.numpy(), bins))


def macro_f1(predicted: Tensor, labels: Tensor) -> float:
    """The mean F1 = 2·TP/(2·TP + FP + FN) over the classes with images. Both are `(N,)`.

    A class without images has no recall and does not enter the mean. Images that are assigned to it
    still count as misses of their true class.
    """
    scores = []
    for label in set(labels.tolist()):
        said, true = predicted == label, labels == label
        scores.append(2 * int((said & true).sum()) / int(said.sum() + true.sum()))
    return sum(scores) / len(scores)


def score(logits: Tensor, labels: Tensor, classes: Sequence[str]) -> DomainScore:
    """Every reported number of one domain. Logits `(N, C)` in fp32, labels `(N,)`.

    Raises `NotFinite` if training broke the model.
    """
    if not logits.isfinite().all():
        raise NotFinite(
            "evaluation: the model's outputs are not numbers any more. Lower lr, or train in fp32."
        )
    n = len(labels)
    predicted = logits.argmax(1)
    hits = predicted == labels
    correct = int(hits.sum())
    low, high = wilson(correct, n)
    per_class = {}
    for index, name in enumerate(classes):
        members = labels == index
        if members.any():
            per_class[name] = (int(hits[members].sum()), int(members.sum()))
    shares = [right / count for right, count in per_class.values()]
    own = _correct_among_present(logits, labels) if len(per_class) < len(classes) else None
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
        macro_f1=macro_f1(predicted, labels),
        worst_class=worst_class(per_class),
        classes_all=len(classes),
        classes_present=len(per_class),
        correct_own=own,
        accuracy_own=None if own is None else own / n,
    )


def _correct_among_present(logits: Tensor, labels: Tensor) -> int:
    """The number of right answers if only classes with images are allowed."""
    present, own = torch.unique(labels, return_inverse=True)  # ascending, so ties fall as before
    return int((logits[:, present].argmax(1) == own).sum())
