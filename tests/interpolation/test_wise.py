"""WiSE-FT: exact ends, a hand-worked middle, untouched inputs."""

import pytest
import torch

from core.interpolation.wise import WiseMixer, mix
from core.models import zoo
from tests.mutants import Mutant


def test_the_middle_is_the_hand_worked_mean():
    mixed = mix({"w": torch.tensor([0.0, 4.0])}, {"w": torch.tensor([2.0, 0.0])}, 0.25)
    assert torch.equal(mixed["w"], torch.tensor([0.5, 3.0]))


def test_wise_ft_ends_are_the_ends():
    torch.manual_seed(0)
    start, end = {"w": torch.randn(1000)}, {"w": torch.randn(1000) * 1e3}
    assert torch.equal(mix(start, end, 0.0)["w"], start["w"])
    assert torch.equal(mix(start, end, 1.0)["w"], end["w"])


def test_integer_buffers_are_copied_and_not_mixed():
    mixed = mix({"steps": torch.tensor(3)}, {"steps": torch.tensor(9)}, 0.5)
    assert mixed["steps"].item() == 3


def test_classifiers_with_other_weights_are_refused():
    with pytest.raises(ValueError, match="do not have the same weights"):
        mix({"a": torch.zeros(1)}, {"b": torch.zeros(1)}, 0.5)


def test_the_mixer_mixes_tower_and_head_and_leaves_both_ends_alone(tiny_model):
    clip = zoo.load(str(tiny_model), device="cpu")
    start = clip.classifier(torch.eye(3, 32), fold_scale=True)
    tuned = clip.classifier(torch.eye(3, 32).flip(0), fold_scale=True)
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter.add_(1.0)
    before = {name: tensor.clone() for name, tensor in tuned.state_dict().items()}
    mixed = WiseMixer(start, tuned).at(0.5)
    for name, tensor in mixed.state_dict().items():
        middle = (start.state_dict()[name] + before[name]) / 2
        torch.testing.assert_close(tensor, middle)
        assert torch.equal(tuned.state_dict()[name], before[name])


MUTANTS = [
    Mutant(
        "core.interpolation.wise",
        "torch.lerp(start, tuned[name], alpha)",
        "torch.lerp(tuned[name], start, alpha)",
        test_the_middle_is_the_hand_worked_mean,
    ),
    Mutant(
        "core.interpolation.wise",
        "torch.lerp(start, tuned[name], alpha)",
        "start + alpha * (tuned[name] - start)",
        test_wise_ft_ends_are_the_ends,
    ),
]
