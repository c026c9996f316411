"""Metrics against numbers worked out by hand."""

import math

import pytest
import torch
from sklearn.metrics import f1_score

from core.evaluation.metrics import expected_calibration_error, macro_f1, score
from tests.mutants import Mutant


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
    # fox: one true positive, one false: 2/(2 + 1). owl: two found, one missed: 4/(4 + 1).
    assert result.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert result.worst_class is not None
    assert (result.worst_class.name, result.worst_class.n) == ("owl", 3)


def test_a_domain_without_some_classes_is_also_scored_among_its_own():
    # Classes 1 and 3 are there. Over all four: only the last image is right. Among the two: the
    # first says 1 (right), the second 3 (right), the third 1 (wrong), the last 3 (right).
    logits = torch.tensor(
        [[9.0, 2.0, 0.0, 1.0], [0.0, 1.0, 9.0, 2.0], [9.0, 2.0, 0.0, 1.0], [0.0, 1.0, 2.0, 9.0]]
    )
    result = score(logits, torch.tensor([1, 3, 3, 3]), ["ant", "bee", "cow", "dog"])
    assert (result.correct, result.accuracy) == (1, 0.25)
    assert (result.classes_present, result.classes_all) == (2, 4)
    assert (result.correct_own, result.accuracy_own) == (3, 0.75)


def test_where_every_class_is_present_there_is_no_second_number():
    result = score(torch.eye(3), torch.tensor([0, 1, 2]), ["ant", "bee", "cow"])
    assert (result.classes_present, result.classes_all) == (3, 3)
    assert (result.correct_own, result.accuracy_own) == (None, None)


def test_macro_f1_is_what_scikit_learn_says_of_the_classes_that_occur():
    torch.manual_seed(0)
    labels = torch.randint(0, 6, (200,)) * 2  # of 12 classes the odd ones never occur
    predicted = torch.where(torch.rand(200) < 0.5, labels, torch.randint(0, 12, (200,)))
    expected = f1_score(labels, predicted, labels=range(0, 12, 2), average="macro", zero_division=0)
    assert macro_f1(predicted, labels) == pytest.approx(float(expected))


def test_a_class_that_is_never_found_counts_as_zero_and_one_that_never_occurs_not_at_all():
    # fox: 2 found, 1 of the 3 said is an owl: 4/(3 + 2). owl: never said: 0. Class 2 is said once.
    predicted, labels = torch.tensor([0, 0, 0, 2]), torch.tensor([0, 0, 1, 1])
    assert macro_f1(predicted, labels) == pytest.approx((4 / 5 + 0) / 2)


MUTANTS = [
    Mutant(
        "core.evaluation.metrics",
        "set(labels.tolist())",
        "set(labels.tolist()) | set(predicted.tolist())",
        test_a_class_that_is_never_found_counts_as_zero_and_one_that_never_occurs_not_at_all,
    ),
    Mutant(
        "core.evaluation.metrics",
        "int(said.sum() + true.sum())",
        "int(2 * said.sum())",
        test_macro_f1_is_what_scikit_learn_says_of_the_classes_that_occur,
    ),
    Mutant(
        "core.evaluation.metrics",
        "scores.append(2 * int(",
        "scores.append(int(",
        test_macro_f1_is_what_scikit_learn_says_of_the_classes_that_occur,
    ),
    Mutant(
        "core.evaluation.metrics",
        "logits[:, present].argmax(1) == own",
        "present[logits[:, present].argmax(1)] == own",
        test_a_domain_without_some_classes_is_also_scored_among_its_own,
    ),
    Mutant(
        "core.evaluation.metrics",
        "len(per_class) < len(classes)",
        "per_class",
        test_where_every_class_is_present_there_is_no_second_number,
    ),
    Mutant(
        "core.evaluation.metrics",
        "macro=sum(shares) / len(shares)",
        "macro=correct / n",
        test_score_counts_and_keeps_its_counts,
    ),
    Mutant(
        "core.evaluation.metrics",
        "nll=float(",
        "nll=-float(",
        test_score_counts_and_keeps_its_counts,
    ),
    Mutant(
        "core.evaluation.metrics",
        "accuracy=correct / n",
        "accuracy=correct",
        test_score_counts_and_keeps_its_counts,
    ),
    Mutant(
        "core.evaluation.metrics",
        "F.softmax(logits.double(), dim=1)",
        "logits.double()",
        test_ece_equals_the_hand_worked_number,
    ),
]
