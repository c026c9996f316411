"""GELU or QuickGELU is found on the pictures, and the features of one never stand for the
other's.
"""

import dataclasses

import pytest
import torch

from core.models import zoo
from core.models.activation import _nll, settled
from core.models.array_cache import ArrayCache


@pytest.fixture
def clip(tiny_model):
    found = zoo.load(str(tiny_model), "cpu", "fp32", ArrayCache(None))
    found.undecided = True
    return found


def test_the_activation_that_finds_the_classes_likelier_is_taken_and_said(clip, tiny_task):
    _, task = tiny_task
    about = (task.root, task.train, task.names, task.templates)
    nll = {one.activation: _nll(one, *about) for one in map(clip.with_activation, (False, True))}
    chosen = settled(clip, *about)
    assert nll["gelu"] != nll["quickgelu"]
    assert chosen.activation == min(nll, key=nll.get)
    assert not chosen.undecided
    assert f"{min(nll.values()):.3f}" in chosen.notes[-1]
    assert settled(chosen, *about) is chosen


def test_both_share_their_weights_and_no_feature(clip, tiny_task):
    _, task = tiny_task
    quick = clip.with_activation(True)
    pairs = zip(clip.model.parameters(), quick.model.parameters(), strict=True)
    assert all(ours is theirs for ours, theirs in pairs)
    assert clip.fingerprint == quick.fingerprint
    assert clip.identity != quick.identity
    ours, theirs = (one.evaluation_features(task.root, task.test) for one in (clip, quick))
    assert not torch.equal(ours, theirs)
    plain = clip.with_activation(False)
    assert torch.equal(plain.evaluation_features(task.root, task.test), ours)


@pytest.mark.parametrize(
    "other", [{"resize_mode": "squash"}, {"interpolation": "bilinear"}, {"mean": (0.1,) * 3}]
)
def test_features_are_kept_apart_by_how_pictures_are_prepared(clip, other):
    before = clip.identity
    clip.preprocess = dataclasses.replace(clip.preprocess, **other)
    assert clip.identity != before
