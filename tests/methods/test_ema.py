"""EMA: the average of the weights along fine-tuning, against hand-worked numbers."""

import pytest
import torch

from core.methods.ema import EMA, average, default_decay
from core.methods.ft import FineTuning
from tests.methods.steps import steps_of
from tests.mutants import Mutant

QUICK = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "clip_norm": 0.0}


def test_two_steps_of_the_average_equal_the_hand_worked_number():
    # λ = ¾, θ̄₀ = 1: θ₁ = 2 gives ¾·1 + ¼·2 = 1.25; θ₂ = 4 gives ¾·1.25 + ¼·4 = 1.9375.
    mean = [torch.tensor([1.0])]
    average(mean, [torch.tensor([2.0])], 0.75)
    assert mean[0].item() == 1.25
    average(mean, [torch.tensor([4.0])], 0.75)
    assert mean[0].item() == 1.9375


def test_decay_zero_is_the_last_weight_to_the_bit():
    torch.manual_seed(0)
    mean, weights = [torch.randn(1000) * 1e3], [torch.randn(1000)]
    average(mean, weights, 0.0)
    assert torch.equal(mean[0], weights[0])


def test_the_default_decay_reaches_back_a_tenth_of_the_run():
    assert default_decay(200) == 0.95
    assert default_decay(10_000) == 0.999
    assert [default_decay(steps) for steps in (1, 7, 10)] == [0.0, 0.0, 0.0]


def test_ema_is_the_average_of_the_path_that_fine_tuning_takes(tiny_task):
    plain = FineTuning(FineTuning.Params(**QUICK), *tiny_task)
    smooth = EMA(EMA.Params(**QUICK, decay=0.75), *tiny_task)
    path, mean = steps_of(plain.fit()), steps_of(smooth.fit())
    expected: dict[str, torch.Tensor] = {}
    for _ in path:
        now = dict(plain.classifier.named_parameters())
        if not expected:
            clip = tiny_task[0]
            start = clip.classifier(plain.zero_shot_prototypes())
            expected = {n: p.detach().clone() for n, p in start.named_parameters()}
        expected = {n: 0.75 * p + 0.25 * now[n].detach() for n, p in expected.items()}
        next(mean)
        for name, parameter in smooth.classifier.named_parameters():  # measured on the way
            torch.testing.assert_close(parameter, expected[name], msg=name)
    with pytest.raises(StopIteration) as stop:
        next(mean)
    assert stop.value.value is smooth.classifier
    for name, tensor in plain.classifier.state_dict().items():
        assert torch.equal(tensor, smooth.online.state_dict()[name]), name


def test_an_empty_decay_is_filled_in_for_the_length_of_the_run(tiny_task):
    # 12 images in batches of 5 are 3 steps an epoch; 1 − 10/30.
    method = EMA(EMA.Params(epochs=10, batch_size=5), *tiny_task)
    method.setup()
    assert method.params.decay == pytest.approx(2 / 3)
    assert EMA(EMA.Params(decay=0.999), *tiny_task).params.decay == 0.999


def test_the_best_epoch_of_ema_is_an_epoch_of_the_average(tiny_task):
    # So slow that no epoch moves a validation image: the first look wins, after three steps.
    method = EMA(EMA.Params(**(QUICK | {"lr": 1e-9}), decay=0.5, keep="best"), *tiny_task)
    list(method.fit())
    three = EMA(EMA.Params(**(QUICK | {"lr": 1e-9}), decay=0.5), *tiny_task)
    steps = steps_of(three.fit())
    for _ in range(3):
        next(steps)
    for name, tensor in three.classifier.state_dict().items():
        assert torch.equal(tensor, method.classifier.state_dict()[name]), name


def test_the_average_of_adapters_follows_those_that_train(tiny_task):
    low = QUICK | {"lora_rank": 2, "lr": 1e-2}
    plain = FineTuning(FineTuning.Params(**low), *tiny_task)
    last, smooth = (EMA(EMA.Params(**low, decay=decay), *tiny_task) for decay in (0.0, 0.75))
    for method in (plain, last, smooth):
        list(method.fit())
    start = tiny_task[0].model.visual.state_dict()
    for name, tensor in plain.classifier.tower.state_dict().items():
        assert torch.equal(tensor, last.classifier.tower.state_dict()[name]), name
    moved = {
        method: sum((t - start[n]).norm() for n, t in method.classifier.tower.state_dict().items())
        for method in (last, smooth)
    }
    assert 0 < moved[smooth] < moved[last]


MUTANTS = [
    Mutant(
        "core.methods.ema",
        "smooth.lerp_(now, 1 - decay)",
        "smooth.lerp_(now, decay)",
        test_two_steps_of_the_average_equal_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.ema",
        "smooth.lerp_(now, 1 - decay)",
        "smooth.add_((now - smooth) * (1 - decay))",
        test_decay_zero_is_the_last_weight_to_the_bit,
    ),
    Mutant(
        "core.methods.ema",
        "max(0.0, 1 - 10 / steps)",
        "1 - 10 / steps",
        test_the_default_decay_reaches_back_a_tenth_of_the_run,
    ),
    Mutant(
        "core.methods.ema",
        "average(self.classifier.parameters(), self.online.parameters(), decay)",
        "average(self.online.parameters(), self.classifier.parameters(), decay)",
        test_ema_is_the_average_of_the_path_that_fine_tuning_takes,
    ),
    Mutant(
        "core.methods.ema",
        "copy.deepcopy(self.online).requires_grad_(False)",
        "self.online",
        test_ema_is_the_average_of_the_path_that_fine_tuning_takes,
    ),
]
