"""The shots curve: heads and points worked out by hand."""

import math

import pytest
import torch

from core.evaluation.shots import (
    curve,
    first_shots,
    heads_accuracy,
    image_prototypes,
    mixed_head,
)
from tests.mutants import Mutant


def test_the_first_shots_of_every_class_are_taken_whatever_their_order():
    labels = torch.tensor([1, 0, 1, 1, 0, 2])
    assert first_shots(labels, 2).tolist() == [1, 4, 0, 2, 5]


def test_a_prototype_is_the_unit_mean_and_zero_without_images():
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    prototypes = image_prototypes(features, torch.tensor([0, 0, 2]), 3)
    half = math.sqrt(0.5)
    torch.testing.assert_close(prototypes, torch.tensor([[half, half], [0.0, 0.0], [0.6, 0.8]]))


def test_text_and_image_count_alike_and_text_alone_without_images():
    # (1, 0) and (0.6, 0.8): their sum (1.6, 0.8) is (2, 1)/√5 as a unit vector.
    text = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    mixed = mixed_head(text, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    expected = torch.tensor([[2 / math.sqrt(5), 1 / math.sqrt(5)], [0.0, 1.0]])
    torch.testing.assert_close(mixed, expected)


def test_each_head_is_judged_on_the_same_images():
    # Text has the classes the wrong way round, images the right way, and less surely.
    text = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    shots = torch.eye(2), torch.tensor([0, 1])
    test = torch.tensor([[0.8, 0.6], [0.6, 0.8]]), torch.tensor([0, 1])
    found = heads_accuracy(text, shots, test)
    assert (found["zero-shot"], found["prototypes"]) == (0, 1)
    assert found["mixed"] == 0.5  # both classes are at 45 degrees: the first is said


def test_a_point_is_the_mean_over_seeds_with_their_spread():
    seeds = [{"zero-shot": 0.5, "prototypes": 0.25 * k, "mixed": 0.5} for k in (1, 2, 3)]
    points = {(point.head, point.shots): point for point in curve({4: seeds, 8: seeds[:1]})}
    point = points["prototypes", 4]
    assert (point.mean, point.accuracies) == (0.5, (0.25, 0.5, 0.75))
    assert point.std == pytest.approx(0.25)
    assert points["prototypes", 8].std is None
    assert len(points) == 6


MUTANTS = [
    Mutant(
        "core.evaluation.shots",
        "return unit(sums)",
        "return sums",
        test_a_prototype_is_the_unit_mean_and_zero_without_images,
    ),
    Mutant(
        "core.evaluation.shots",
        "unit(zero_shot + prototypes)",
        "unit(0.9 * zero_shot + 0.1 * prototypes)",
        test_text_and_image_count_alike_and_text_alone_without_images,
    ),
    Mutant(
        "core.evaluation.shots",
        ".flatten()[:shots]",
        ".flatten()[-shots:]",
        test_the_first_shots_of_every_class_are_taken_whatever_their_order,
    ),
    Mutant(
        "core.evaluation.shots",
        "statistics.stdev(values)",
        "statistics.pstdev(values)",
        test_a_point_is_the_mean_over_seeds_with_their_spread,
    ),
]
