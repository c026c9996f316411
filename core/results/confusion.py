"""The confusion matrix of a classifier. Imports no torch."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def confusion(labels: Sequence[int], predicted: Sequence[int], classes: int) -> NDArray[np.int64]:
    """(C, C) counts: rows are the true class, columns the predicted class."""
    both = np.asarray(labels, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(both, minlength=classes * classes).reshape(classes, classes)


def most_confused(matrix: NDArray[np.int64], most: int) -> list[tuple[int, int, int]]:
    """(true, predicted, count) of the errors, most frequent first, at most `most`."""
    wrong = matrix - np.diag(np.diag(matrix))
    cells = [(int(t), int(s), int(wrong[t, s])) for t, s in zip(*wrong.nonzero(), strict=True)]
    return sorted(cells, key=lambda cell: (-cell[2], cell[0], cell[1]))[:most]
