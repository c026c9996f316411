"""Drift of the training images, worked out by hand."""

import math

import pytest
import torch

from core.evaluation.projections import drift
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


MUTANTS = [
    Mutant(
        "core.evaluation.projections",
        "before.exp() * (before - now)",
        "now.exp() * (now - before)",
        test_drift_is_the_mean_length_of_the_change_and_the_divergence_from_the_start,
    ),
]
