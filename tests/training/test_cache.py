"""Keys and the search for their scales, by hand and against nested loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.training.cache import (
    CacheParams,
    best_scales,
    cache_keys,
    grid,
    grid_hits,
    scales,
)
from core.training.frozen import FrozenViews
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
    found = best_scales(LOGITS, AFFINITY, VALUES, LABELS, betas, alphas)
    assert (found.beta, found.alpha, found.hits) == (1.0, 1.6, 1)


def test_the_first_of_equals_wins_with_beta_slowest():
    # Right are (1, 1.6), (10, 1.2) and (10, 1.6); the first in β-major order is not that of α.
    found = best_scales(LOGITS, AFFINITY, VALUES, LABELS, [1.0, 10.0], [1.2, 1.6])
    assert (found.beta, found.alpha) == (1.0, 1.6)


def test_gamma_changes_fastest_and_its_weights_count():
    # The key of class 1 weighs 1 or 4: with β = 1, α = 1 it takes 1·(w − e^−1) ≥ 1, so w = 4.
    values = torch.stack([torch.eye(2), torch.tensor([[1.0, 0.0], [0.0, 4.0]])])
    found = best_scales(LOGITS, AFFINITY, values, LABELS, [1.0], [1.0, 2.0])
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
    from core.training import cache

    torch.manual_seed(0)
    asked = (torch.randn(30, 2), torch.rand(30, 2), torch.eye(2)[None], torch.randint(0, 2, (30,)))
    whole = grid_hits(*asked, [1.0, 3.0], [0.5, 1.0])
    monkeypatch.setattr(cache, "CHUNK_FLOATS", 16)
    assert torch.equal(grid_hits(*asked, [1.0, 3.0], [0.5, 1.0]), whole)


def test_the_published_grid_starts_at_a_tenth_and_stops_short_of_its_end():
    betas, alphas = scales(CacheParams())
    assert (len(betas), len(alphas)) == (200, 20)
    # 0.1 + i·(7 − 0.1)/200 and 0.1 + i·(3 − 0.1)/20
    assert betas[:2] == pytest.approx([0.1, 0.1345])
    assert betas[-1] == pytest.approx(6.9655)
    assert alphas[-1] == pytest.approx(2.855)
    assert grid(1.0, 4, start=0.0) == [0.0, 0.25, 0.5, 0.75]


def test_keys_are_the_directions_of_the_mean_over_views(tiny_task):
    clip, task = tiny_task
    params = CacheParams(views=3)
    steps = cache_keys(clip, task, params)
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as stop:
            keys = stop.value
            break
    views = FrozenViews(clip, task, params.augmentation)
    mean = sum(views.view(n) for n in range(3)) / 3
    torch.testing.assert_close(keys, mean / mean.norm(dim=1, keepdim=True))
    assert len(said) == 3
    assert not math.isclose((keys - F.normalize(views.view(0), dim=1)).abs().max().item(), 0)


MUTANTS = [
    Mutant(
        "core.training.cache",
        "torch.exp(beta * gap)",
        "torch.exp(-beta * gap)",
        test_the_search_finds_what_is_worked_out_by_hand,
    ),
    Mutant(
        "core.training.cache",
        ".transpose(1, 2) - 1",
        ".transpose(1, 2)",
        test_the_search_counts_as_nested_loops_do_for_classes_of_any_size,
    ),
    Mutant(
        "core.training.cache",
        "hits.flatten().argmax()",
        "hits.numel() - 1 - hits.flatten().flip(0).argmax()",
        test_the_first_of_equals_wins_with_beta_slowest,
    ),
    Mutant(
        "core.training.cache",
        "bound = -ahead / rise",
        "bound = ahead / rise",
        test_the_search_finds_what_is_worked_out_by_hand,
    ),
    Mutant(
        "core.training.cache",
        "(rise == 0) & (ahead > 0)",
        "(rise != rise)",
        test_a_class_that_nothing_can_vote_for_stays_behind_another,
    ),
    Mutant(
        "core.training.cache",
        "i * (end - start) / steps",
        "i * end / steps",
        test_the_published_grid_starts_at_a_tenth_and_stops_short_of_its_end,
    ),
    Mutant(
        "core.training.cache",
        "own[:, order].T",
        "own[:1, order].T",
        test_gamma_changes_fastest_and_its_weights_count,
    ),
]
