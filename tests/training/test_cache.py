"""Keys and the grid of their scales, by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.training.cache import CacheParams, cache_keys, grid, scales
from core.training.frozen import FrozenViews
from tests.mutants import Mutant


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
        "i * (end - start) / steps",
        "i * end / steps",
        test_the_published_grid_starts_at_a_tenth_and_stops_short_of_its_end,
    ),
    Mutant(
        "core.training.cache",
        "total += frozen.view(number).cpu()",
        "total = frozen.view(number).cpu()",
        test_keys_are_the_directions_of_the_mean_over_views,
    ),
]
