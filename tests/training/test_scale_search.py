"""The search for the scales of a cache, by hand and against nested loops."""

import pytest
import torch
import torch.nn.functional as F

from core.training import scale_search
from core.training.cache import grid
from core.training.scale_search import best_scales, grid_hits, grid_nll
from tests.mutants import Mutant

# One image of class 1 that CLIP gives (1, 0); it equals the key of class 1 and is at right angles
# to that of class 0. Votes are (e^−β, 1), so it is right where α·(1 − e^−β) ≥ 1:
# from α = 1.582 for β = 1, and from α = 1.00005 for β = 10.
LOGITS, AFFINITY = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
VALUES, LABELS = torch.eye(2)[None], torch.tensor([1])


def test_the_search_finds_what_is_worked_out_by_hand():
    betas, alphas = [1.0, 10.0], [1.0, 1.55, 1.6, 3.0]
    hits = grid_hits(LOGITS, AFFINITY, VALUES, LABELS, betas, alphas)
    assert hits[..., 0].tolist() == [[0, 0, 1, 1], [0, 1, 1, 1]]
    found = best_scales(LOGITS, AFFINITY, VALUES, LABELS, betas, alphas, "first")
    assert (found.beta, found.alpha, found.hits) == (1.0, 1.6, 1)


def test_the_first_of_equals_wins_with_beta_slowest():
    # Right are (1, 1.6), (10, 1.2) and (10, 1.6); the first in β-major order is not that of α.
    found = best_scales(LOGITS, AFFINITY, VALUES, LABELS, [1.0, 10.0], [1.2, 1.6], "first")
    assert (found.beta, found.alpha) == (1.0, 1.6)


def test_the_likelier_of_equals_wins_as_worked_out_by_hand():
    # Of the same three the margins α·(1 − e^−β) − 1 are 0.011393, 0.199946 and 0.599927, and the
    # NLL is ln(1 + e^−margin): 0.687467, 0.598163 and 0.437514.
    points = torch.tensor([[0, 1, 0], [1, 0, 0], [1, 1, 0]])
    nll = grid_nll(LOGITS, AFFINITY, VALUES, LABELS, [1.0, 10.0], [1.2, 1.6], points)
    assert nll.tolist() == pytest.approx([0.687467, 0.598163, 0.437514], abs=1e-6)
    found = best_scales(LOGITS, AFFINITY, VALUES, LABELS, [1.0, 10.0], [1.2, 1.6], "likelier")
    assert (found.beta, found.alpha, found.hits) == (10.0, 1.6, 1)


def test_more_images_right_win_over_a_lower_nll():
    # With β = 100 votes are one-hot. The first image is right from α = 1 on, the second at α = 0
    # alone, and is then the more surely wrong the more α grows: at α = 0.5 one NLL of ln(1 + e^0.5)
    # each, 0.974077; at α = 2 ln(1 + e^−1) and ln(1 + e^2), 1.220095 in the mean.
    logits, affinity = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0]] * 2)
    asked = logits, affinity, VALUES, torch.tensor([1, 0])
    nll = grid_nll(*asked, [100.0], [0.5, 2.0], torch.tensor([[0, 0, 0], [0, 1, 0]]))
    assert nll.tolist() == pytest.approx([0.974077, 1.220095], abs=1e-6)
    assert best_scales(*asked, [100.0], [0.5, 2.0], "likelier").alpha == 2.0


def test_the_nll_of_the_grid_is_that_of_the_mixed_logits(monkeypatch):
    torch.manual_seed(0)
    logits, affinity, labels = torch.randn(9, 3), torch.rand(9, 6), torch.randint(0, 3, (9,))
    values = torch.stack([g * torch.eye(3).repeat(2, 1) for g in (1.0, 2.0)])
    betas, alphas, points = (
        [1.0, 4.0],
        [0.5, 1.0, 2.0],
        torch.cartesian_prod(*map(torch.arange, (2, 3, 2))),
    )
    expected = [
        F.cross_entropy(
            logits + alphas[a] * torch.exp(betas[b] * (affinity - 1)) @ values[g], labels
        )
        for b, a, g in points.tolist()
    ]
    asked = logits, affinity, values, labels, betas, alphas, points
    torch.testing.assert_close(grid_nll(*asked).float(), torch.stack(expected))
    monkeypatch.setattr(scale_search, "CHUNK_FLOATS", 20)
    torch.testing.assert_close(grid_nll(*asked).float(), torch.stack(expected))


