"""The schedule and the frozen views, against values worked out by hand."""

import pytest
import torch

from core.training.frozen import FrozenViews
from core.training.optim import learning_rate
from core.training.settings import TrainingParams


def test_the_schedule_rises_linearly_and_falls_along_half_a_cosine():
    rates = [learning_rate(step, steps=10, peak=1.0, warmup=0.2) for step in range(10)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    # cos(π·4/8) = 0 in the middle of the fall: half of the peak.
    assert rates[6] == pytest.approx(0.5)
    assert rates[9] == pytest.approx(0.5 * (1 + -0.9238795), abs=1e-6)
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_one_step_and_no_warmup_train_at_the_peak():
    assert learning_rate(0, steps=1, peak=3e-5, warmup=0.1) == 3e-5
    assert learning_rate(0, steps=5, peak=3e-5, warmup=0.0) == 3e-5


def test_frozen_views_are_the_zero_shot_features_of_the_training_views(tiny_task):
    clip, task = tiny_task
    augmentation = TrainingParams().augmentation
    features = FrozenViews(clip, task, augmentation).view(3)
    views = clip.pixels(task.root).training(task.train, augmentation, task.seed, 3)
    normalised = (views.float() / 255 - clip.frozen.mean) / clip.frozen.std
    with torch.inference_mode():
        expected = clip.model.encode_image(normalised, normalize=True)
    torch.testing.assert_close(features, expected)
    assert not torch.allclose(features, FrozenViews(clip, task, augmentation).view(4))


def test_a_small_tower_gets_ten_times_the_published_learning_rate(tiny_task):
    clip, _ = tiny_task
    assert TrainingParams().resolved(clip).lr == 1e-4
    assert TrainingParams(lr=3e-6).resolved(clip).lr == 3e-6
