"""Every image looked at: temperature, confusion and reliability against numbers made by hand."""

import math

import numpy as np
import pytest

from core.data.dataset import Item
from core.evaluation.inspection import inspect
from core.models.temperature import HIGHEST, LOWEST, fit_temperature
from core.results.inspection import confusion, most_confused
from core.results.records import Mixing


def margins(margin: float, right: int, wrong: int) -> tuple[np.ndarray, np.ndarray]:
    """Two classes, always the first is said by `margin`."""
    labels = np.array([0] * right + [1] * wrong)
    return np.tile([margin, 0.0], (right + wrong, 1)), labels


@pytest.mark.parametrize(("right", "wrong"), [(3, 1), (9, 1), (60, 40)])
def test_the_temperature_makes_confidence_what_is_right(right, wrong):
    # σ(m/T) = right/n, so T = m / log(right/wrong)
    logits, labels = margins(6.0, right, wrong)
    assert fit_temperature(logits, labels) == pytest.approx(6 / math.log(right / wrong), rel=1e-4)


def test_the_temperature_stays_in_its_bounds_where_nothing_holds_it():
    assert fit_temperature(*margins(1.0, 4, 0)) == pytest.approx(LOWEST, rel=1e-3)
    assert fit_temperature(*margins(1.0, 0, 4)) == pytest.approx(HIGHEST, rel=1e-3)


def test_rows_of_the_confusion_are_the_truth():
    matrix = confusion([0, 0, 1, 2, 2], [0, 1, 1, 1, 1], classes=3)
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [0, 2, 0]]
    assert most_confused(matrix, 9) == [(2, 1, 2), (0, 1, 1)], "none of the diagonal"
    assert most_confused(matrix, 1) == [(2, 1, 2)]


def inspected(with_val: bool):
    logits, labels = margins(6.0, 3, 1)
    items = {"test": [Item(f"{i}.png", int(y), f"{i:064x}") for i, y in enumerate(labels)]}
    if with_val:
        items["val"] = items["test"]
    by = dict.fromkeys(items, logits)
    columns = dict.fromkeys(("zero-shot", "alpha", "fine-tuned"), by)
    return inspect(Mixing.wise(0.5), (["a", "b"], ["A", "B"]), items, columns)


def test_scaling_by_the_fitted_temperature_mends_what_is_too_sure():
    said = inspected(with_val=True)
    answer = said.domains["test"].answers["alpha"]
    sure = 1 / (1 + math.exp(-6))
    assert answer.predicted == [0, 0, 0, 0]
    assert answer.confidence == pytest.approx([sure] * 4, abs=1e-5)
    assert answer.plain.ece == pytest.approx(sure - 0.75)
    assert answer.scaled is not None
    assert answer.scaled.ece == pytest.approx(0, abs=1e-4)
    assert sum(one.count for one in answer.scaled.bins) == 4


def test_without_validation_images_nothing_is_scaled():
    said = inspected(with_val=False)
    assert said.temperatures == {}
    assert said.domains["test"].answers["alpha"].scaled is None
