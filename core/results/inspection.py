"""The answers of zero-shot, a mixing and fine-tuned to every image, with their calibration.

Imports neither torch nor scipy, so that the page can read it.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.results.calibration import ReliabilityBin
from core.results.records import Json, Mixing


def confusion(labels: Sequence[int], predicted: Sequence[int], classes: int) -> NDArray[np.int64]:
    """(C, C) counts: rows are the true class, columns the predicted class."""
    both = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(both, minlength=classes * classes).reshape(classes, classes)


def most_confused(matrix: NDArray[np.int64], most: int) -> list[tuple[int, int, int]]:
    """(true, predicted, count) of the errors, most frequent first, at most `most`."""
    wrong = matrix - np.diag(np.diag(matrix))
    cells = [(int(t), int(s), int(wrong[t, s])) for t, s in zip(*wrong.nonzero(), strict=True)]
    return sorted(cells, key=lambda cell: (-cell[2], cell[0], cell[1]))[:most]


COLUMNS = ("zero-shot", "alpha", "fine-tuned")


class Calibration(Json):
    """Reliability on one domain."""

    ece: float
    """Expected calibration error over the same bins, a fraction."""
    bins: list[ReliabilityBin]


class InspectedAnswers(Json):
    """The answers of one classifier to the N images of a domain, with their calibration."""

    predicted: list[int]
    """Index of the likeliest class."""
    confidence: list[float]
    """Its softmax probability."""
    plain: Calibration
    scaled: Calibration | None
    """Calibration with the temperature; None without validation images to fit it."""


class InspectedDomain(Json):
    """The N images of a domain, with the answers of each column."""

    sha256: list[str]
    labels: list[int]
    answers: dict[str, InspectedAnswers]
    """By `COLUMNS`."""


class Inspection(Json):
    """A finished run under one mixing, image by image."""

    alpha: float
    mixing: Mixing
    """The mixing of the column `alpha`."""
    classes: list[str]
    names: list[str]
    temperatures: dict[str, float]
    """By `COLUMNS`, fitted on `val`; empty without one."""
    domains: dict[str, InspectedDomain]
