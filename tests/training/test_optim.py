"""The schedule and the frozen views, against values worked out by hand."""

import pytest
import torch

from core.training.frozen import FrozenViews
from core.training.optim import Schedule, clip_gradients, make_optimizer
from core.training.settings import LoopParams, TrainingParams
from tests.mutants import Mutant


def rates(**params) -> list[float]:
    """The rate of each of ten steps (ten epochs of one batch) with a peak of 1."""
    schedule = Schedule(LoopParams(lr=1.0, epochs=10, batch_size=8, **params), images=8)
    return [schedule(step) for step in range(schedule.steps)]


def test_the_schedule_rises_linearly_and_falls_along_half_a_cosine():
    found = rates(warmup=0.2)
    assert found[:3] == [0.5, 1.0, 1.0]
    # cos(π·4/8) = 0 in the middle of the fall: half of the peak.
    assert found[6] == pytest.approx(0.5)
    assert found[9] == pytest.approx(0.5 * (1 + -0.9238795), abs=1e-6)
    assert found[2:] == sorted(found[2:], reverse=True)


def test_lipsum_ft_starts_at_rate_zero():
    assert rates(warmup=0.2, schedule="cosine-from-zero")[:3] == [0.0, 0.5, 1.0]


def test_coop_keeps_one_rate_an_epoch_and_begins_small():
    schedule = Schedule(
        LoopParams(lr=2e-3, epochs=4, batch_size=4, schedule="cosine-by-epoch"), images=8
    )
    found = [schedule(step) for step in range(schedule.steps)]
    # ½·2e-3·(1 + cos(π/4)) = 1.7071e-3, then the half, then ½·2e-3·(1 − cos(π/4)).
    expected = [1e-5, 1e-5, 1.7071e-3, 1.7071e-3, 1e-3, 1e-3, 2.9289e-4, 2.9289e-4]
    assert found == pytest.approx(expected, rel=1e-4)


def test_a_constant_rate_stays_after_its_warm_up():
    assert rates(warmup=0.2, schedule="constant") == [0.5, *[1.0] * 9]


def test_the_rate_is_scaled_to_the_batch_it_is_meant_for():
    published = LoopParams(lr=5e-5, lr_batch=256, batch_size=256)
    assert Schedule(published, images=64).peak == pytest.approx(5e-5 / 4)
    assert Schedule(published, images=1000).peak == 5e-5
    assert Schedule(LoopParams(lr=5e-5), images=8).peak == 5e-5


def test_one_step_and_no_warmup_train_at_the_peak():
    one = LoopParams(lr=3e-5, epochs=1, batch_size=8)
    assert Schedule(one, images=8)(0) == 3e-5
    assert rates(warmup=0.0)[0] == 1.0


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
    assert TrainingParams().resolved(clip).lr == 3e-5
    assert TrainingParams(lr=3e-6).resolved(clip).lr == 3e-6


def two_steps(optimizer, weights, gradients):
    for given in gradients:
        for weight, gradient in zip(weights, given, strict=True):
            weight.grad = gradient.clone()
        optimizer.step()
    return [weight.detach() for weight in weights]


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_the_fused_optimiser_takes_the_steps_of_the_plain_one(name):
    torch.manual_seed(0)
    start = [torch.randn(40, 30), torch.randn(7)]
    gradients = [[torch.randn_like(weight) for weight in start] for _ in range(3)]
    params = LoopParams(optimizer=name, weight_decay=0.1, lr=1e-2)
    ours, plain = ([torch.nn.Parameter(w.clone()) for w in start] for _ in range(2))
    fused = make_optimizer(params, ours, 1e-2)
    assert fused.defaults["fused"]
    if name == "sgd":
        slow = torch.optim.SGD(plain, 1e-2, momentum=0.9, nesterov=True, weight_decay=0.1)
    else:
        slow = torch.optim.AdamW(plain, 1e-2, weight_decay=0.1, eps=params.adam_eps)
    found, expected = two_steps(fused, ours, gradients), two_steps(slow, plain, gradients)
    torch.testing.assert_close(found, expected)
    assert not torch.allclose(found[0], start[0], atol=1e-3)


@pytest.mark.parametrize("longest", [0.5, 1e6])
def test_gradients_are_clipped_to_the_bit_as_pytorch_does(longest):
    torch.manual_seed(0)
    ours, theirs = ([torch.nn.Parameter(torch.zeros(9, 5)), torch.zeros(3)] for _ in range(2))
    for weights in (ours, theirs):
        weights[0].grad = torch.randn(9, 5, generator=torch.Generator().manual_seed(1))
    norm = torch.nn.utils.clip_grad_norm_(theirs, longest)
    assert clip_gradients(ours, longest) == norm.item()
    assert torch.equal(ours[0].grad, theirs[0].grad)
    assert clip_gradients(ours, 0) == pytest.approx(min(longest, norm.item()), rel=1e-5)


def test_a_gradient_that_is_no_number_is_told_as_such():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([1.0, torch.nan])
    assert not clip_gradients([weight], 1.0) <= 1.0


MUTANTS = [
    Mutant(
        "core.training.optim",
        "self.peak * (step + first) / rise",
        "self.peak * step / rise",
        test_the_schedule_rises_linearly_and_falls_along_half_a_cosine,
    ),
    Mutant(
        "core.training.optim",
        "peak / 2 * (1 + math.cos",
        "peak * (1 + math.cos",
        test_the_schedule_rises_linearly_and_falls_along_half_a_cosine,
    ),
    Mutant(
        "core.training.optim",
        "(step - rise) / (self.steps - rise)",
        "step / self.steps",
        test_the_schedule_rises_linearly_and_falls_along_half_a_cosine,
    ),
    Mutant(
        "core.training.optim",
        "params.lr * batch / params.lr_batch",
        "params.lr * params.lr_batch / batch",
        test_the_rate_is_scaled_to_the_batch_it_is_meant_for,
    ),
    Mutant(
        "core.training.optim",
        "epoch = step // self.per_epoch",
        "epoch = step",
        test_coop_keeps_one_rate_an_epoch_and_begins_small,
    ),
]
