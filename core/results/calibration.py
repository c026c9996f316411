"""Reliability bins, and the calibration error computed from them. Imports no torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True)
class ReliabilityBin:
    """The answers whose confidence lies in (low, high]."""

    low: float
    high: float
    count: int
    confidence: float | None
    """Their mean confidence; None for an empty bin."""
    accuracy: float | None
    """The fraction that is correct; None for an empty bin."""


def reliability(
    confidence: NDArray[np.floating], hit: NDArray[np.bool_], bins: int = BINS
) -> list[ReliabilityBin]:
    """Equal-width bins, closed on the right, of the confidence (N,) in the predicted class.

    `hit` (N,) is True where the prediction is correct. Guo et al. 2017, arXiv 1706.04599 §2.
    """
    confidence = np.asarray(confidence, dtype=np.float64)
    which = np.clip(np.ceil(confidence * bins), 1, bins).astype(int) - 1
    count = np.bincount(which, minlength=bins)
    total = np.bincount(which, weights=confidence, minlength=bins)
    right = np.bincount(which, weights=np.asarray(hit, dtype=np.float64), minlength=bins)
    return [
        ReliabilityBin(
            low=index / bins,
            high=(index + 1) / bins,
            count=int(n),
            confidence=float(total[index] / n) if n else None,
            accuracy=float(right[index] / n) if n else None,
        )
        for index, n in enumerate(count)
    ]


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """ECE, a fraction: Σ (n_b/N)·|accuracy_b − confidence_b|. Guo et al. 2017, Eq. 3."""
    whole = sum(one.count for one in bins)
    gaps = (
        one.count * abs(one.accuracy - one.confidence)
        for one in bins
        if one.accuracy is not None and one.confidence is not None
    )
    return sum(gaps) / whole
