"""Folded batch norms: the same function, the same names, the same gradients."""

import copy

import pytest
import torch
from timm.layers import BatchNormAct2d
from timm.layers.conv2d_same import Conv2dSame
from torch import nn

from core.models import folding, zoo
from core.models.folding import FoldedConv2d, FoldedConv2dSame, fold, unfold
from tests.mutants import Mutant


def tower() -> nn.Module:
    """Two convolutions with non-trivial batch norms, and an activation between them."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, bias=True),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 4, 3, groups=4, bias=False),
        nn.BatchNorm2d(4),
    )
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.normal_()
            module.running_var.uniform_(0.5, 2.0)
    return net.eval()


def folded() -> nn.Module:
    net = tower()
    fold(net, torch.zeros(1, 3, 8, 8))
    assert sum(isinstance(m, FoldedConv2d) for m in net.modules()) == 2
    return net


def test_folding_equals_the_hand_worked_number():
    # Convolution 2x + 1 and a norm with μ = 3, σ² = 4 − ε, γ = 6, β = 5: 6·(2x + 1 − 3)/2 + 5.
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)).eval()
    with torch.no_grad():
        for tensor, value in zip(net.parameters(), (2.0, 1.0, 6.0, 5.0), strict=True):
            tensor.fill_(value)
        net[1].running_mean.fill_(3.0)
        net[1].running_var.fill_(4.0 - net[1].eps)
    fold(net, torch.zeros(1, 1, 1, 1))
    assert net(torch.full((1, 1, 1, 1), 10.0)).item() == pytest.approx(59.0)


def test_features_and_gradients_are_those_of_the_plain_tower():
    plain, fast = tower(), folded()
    images = torch.randn(2, 3, 8, 8)
    for net in (plain, fast):
        net(images).square().sum().backward()
    torch.testing.assert_close(plain(images), fast(images))
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(
            parameter.grad, fast.get_parameter(name).grad, rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("size", [7, 8, 9, 10])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_padding_that_follows_the_input_is_that_of_timm(kernel, stride, size):
    torch.manual_seed(0)
    plain = nn.Sequential(Conv2dSame(3, 4, kernel, stride), nn.BatchNorm2d(4)).eval()
    fast, images = copy.deepcopy(plain), torch.randn(2, 3, size, size + 3)
    fold(fast, torch.zeros(1, 3, 8, 8))
    assert type(fast[0]) is FoldedConv2dSame
    for net in (plain, fast):
        net(images).square().sum().backward()
    torch.testing.assert_close(plain(images), fast(images), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(plain[0].weight.grad, fast[0].weight.grad, rtol=1e-4, atol=1e-4)
    unfold(fast)
    assert type(fast[0]) is Conv2dSame
    assert torch.equal(plain(images), fast(images))


@pytest.fixture
def clamped() -> nn.Module:
    """Two convolutions, one of them with padding that follows the input, each under a ReLU6."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), BatchNormAct2d(8, act_layer=nn.ReLU6),
        Conv2dSame(8, 8, 3, 2, groups=8), BatchNormAct2d(8, act_layer=nn.ReLU6),
    ).eval()  # fmt: skip
    for norm in (net[1], net[3]):
        norm.weight.data.uniform_(2, 9)  # enough to be cut off above
    fold(net, torch.zeros(1, 3, 8, 8))
    return net


def test_a_clamp_in_the_convolution_gives_the_same_bits(clamped, monkeypatch):
    images = torch.randn(4, 3, 9, 11).contiguous(memory_format=torch.channels_last)
    fused, calls = folding._CLAMPED, []
    if fused is None:
        pytest.skip("this build of PyTorch has no fused convolution")
    monkeypatch.setattr(folding, "_CLAMPED", lambda *a: calls.append(a) or fused(*a))
    with torch.inference_mode():
        fast = clamped(images)
    assert len(calls) == 2
    monkeypatch.setattr(folding, "_CLAMPED", None)
    with torch.inference_mode():
        slow = clamped(images)
    assert torch.equal(fast, slow)
    assert slow.max() == 6.0
    assert slow.min() == 0.0


def test_where_a_gradient_is_wanted_nothing_is_fused(clamped, monkeypatch):
    monkeypatch.setattr(folding, "_CLAMPED", lambda *_: pytest.fail("it has no gradient"))
    images = torch.randn(2, 3, 8, 8)
    clamped(images).sum().backward()
    assert clamped[0].weight.grad.abs().sum() > 0
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        clamped(images)


def test_names_stay_and_a_copy_is_on_its_own():
    net = folded()
    assert list(net.state_dict()) == list(tower().state_dict())
    images = torch.randn(1, 3, 8, 8)
    other, before = copy.deepcopy(net), net(images)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)
    assert torch.equal(net(images), before)
    assert not torch.allclose(other(images), before)
    other.load_state_dict(net.state_dict())
    assert torch.equal(other(images), before)


def test_unfolding_gives_the_plain_tower_back():
    net, images = folded(), torch.randn(1, 3, 8, 8)
    unfold(net)
    assert not any(isinstance(module, FoldedConv2d) for module in net.modules())
    assert torch.equal(net(images), tower()(images))


def test_the_embedded_model_is_folded_and_computes_what_open_clip_does():
    import open_clip

    from core.embedded import model_folder

    clip = zoo.load("embedded", device="cpu", precision="fp32")
    count = sum(isinstance(m, FoldedConv2d) for m in clip.model.visual.modules())
    assert count >= 40
    plain, _, _ = open_clip.create_model_and_transforms(f"local-dir:{model_folder()}")
    images = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        expected = plain.eval().encode_image(images, normalize=True)
        found = clip.model.encode_image(images, normalize=True)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)  # fp32, another order


MUTANTS = [
    Mutant(
        "core.models.folding",
        "norm.bias - norm.running_mean * scale",
        "norm.bias + norm.running_mean * scale",
        test_folding_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.models.folding",
        "shift + self.bias * scale",
        "shift + self.bias",
        test_folding_equals_the_hand_worked_number,
    ),
]
