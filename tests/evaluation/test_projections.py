"""Drift of the training images, worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.evaluation.projections import PrototypeTrail, drift
from core.models.spurious import correct
from tests.mutants import Mutant


def test_drift_is_the_mean_length_of_the_change_and_the_divergence_from_the_start():
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    now = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    centres = 2 * torch.eye(2)  # they carry τ = 2
    found = drift(first, now, centres)
    assert found["moved"] == pytest.approx(math.hypot(0.4, 0.8) / 2, abs=1e-5)
    # P₀ = softmax(2, 0), P_t = softmax(1.2, 1.6) for the first image; the second stayed.
    p = math.exp(2) / (math.exp(2) + 1)
    q = 1 / (1 + math.exp(0.4))
    kl = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    assert found["divergence"] == pytest.approx(kl / 2, abs=1e-5)
    assert drift(first, first, centres) == {"moved": 0, "divergence": 0}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_few_templates_have_places_and_so_have_the_images(count):
    torch.manual_seed(0)
    contexts = F.normalize(torch.randn(count, 8), dim=1)
    spurious = correct(contexts, seed=0)
    templates = [f"{n} {{}}" for n in range(count)]
    trail = PrototypeTrail(contexts, templates, spurious, 100.0, ["fox", "owl"])
    features = F.normalize(torch.randn(2, 8), dim=1)
    trail.look(0, 0, features, torch.tensor([0, 1]))
    found = trail.prototypes
    numbers = [(row.x, row.y) for row in [*found.templates, *found.centres]]
    assert all(math.isfinite(value) for pair in numbers for value in pair)
    assert len({(row.x, row.y) for row in found.templates}) == count
    assert len(found.trail[0].points) == 2
    assert found.trail[0].divergence == 0


MUTANTS = [
    Mutant(
        "core.evaluation.projections",
        "before.exp() * (before - now)",
        "now.exp() * (now - before)",
        test_drift_is_the_mean_length_of_the_change_and_the_divergence_from_the_start,
    ),
]
