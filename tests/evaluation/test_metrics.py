"""Metrics against numbers worked out by hand."""

import math

import pytest
import torch

from core.evaluation.metrics import expected_calibration_error, score


def logits_with(probability: float) -> list[float]:
    """Two-class logits whose first class has this probability."""
    return [math.log(probability / (1 - probability)), 0.0]


def test_ece_equals_the_hand_worked_number():
    # Two answers at 0.9, one of them right: |0.5 − 0.9| = 0.4.
    # Two at 0.6, both right: |1 − 0.6| = 0.4.
    logits = torch.tensor([logits_with(p) for p in (0.9, 0.9, 0.6, 0.6)])
    labels = torch.tensor([0, 1, 0, 0])
    assert expected_calibration_error(logits, labels) == pytest.approx(0.4, abs=1e-6)


def test_ece_bins_are_closed_on_the_right():
    # 0.6 and 0.61 lie in (8/15, 9/15] and (9/15, 10/15]: apart they do not average out.
    logits = torch.tensor([logits_with(0.6), logits_with(0.61)], dtype=torch.float64)
    labels = torch.tensor([0, 1])
    expected = 0.5 * (1 - 0.6) + 0.5 * 0.61
    assert expected_calibration_error(logits, labels) == pytest.approx(expected, abs=1e-6)


def test_score_counts_and_keeps_its_counts():
    logits = torch.tensor([[2.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 2.0, 0.0]])
    labels = torch.tensor([0, 1, 1, 1])
    result = score(logits, labels, ["fox", "owl", "absent"])
    assert (result.n, result.correct, result.accuracy) == (4, 3, 0.75)
    assert result.per_class == {"fox": (1, 1), "owl": (2, 3)}
    assert result.macro == pytest.approx((1 + 2 / 3) / 2)
    right, wrong = -math.log(math.e**2 / (math.e**2 + 2)), -math.log(1 / (math.e**2 + 2))
    assert result.nll == pytest.approx((3 * right + wrong) / 4)
