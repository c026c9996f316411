"""Similarity to the training set, and the threshold below which to abstain, worked out by hand."""

import pytest
import torch

from core.evaluation.evaluate import ACCEPTED, abstain_threshold, nearest
from core.results.photo import Familiarity


def test_the_nearest_training_image_counts_and_none_is_its_own():
    train = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    image = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
    assert nearest(image, train).tolist() == pytest.approx([0.8, 1.0])
    assert nearest(train, train, leave_self_out=True).tolist() == [0.0, 0.0]


def test_the_threshold_lets_the_share_pass():
    inside = torch.arange(1, 21) / 20  # 0.05 … 1
    threshold = abstain_threshold(inside)
    assert threshold == pytest.approx(0.1), "19 of 20 reach it"
    assert abstain_threshold(inside, accepted=0.5) == pytest.approx(0.55)
    assert abstain_threshold(torch.tensor([0.7])) == pytest.approx(0.7)
    near = {"threshold": threshold, "accepted": ACCEPTED}
    assert Familiarity(similarity=0.09, **near).abstain
    assert not Familiarity(similarity=0.11, **near).abstain
