"""Robustness of several models, computed from their accuracies alone. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import UserError
from core.rounding import percent

FEWEST_BASELINES = 2


@dataclass(frozen=True)
class Measurement:
    """A model's accuracy (a fraction of 1) and the number of images behind it."""

    accuracy: float
    n: int


@dataclass(frozen=True)
class ModelPoint:
    """A model on reference images (ID) and on shifted ones (OOD)."""

    reference: Measurement
    shift: Measurement


@dataclass(frozen=True)
class BaselineFit:
    """logit(shift) = intercept + slope·logit(reference), fitted over the baseline models."""

    slope: float
    intercept: float
    models: int

    def expected(self, reference: Measurement) -> float:
        """β: the shift accuracy of a baseline with this reference accuracy, a fraction of 1."""
        return _share(self.intercept + self.slope * logit(reference))

    def effective_robustness(self, point: ModelPoint) -> float:
        """acc_shift − β(acc_ref): the shift accuracy beyond what the reference accuracy predicts.

        Taori et al. 2020, arXiv 2007.00644 §2. A fraction of 1.
        """
        return point.shift.accuracy - self.expected(point.reference)


def relative_accuracy(point: ModelPoint) -> float | None:
    """Shift accuracy divided by reference accuracy (Lipsum-FT, arXiv 2404.00860 Fig. 4). None if
    the reference accuracy is 0.
    """
    if point.reference.accuracy == 0:
        return None
    return point.shift.accuracy / point.reference.accuracy


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Pearson's correlation, for example of energy gap and relative accuracy over models. None for
    fewer than two points, or if all values are equal.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} values against {len(y)}")
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(a) < 2:
        return None
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size else None


def _share(odds: float) -> float:
    """The inverse of `logit`; scipy's own takes a third of a second to import."""
    return (1 + math.tanh(odds / 2)) / 2


def logit(measured: Measurement) -> float:
    """log(p/(1 − p)). An accuracy of 0 or 1 would give infinity; it is moved by half an image, to
    1/(2n) or 1 − 1/(2n).
    """
    margin = 0.5 / measured.n
    share = min(max(measured.accuracy, margin), 1 - margin)
    return math.log(share / (1 - share))


def fit_baselines(baselines: Sequence[ModelPoint]) -> BaselineFit:
    """Fits a line by least squares in logits. Raises `UserError` for fewer than two models, or if
    all have the same reference accuracy.
    """
    if len(baselines) < FEWEST_BASELINES:
        raise UserError(
            f"effective robustness: a line needs at least {FEWEST_BASELINES} baseline models, got "
            f"{len(baselines)}. Name more."
        )
    x = np.array([logit(point.reference) for point in baselines])
    y = np.array([logit(point.shift) for point in baselines])
    spread = x - x.mean()
    if np.ptp(x) < 1e-9:
        raise UserError(
            "effective robustness: the baseline models must differ in ID accuracy, and all have "
            f"{percent(baselines[0].reference.accuracy)} %. Name others, such as zero-shot."
        )
    slope = float(spread @ y / (spread @ spread))
    return BaselineFit(slope, float(y.mean() - slope * x.mean()), len(baselines))