def test_gamma_changes_fastest_and_its_weights_count():
    # The key of class 1 weighs 1 or 4: with β = 1, α = 1 it takes 1·(w − e^−1) ≥ 1, so w = 4.
    values = torch.stack([torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 4.0]])])
    found = best_scales(LOGITS, AFFINITY, values, LABELS, [1.0], [1.0, 2.0], "first")
    assert (found.alpha, found.which, found.hits) == (1.0, 1, 1)


def test_a_class_that_nothing_can_vote_for_stays_behind_another():
    # Classes 0 and 1 have no key: no α changes that 1 is ahead of 0, or that 0 is level with 0.
    logits, affinity = torch.tensor([[0.0, 1.0, -9.0]]), torch.tensor([[0.0]])
    values = torch.tensor([[[0.0, 0.0, 1.0]]])
    for label, right in ((0, 0), (1, 1)):
        hits = grid_hits(logits, affinity, values, torch.tensor([label]), [1.0], [0.5, 2.0])
        assert hits.flatten().tolist() == [right, right]


def brute_force(logits, affinity, values, labels, betas, alphas):
    """As the official code does it."""
    hits = torch.zeros(len(betas), len(alphas), len(values), dtype=torch.long)
    for i, beta in enumerate(betas):
        for j, alpha in enumerate(alphas):
            for g, votes in enumerate(values):
                mixed = logits + alpha * torch.exp(-beta * (1 - affinity)) @ votes
                hits[i, j, g] = (mixed.argmax(1) == labels).sum()
    return hits


def test_the_search_counts_as_nested_loops_do_for_classes_of_any_size():
    for seed in range(4):
        torch.manual_seed(seed)
        key_labels = torch.cat([torch.arange(6), torch.randint(0, 6, (14,))])[torch.randperm(20)]
        weights = torch.rand(20)
        one_hot = F.one_hot(key_labels, 8).float()  # classes 6 and 7 have no key
        values = torch.stack([one_hot * torch.exp(g * weights)[:, None] for g in (0.0, 0.7)])
        features, keys = (F.normalize(torch.randn(n, 12), dim=1) for n in (40, 20))
        betas, alphas = grid(7, 12), grid(3, 6)
        asked = (torch.randn(40, 8), features @ keys.T, values, torch.randint(0, 8, (40,)))
        assert torch.equal(grid_hits(*asked, betas, alphas), brute_force(*asked, betas, alphas))


def test_the_search_in_small_chunks_counts_the_same(monkeypatch):
    torch.manual_seed(0)
    asked = (torch.randn(30, 2), torch.rand(30, 2), torch.eye(2)[None], torch.randint(0, 2, (30,)))
    whole = grid_hits(*asked, [1.0, 3.0], [0.5, 1.0])
    monkeypatch.setattr(scale_search, "CHUNK_FLOATS", 16)
    assert torch.equal(grid_hits(*asked, [1.0, 3.0], [0.5, 1.0]), whole)


MUTANTS = [
    Mutant(
        "core.training.scale_search",
        "torch.exp(beta * gap)",
        "torch.exp(-beta * gap)",
        test_the_search_finds_what_is_worked_out_by_hand,
    ),
    Mutant(
        "core.training.scale_search",
        ".transpose(1, 2) - 1",
        ".transpose(1, 2)",
        test_the_search_counts_as_nested_loops_do_for_classes_of_any_size,
    ),
    Mutant(
        "core.training.scale_search",
        "winner = 0",
        "winner = -1",
        test_the_first_of_equals_wins_with_beta_slowest,
    ),
    Mutant(
        "core.training.scale_search",
        "bound = -ahead / rise",
        "bound = ahead / rise",
        test_the_search_finds_what_is_worked_out_by_hand,
    ),
    Mutant(
        "core.training.scale_search",
        "(rise == 0) & (ahead > 0)",
        "(rise != rise)",
        test_a_class_that_nothing_can_vote_for_stays_behind_another,
    ),
    Mutant(
        "core.training.scale_search",
        "own[:, order].T",
        "own[:1, order].T",
        test_gamma_changes_fastest_and_its_weights_count,
    ),
    Mutant(
        "core.training.scale_search",
        "total[here] -= mixed",
        "total[here] += mixed",
        test_the_likelier_of_equals_wins_as_worked_out_by_hand,
    ),
    Mutant(
        "core.training.scale_search",
        "torch.exp(betas[beta] * (affinity[chunk] - 1))",
        "torch.exp(betas[beta] * affinity[chunk])",
        test_the_nll_of_the_grid_is_that_of_the_mixed_logits,
    ),
    Mutant(
        "core.training.scale_search",
        "hits == hits.max()",
        "hits >= 0",
        test_more_images_right_win_over_a_lower_nll,
    ),
]
