"""The estimated cost of a run is the sum of its parts, and the parts are measured."""

import pytest
import torch
from torch import nn

from core.models.zoo import load
from core.results.estimate import OVERHEAD_SECONDS, Footprint, RunSize
from core.results.estimate import estimated_bytes as bytes_of
from core.results.estimate import estimated_seconds as seconds_of
from core.training import footprint
from core.training.footprint import _kept_bytes, measure_footprint

FOOTPRINT = Footprint(forward_seconds=0.01, step_seconds=0.03, activation_bytes=1000, parameters=50)
WORK = RunSize(trained=100, epochs=5, batch_size=64, measured=200, looks=10, step_cost=1.2)


def test_the_seconds_of_a_run_are_those_of_its_parts():
    frozen, training, looks = 0.01 * 300, 0.03 * 1.2 * 100 * 5, 0.01 * 200 * 10
    assert seconds_of(WORK, FOOTPRINT) == pytest.approx(
        OVERHEAD_SECONDS + frozen + training + looks
    )


def test_a_tower_that_stays_frozen_is_looked_through_once():
    frozen = RunSize(**{**WORK.__dict__, "step_cost": None})
    assert seconds_of(frozen, FOOTPRINT) == pytest.approx(OVERHEAD_SECONDS + 3)
    assert bytes_of(frozen, FOOTPRINT) == 200


def test_memory_counts_weights_five_times_and_one_batch():
    assert bytes_of(WORK, FOOTPRINT) == 20 * 50 + 64 * 1000
    few = RunSize(**{**WORK.__dict__, "trained": 10})
    assert bytes_of(few, FOOTPRINT) == 20 * 50 + 10 * 1000


def test_the_bytes_that_a_backward_pass_keeps_are_counted_once_and_without_weights():
    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(4, 6, bias=False)

        def forward(self, images):
            return self.line(images).exp()  # keeps its input, and the output of exp

    images = torch.ones(3, 4)
    assert _kept_bytes(Tower(), images) == 3 * 4 * 4 + 3 * 6 * 4


def test_a_footprint_is_measured_and_leaves_the_model_as_it_was(tiny_model):
    clip = load(str(tiny_model))
    before = {name: tensor.clone() for name, tensor in clip.model.state_dict().items()}
    found = measure_footprint(clip)
    assert found.forward_seconds > 0
    assert found.step_seconds > 0
    assert found.parameters == sum(p.numel() for p in clip.model.visual.parameters())
    assert found.activation_bytes > 3 * 32 * 32 * 4, "more than the image itself"
    assert all(torch.equal(before[name], t) for name, t in clip.model.state_dict().items())
    assert all(parameter.grad is None for parameter in clip.model.parameters())


def test_seconds_are_those_of_one_image_with_and_without_its_gradient(tiny_model, monkeypatch):
    def fastest(work):
        work()
        return 2.4 if torch.is_grad_enabled() else 0.8

    monkeypatch.setattr(footprint, "_fastest", fastest)
    found = measure_footprint(load(str(tiny_model)))
    assert footprint.BATCH == 8
    assert found.forward_seconds == pytest.approx(0.1)
    assert found.step_seconds == pytest.approx(0.3)
