"""APE's criterion, by hand and against the loop over all pairs of members."""

import torch

from core.training.channels import best_channels, criterion, similarity
from tests.mutants import Mutant

PROTOTYPES = torch.tensor([[2.0, 1.0], [3.0, -1.0]])


def test_the_criterion_equals_the_hand_worked_numbers():
    # Products of the two classes: 2·3 = 6 and 1·(−1) = −1. Unbiased variances: 0.5 and 2.
    # J = −0.25·6 + 0.75·0.5 = −1.125 and 0.25·1 + 0.75·2 = 1.75.
    assert similarity(PROTOTYPES).tolist() == [6.0, -1.0]
    assert criterion(PROTOTYPES, 0.25).tolist() == [-1.125, 1.75]


def naive(prototypes, images, labels):
    """Every pair of members of different classes, one after the other."""
    members = [
        torch.cat([prototypes[c : c + 1], images[labels == c]]) for c in range(len(prototypes))
    ]
    total, count = torch.zeros(prototypes.shape[1], dtype=torch.float64), 0
    for i, first in enumerate(members):
        for j, second in enumerate(members):
            if i != j:
                for a in first.double():
                    for b in second.double():
                        total += a * b
                        count += 1
    return total / count


def test_the_closed_form_is_the_loop_over_all_pairs_even_for_unequal_classes():
    torch.manual_seed(0)
    prototypes, images = torch.randn(4, 6), torch.randn(11, 6)
    for labels in (torch.arange(11) % 4, torch.tensor([3, 0, 0, 0, 1, 0, 0, 3, 0, 0, 1])):
        expected = naive(prototypes, images, labels)
        torch.testing.assert_close(similarity(prototypes, images, labels), expected)


def test_the_best_channels_are_a_rounded_share_in_order_and_at_least_one():
    scores = torch.tensor([0.1, 0.9, 0.3, 0.9, -1.0])
    assert best_channels(scores, 0.5).tolist() == [1, 3]  # round(2.5) = 2
    assert best_channels(scores, 0.6).tolist() == [1, 2, 3]
    assert best_channels(scores, 0.01).tolist() == [1]
    assert best_channels(scores, 1.0).tolist() == [0, 1, 2, 3, 4]


MUTANTS = [
    Mutant(
        "core.training.channels",
        "-share * similarity",
        "share * similarity",
        test_the_criterion_equals_the_hand_worked_numbers,
    ),
    Mutant(
        "core.training.channels",
        "correction=1",
        "correction=0",
        test_the_criterion_equals_the_hand_worked_numbers,
    ),
    Mutant(
        "core.training.channels",
        "sums.sum(0) ** 2 - (sums**2).sum(0)",
        "sums.sum(0) ** 2",
        test_the_closed_form_is_the_loop_over_all_pairs_even_for_unequal_classes,
    ),
    Mutant(
        "core.training.channels",
        "counts.sum() ** 2 - (counts**2).sum()",
        "counts.sum() ** 2 * (1 - 1 / len(counts))",
        test_the_closed_form_is_the_loop_over_all_pairs_even_for_unequal_classes,
    ),
    Mutant(
        "core.training.channels",
        "descending=True",
        "descending=False",
        test_the_best_channels_are_a_rounded_share_in_order_and_at_least_one,
    ),
]
