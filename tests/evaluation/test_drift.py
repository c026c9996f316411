"""Energy gap and distortion against numbers worked out by hand and against their definition."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.evaluation import drift
from core.evaluation.drift import (
    energy_gap,
    feature_distortion,
    random_text_moment,
    second_moment,
)
from tests.mutants import Mutant

# Two texts, (1, 0) and (0.6, 0.8) (of length 5 before it is normalised).
TEXTS = torch.tensor([[1.0, 0.0], [3.0, 4.0]])
FROZEN = torch.tensor([[1.0, 0.0]])
TUNED = torch.tensor([[0.0, 1.0]])


def test_the_moment_is_the_hand_worked_mean_over_unit_texts():
    # ((1, 0; 0, 0) + (0.36, 0.48; 0.48, 0.64)) / 2
    expected = torch.tensor([[0.68, 0.24], [0.24, 0.32]], dtype=torch.float64)
    torch.testing.assert_close(second_moment(TEXTS), expected)


def test_the_gap_equals_the_hand_worked_number():
    # d = (−1, 1): its products with the texts are −1 and 0.2, their squares' mean (1 + 0.04)/2.
    moment = second_moment(TEXTS)
    assert energy_gap(TUNED, FROZEN, moment, None).tolist() == pytest.approx([0.52])
    assert energy_gap(TUNED, FROZEN, moment, 10.0).tolist() == pytest.approx([52.0])


def test_the_gap_is_the_mean_squared_change_of_the_energies_over_the_texts():
    torch.manual_seed(0)
    tuned, frozen = (F.normalize(torch.randn(7, 16).double(), dim=1) for _ in range(2))
    texts = torch.randn(300, 16).double()
    energies = [-16.65 * features @ F.normalize(texts, dim=1).T for features in (tuned, frozen)]
    expected = (energies[0] - energies[1]).square().mean(1)
    torch.testing.assert_close(energy_gap(tuned, frozen, second_moment(texts), 16.65), expected)


def test_distortion_is_the_length_of_the_change():
    assert feature_distortion(TUNED, FROZEN).tolist() == pytest.approx([math.sqrt(2)])
    assert feature_distortion(-FROZEN, FROZEN).tolist() == [2.0]


def test_nothing_moved_is_exactly_zero():
    features = F.normalize(torch.randn(3, 2), dim=1)
    assert energy_gap(features, features, second_moment(TEXTS), 100.0).tolist() == [0, 0, 0]
    assert feature_distortion(features, features).tolist() == [0, 0, 0]


def test_the_moment_of_random_texts_is_seeded_and_kept(tiny_task, monkeypatch):
    clip, _ = tiny_task
    moment = random_text_moment(clip, texts=300)
    assert moment.shape == (32, 32)
    assert float(moment.trace()) == pytest.approx(1)  # unit texts
    torch.testing.assert_close(moment, moment.T)
    assert not torch.equal(moment, random_text_moment(clip, texts=300, seed=1))
    monkeypatch.setattr(drift, "encode_tokens", lambda *_: pytest.fail("computed again"))
    assert torch.equal(moment, random_text_moment(clip, texts=300))


MUTANTS = [
    Mutant(
        "core.evaluation.drift",
        "texts = unit(texts.double())",
        "texts = texts.double()",
        test_the_moment_is_the_hand_worked_mean_over_unit_texts,
    ),
    Mutant(
        "core.evaluation.drift",
        "texts.T @ texts / len(texts)",
        "texts.T @ texts",
        test_the_moment_is_the_hand_worked_mean_over_unit_texts,
    ),
    Mutant(
        "core.evaluation.drift",
        "tuned.double() - frozen.double()\n    gap",
        "tuned.double() + frozen.double()\n    gap",
        test_the_gap_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.evaluation.drift",
        "* d).sum(1)",
        "* d).mean(1)",
        test_the_gap_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.evaluation.drift",
        "else tau**2 * gap",
        "else tau * gap",
        test_the_gap_is_the_mean_squared_change_of_the_energies_over_the_texts,
    ),
    Mutant(
        "core.evaluation.drift",
        ".norm(dim=1)",
        ".square().sum(1)",
        test_distortion_is_the_length_of_the_change,
    ),
]
