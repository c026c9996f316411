"""Cache heads: logits worked out by hand, exact zero-shot at their origin, and back from disk."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.interpolation.wise import mix
from core.models.cache_head import CacheHead, RefinedCacheHead, ResidualCacheHead
from core.models.heads import LinearHead
from core.models.weights import HEADS, load_classifiers, save_classifier
from tests.mutants import Mutant

ONE_HOT = torch.eye(2)
NEAR, NEARER = math.exp(-2), math.exp(-1)  # β = 5: affinities 0.6 and 0.8


def test_the_cache_votes_as_worked_out_by_hand():
    # f = (0.6, 0.8), prototypes and keys are the axes, τ 10, α 2, β 5:
    # 10·0.6 + 2·exp(−5·0.4) = 6.2707 and 10·0.8 + 2·exp(−5·0.2) = 8.7358.
    head = CacheHead(torch.eye(2), 10.0, torch.eye(2), ONE_HOT, 2.0, 5.0)
    logits = head(torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(logits, torch.tensor([[6 + 2 * NEAR, 8 + 2 * NEARER]]))
    torch.testing.assert_close(logits, torch.tensor([[6.270671, 8.735759]]))


def test_a_refined_cache_compares_unit_channels_and_keeps_all_for_the_prototypes():
    # f = (0.36, 0.48, 0.8); its first two channels are (0.6, 0.8)·0.6. The first key counts twice.
    values, channels = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    head = RefinedCacheHead(torch.eye(2, 3), 10.0, torch.eye(2), values, channels, 2.0, 5.0)
    logits = head(torch.tensor([[0.36, 0.48, 0.8]]))
    expected = torch.tensor([[3.6 + 2 * 2 * NEAR, 4.8 + 2 * NEARER]])
    torch.testing.assert_close(logits, expected)


def test_a_residual_moves_prototype_and_keys_of_its_class_on_its_channels_alone():
    # Channel 1 gets +0.5 for class 0 and −0.25 for class 1; the first vote counts twice.
    # W = ((1, 0.5), (0, 0.75)) = K, so f = (0.6, 0.8) has similarities 1.0 and 0.6:
    # 10·1 + 2·2·exp(0) = 14 and 10·0.6 + 2·exp(−2) = 6.2707.
    head = ResidualCacheHead(torch.eye(2), 10.0, torch.eye(2), ONE_HOT, torch.tensor([1]), 2.0, 5.0)
    with torch.no_grad():
        head.residual.copy_(torch.tensor([[0.5], [-0.25]]))
        head.votes.copy_(torch.tensor([[2.0], [1.0]]))
    logits = head(torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(logits, torch.tensor([[14.0, 6 + 2 * NEAR]]))


def test_an_untouched_residual_is_tip_adapter():
    head, tip = random_head("residual-cache"), random_head("cache")
    features = F.normalize(torch.randn(6, 16), dim=1)
    assert torch.equal(head(features), tip(features))


def random_head(kind: str, **more) -> CacheHead:
    """Five classes, nine keys, 16 channels."""
    torch.manual_seed(0)
    prototypes, keys = (F.normalize(torch.randn(n, 16), dim=1) for n in (5, 9))
    values = F.one_hot(torch.arange(9) % 5, 5).float()
    channels = torch.tensor([1, 4, 5, 11])
    scales = {"alpha": 1.3, "beta": 2.5} | more
    if kind == "cache":
        return CacheHead(prototypes, 100.0, keys, values, **scales)
    if kind == "refined-cache":
        keys = F.normalize(keys[:, channels], dim=1)
        return RefinedCacheHead(prototypes, 100.0, keys, values, channels, **scales)
    return ResidualCacheHead(prototypes, 100.0, keys, values, channels, **scales)


def disturbed(kind: str) -> CacheHead:
    """A head with every parameter changed."""
    head = random_head(kind)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return head


class Scale:
    """The part of a `ClipModel` that a head needs."""

    logit_scale = 100.0


KINDS = ("cache", "refined-cache", "residual-cache")


def test_the_origin_has_the_same_tensors_and_zero_shots_logits_to_the_bit():
    for kind in KINDS:
        head = disturbed(kind)
        prototypes = F.normalize(torch.randn(5, 16), dim=1)
        features = F.normalize(torch.randn(40, 16), dim=1)
        origin = head.origin(Scale(), prototypes)
        assert torch.equal(origin(features), LinearHead(prototypes, 100.0)(features)), kind
        assert origin.state_dict().keys() == head.state_dict().keys()


def test_mixing_with_the_origin_scales_the_cache_linearly():
    for kind in ("cache", "refined-cache"):
        head = random_head(kind)
        features = F.normalize(torch.randn(8, 16), dim=1)
        origin = head.origin(Scale(), head.weight.detach())
        middle = random_head(kind)
        middle.load_state_dict(mix(origin.state_dict(), head.state_dict(), 0.25))
        assert middle.alpha.item() == pytest.approx(1.3 / 4)
        zero_shot, tuned = origin(features), head(features)
        torch.testing.assert_close(middle(features), zero_shot + (tuned - zero_shot) / 4)


def test_a_head_takes_a_copy_of_the_keys_that_it_is_given():
    keys = torch.eye(2)
    head = CacheHead(torch.eye(2), 10.0, keys, ONE_HOT)
    with torch.no_grad():
        head.keys.add_(1.0)
    assert torch.equal(keys, torch.eye(2))


def test_the_logits_are_fp32_inside_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        for kind in KINDS:
            logits = random_head(kind)(torch.randn(3, 16))
            assert logits.dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_head_comes_back_with_its_logits_and_its_zero_shot(kind, tiny_task, tmp_path):
    clip, _ = tiny_task
    torch.manual_seed(0)
    prototypes = F.normalize(torch.randn(5, 32), dim=1)
    values, channels = F.one_hot(torch.arange(9) % 5, 5).float(), torch.arange(4)
    memory = (torch.randn(9, 4 if kind == "refined-cache" else 32), values)
    extra = () if kind == "cache" else (channels,)
    head = HEADS[kind](prototypes, clip.logit_scale, *memory, *extra, 1.5, 0.7)
    path = tmp_path / "classifier.safetensors"
    save_classifier(path, clip, clip.with_head(head), prototypes)
    zero_shot, tuned = load_classifiers(path, clip)
    features = F.normalize(torch.randn(6, 32), dim=1)
    assert type(tuned.head) is type(head)
    assert torch.equal(tuned.logits_from(features), head(features).detach())
    plain = LinearHead(prototypes, clip.logit_scale)
    assert torch.equal(zero_shot.logits_from(features), plain(features).detach())


@pytest.mark.parametrize("kind", KINDS)
def test_the_formula_of_an_export_gives_the_heads_logits(kind):
    head = disturbed(kind)
    features = F.normalize(torch.randn(4, 16), dim=1)
    out = head.exported()
    q = F.normalize(features[:, out["channels"]], dim=1) if kind == "refined-cache" else features
    affinity = torch.exp(-out["beta"] * (1 - q @ out["keys"].T))
    logits = features @ out["weight"].T + out["alpha"] * affinity @ out["values"]
    torch.testing.assert_close(logits, head(features).detach())


MUTANTS = [
    Mutant(
        "core.models.cache_head",
        "-self.beta * (1 - affinity)",
        "-self.beta * (2 - affinity)",
        test_the_cache_votes_as_worked_out_by_hand,
    ),
    Mutant(
        "core.models.cache_head",
        "logits + self.alpha * votes",
        "logits + votes",
        test_the_cache_votes_as_worked_out_by_hand,
    ),
    Mutant(
        "core.models.cache_head",
        "self.tau * (features @ weight.T)",
        "features @ weight.T",
        test_the_cache_votes_as_worked_out_by_hand,
    ),
    Mutant(
        "core.models.cache_head",
        "F.normalize(features[:, self.channels], dim=1)",
        "features[:, self.channels]",
        test_a_refined_cache_compares_unit_channels_and_keeps_all_for_the_prototypes,
    ),
    Mutant(
        "core.models.cache_head",
        "self.keys.index_add(1, self.channels, self.values @ self.residual)",
        "self.keys",
        test_a_residual_moves_prototype_and_keys_of_its_class_on_its_channels_alone,
    ),
    Mutant(
        "core.models.cache_head",
        "self.weight.index_add(1, self.channels, self.residual)",
        "self.weight",
        test_a_residual_moves_prototype_and_keys_of_its_class_on_its_channels_alone,
    ),
    Mutant(
        "core.models.cache_head",
        "self.values * self.votes",
        "self.values",
        test_a_residual_moves_prototype_and_keys_of_its_class_on_its_channels_alone,
    ),
    Mutant(
        "core.models.cache_head",
        '"alpha": torch.tensor(0.0), ',
        "",
        test_the_origin_has_the_same_tensors_and_zero_shots_logits_to_the_bit,
    ),
    Mutant(
        "core.models.cache_head",
        '"residual": torch.zeros_like(self.residual),',
        "",
        test_the_origin_has_the_same_tensors_and_zero_shots_logits_to_the_bit,
    ),
    Mutant(
        "core.models.cache_head",
        "nn.Parameter(keys.float().clone())",
        "nn.Parameter(keys.float())",
        test_a_head_takes_a_copy_of_the_keys_that_it_is_given,
    ),
]
