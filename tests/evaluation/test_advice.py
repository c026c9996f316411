"""Advice on labelling: gains, intervals and the estimate, worked out by hand."""

import math

import pytest
import torch

from core.evaluation.shots import Draw, net_wins, share_of_the_last, what_to_label
from core.results.intervals import Z95
from tests.mutants import Mutant


def test_a_win_is_what_only_the_newer_column_gets_right_and_a_loss_is_counted_against_it():
    # Columns are classes; the column 0 of `older` is all that differs from `now`.
    now = torch.tensor([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.3, 0.5, 0.1], [0.9, 0.2, 0.1]])
    older = now.clone()
    older[:, 0] = torch.tensor([0.2, 0.2, 0.2, 0.8])
    # Image 0 is of class 0 and was taken for 1: won. Image 1 is of class 1 and was right: lost.
    # Image 2 is of class 1 and stays right; image 3 of class 2 stays wrong.
    truth = torch.tensor([0, 1, 1, 2])
    assert net_wins(now, older, truth, 0).tolist() == [1, -1, 0, 0]
    assert net_wins(now, older, truth, 1).tolist() == [0, 0, 0, 0], "other columns stay as now"


def test_a_doubling_brings_half_of_the_last_one_and_no_images_nothing():
    assert share_of_the_last(8, 16, 32) == pytest.approx(0.5)
    assert share_of_the_last(8, 16, 16) == 0
    # From 2 to 5 images the noise fell by 1/2 - 1/5; from 5 to 10 by 1/5 - 1/10.
    assert share_of_the_last(2, 5, 10) == pytest.approx(0.1 / 0.3)


TEXT = torch.eye(4)[[3, 1, 2]]
"""The text of class 0 says nothing that an image shows."""


def draw(first=3):
    """Class 0's first image shows `first`, its second what class 0 looks like; class 2 has one."""
    shots = torch.eye(4)[[first, 0, 1, 1, 2]], torch.tensor([0, 0, 1, 1, 2])
    # One image of class 0 is won by its second shot, and one is taken for class 1 in any case.
    hard = torch.tensor([0.6, 0.8, 0.0, 0.0])
    measured = torch.stack([torch.eye(4)[0], hard, torch.eye(4)[1], torch.eye(4)[2]])
    return Draw(shots, {"id": (measured, torch.tensor([0, 0, 1, 2]))})


def test_what_the_newer_half_brought_is_a_share_of_the_own_images_with_its_interval():
    found = {one.name: one for one in what_to_label(TEXT, [draw(), draw()], "abc")}
    assert found.keys() == {"a", "b"}, "c has one image: nothing can be held back"
    gain = found["a"].gains["id"]
    assert (gain.n, gain.accuracy, found["a"].images, found["a"].newer) == (2, 0.5, 2, 1)
    assert gain.brought.mean == 0.5
    # One of four images is won: variance 1/4 - 1/16 of an image, 4 images, over the 2 of the class.
    half = Z95 * math.sqrt(4 * (1 / 4 - 1 / 16) / 2**2)
    assert gain.brought.high - 0.5 == pytest.approx(half)
    assert gain.expected.mean == pytest.approx(0.25)
    assert gain.expected.low == pytest.approx((0.5 - half) / 2)
    assert found["b"].gains["id"].brought.mean == 0


def test_the_class_with_most_to_gain_comes_first_and_draws_that_differ_widen_the_interval():
    found = what_to_label(TEXT, [draw(), draw(first=0)], "abc")
    assert [one.name for one in found] == ["a", "b"]
    brought = found[0].gains["id"].brought
    assert brought.mean == 0.25, "in the second draw the first image was as good"
    within = (3 / 4 / 2**2) / 2  # of the first draw; the second has none
    between = 0.125 / 2  # sample variance of 1/2 and 0, over two draws
    assert brought.high - 0.25 == pytest.approx(Z95 * math.sqrt(within + between))


MUTANTS = [
    Mutant(
        "core.evaluation.shots",
        "now.double() - then.double()",
        "(now & ~then).double()",
        test_a_win_is_what_only_the_newer_column_gets_right_and_a_loss_is_counted_against_it,
    ),
    Mutant(
        "core.evaluation.shots",
        "variance += statistics.variance(nets) / len(nets)",
        "pass",
        test_the_class_with_most_to_gain_comes_first_and_draws_that_differ_widen_the_interval,
    ),
    Mutant(
        "core.evaluation.shots",
        "(1 / now - 1 / later)",
        "(1 / now)",
        test_a_doubling_brings_half_of_the_last_one_and_no_images_nothing,
    ),
]
