"""LoRA: what is adapted, that merging is exact arithmetic, and that nothing else moves."""

import copy

import open_clip
import pytest
import torch
from torch import nn

from core.embedded import model_folder
from core.methods import METHODS
from core.methods.flyp import FLYP
from core.methods.ft import FineTuning
from core.models import zoo
from core.models.lora import OpenAttention, add_adapters, merge_adapters, only_adapters
from tests.mutants import Mutant


def test_a_layer_becomes_w_plus_alpha_over_rank_times_b_a():
    tower = nn.Sequential(nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        tower[0].weight.copy_(torch.eye(2))
    add_adapters(tower, lambda: tower(torch.zeros(1, 2)), rank=1, alpha=3.0, seed=0)
    with torch.no_grad():
        tower[0].lora_A["default"].weight.copy_(torch.tensor([[1.0, 2.0]]))
        tower[0].lora_B["default"].weight.copy_(torch.tensor([[1.0], [-1.0]]))
    # I + 3/1 · (1, −1)ᵀ(1, 2) = [[4, 6], [−3, −5]]; it maps (1, 1) to (10, −8).
    assert torch.equal(tower(torch.ones(1, 2)), torch.tensor([[10.0, -8.0]]))
    merge_adapters(tower)
    assert torch.equal(tower[0].weight, torch.tensor([[4.0, 6.0], [-3.0, -5.0]]))
    assert list(tower.state_dict()) == ["0.weight"]


def test_opened_attention_computes_what_attention_did_with_and_without_a_mask():
    torch.manual_seed(0)
    for batch_first in (True, False):
        attention = nn.MultiheadAttention(16, 4, batch_first=batch_first).eval()
        nn.init.normal_(attention.in_proj_bias)
        x = torch.randn(3, 5, 16)
        length = 5 if batch_first else 3
        causal = torch.full((length, length), float("-inf")).triu(1)
        each = causal.expand(4 * (3 if batch_first else 5), -1, -1)
        for mask in (None, causal, each):
            theirs = attention(x, x, x, need_weights=False, attn_mask=mask)[0]
            torch.testing.assert_close(OpenAttention(attention)(x, x, x, False, mask)[0], theirs)


def tower_of(kind: str) -> nn.Module:
    torch.manual_seed(0)
    text = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1}
    vision = {
        "vit": {"layers": 2, "width": 32, "patch_size": 8, "head_width": 16, "image_size": 32},
        "resnet": {"layers": [1, 1, 1, 1], "width": 8, "head_width": 8, "image_size": 32},
    }
    if kind in vision:
        tower = open_clip.CLIP(16, vision[kind], text).visual
        for name, parameter in tower.named_parameters():
            if "bn3.weight" in name:  # a fresh ResNet's blocks start as nothing
                nn.init.ones_(parameter)
        return tower.eval()
    name = f"local-dir:{model_folder()}"
    return open_clip.create_model(name, require_pretrained=True).visual.eval()


def shaken(tower: nn.Module) -> dict[str, torch.Tensor]:
    """The tower with adapters that are not zero, and its weights before."""
    before = copy.deepcopy(tower.state_dict())
    add_adapters(tower, lambda: tower(torch.zeros(1, 3, 32, 32)), rank=2, alpha=4.0, seed=0)
    for name, parameter in tower.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(parameter, std=0.02)
    return before


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm"])
def test_the_merged_tower_is_plain_and_computes_what_the_adapted_one_did(kind):
    tower = tower_of(kind)
    images = torch.randn(2, 3, 32, 32)
    untouched = tower(images)
    before = shaken(tower)
    adapted = tower(images)
    twin = copy.deepcopy(tower)
    merge_adapters(tower)
    torch.testing.assert_close(tower(images), adapted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(adapted, untouched, rtol=1e-2)
    assert list(tower.state_dict()) == list(before)
    torch.testing.assert_close(twin(images), adapted)
    merge_adapters(twin)
    assert all(torch.equal(twin.state_dict()[k], v) for k, v in tower.state_dict().items())
    assert not any("lora" in type(module).__module__ for module in tower.modules())


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm"])
def test_every_adapter_takes_part_and_depthwise_convolutions_have_none(kind):
    tower = tower_of(kind)
    shaken(tower)
    tower(torch.randn(2, 3, 32, 32)).square().sum().backward()
    adapters = {n: p for n, p in only_adapters(tower).named_parameters() if p.requires_grad}
    assert adapters
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in adapters.values())
    assert all("lora_" in name for name in adapters)
    convolutions = [
        module.get_base_layer()
        for module in tower.modules()
        if hasattr(module, "lora_A") and isinstance(module.get_base_layer(), nn.Conv2d)
    ]
    assert convolutions
    assert all(layer.groups == 1 for layer in convolutions)
    if kind == "timm":
        assert {layer.kernel_size for layer in convolutions} == {(1, 1)}


def test_the_attention_of_a_resnets_pool_is_left_alone_and_that_of_blocks_is_not():
    for kind, expected in (("resnet", False), ("vit", True)):
        tower = tower_of(kind)
        shaken(tower)
        names = [name for name, _ in tower.named_parameters() if "lora_" in name]
        assert any("attn" in name for name in names) == expected


def test_a_tower_without_layers_is_refused():
    from core.errors import UserError

    tower = nn.Sequential(nn.LayerNorm(4))
    with pytest.raises(UserError, match="no layer that can be adapted"):
        add_adapters(tower, lambda: tower(torch.zeros(1, 4)), 1, 1.0, 0)


def trained(method_class, tiny_task, **settings):
    shared = {"epochs": 2, "batch_size": 5, "lr": 1e-2}
    method = method_class(method_class.Params(**{**shared, **settings}), *tiny_task)
    for _ in method.fit():
        pass
    return method


def test_with_a_rank_only_products_of_that_rank_are_added_to_the_weights(tiny_task):
    clip, _ = tiny_task
    method = trained(FineTuning, tiny_task, lora_rank=2, train_head=False)
    tuned, start = method.classifier.tower.state_dict(), clip.model.visual.state_dict()
    assert list(tuned) == list(start)
    moved = {name for name in start if not torch.equal(tuned[name], start[name])}
    block = "transformer.resblocks.0."
    assert {f"{block}attn.in_proj_weight", f"{block}attn.out_proj.weight"} <= moved
    assert f"{block}mlp.c_fc.weight" in moved
    assert {"proj", "class_embedding", "ln_post.weight", f"{block}attn.in_proj_bias"}.isdisjoint(
        moved
    )
    for name in moved:
        change = (tuned[name] - start[name]).flatten(1).double()
        assert torch.linalg.matrix_rank(change, atol=1e-5) <= 2, name
    zero_shot = method.zero_shot_prototypes()
    assert torch.equal(method.classifier.head.weight, zero_shot)


def test_rank_zero_is_untouched_by_its_alpha_and_by_a_run_with_adapters(tiny_task):
    plain = trained(FineTuning, tiny_task)
    trained(FineTuning, tiny_task, lora_rank=2)
    again = trained(FineTuning, tiny_task, lora_rank=0, lora_alpha=2.0)
    for name, tensor in plain.classifier.state_dict().items():
        assert torch.equal(tensor, again.classifier.state_dict()[name]), name


def test_the_same_seed_gives_the_same_adapters_and_another_seed_others(tiny_task):
    states = [trained(FineTuning, tiny_task, lora_rank=2).classifier.state_dict() for _ in "ab"]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_both_towers_of_flyp_are_adapted_and_tau_is_not_trained(tiny_task):
    clip, _ = tiny_task
    text = trained(FLYP, tiny_task, lora_rank=2).classifier.head.text.state_dict()
    start = clip.model.state_dict()
    moved = {name for name in text if not torch.equal(text[name], start[name])}
    assert "transformer.resblocks.0.attn.in_proj_weight" in moved
    assert {"logit_scale", "token_embedding.weight", "text_projection"}.isdisjoint(moved)


@pytest.mark.parametrize("name", ["ft", "fd-align", "flyp"])
def test_cancelling_leaves_plain_weights_and_the_best_epoch_can_be_kept(name, tiny_task):
    clip, _ = tiny_task
    method_class = METHODS[name]
    params = method_class.Params(epochs=3, batch_size=5, lr=1e-2, lora_rank=2, keep="best")
    method = method_class(params, *tiny_task)
    fit = method.fit()
    next(fit)
    live = method.classifier
    assert any("lora_" in key for key in live.state_dict())
    assert torch.isfinite(live(torch.randn(2, 3, 32, 32))).all()
    fit.close()
    plain = clip.origin(method.classifier, method.zero_shot_prototypes())
    assert plain.state_dict().keys() == method.classifier.state_dict().keys()
    for _ in (again := method_class(params, *tiny_task)).fit():
        pass
    assert again.classifier.state_dict().keys() == plain.state_dict().keys()


def test_an_empty_rate_is_ten_times_as_high_with_adapters(tiny_task):
    plain, low = FineTuning.Params(), FineTuning.Params(lora_rank=4)
    clip, _ = tiny_task
    assert low.resolved(clip).lr == pytest.approx(10 * plain.resolved(clip).lr)
    assert FineTuning.Params(lora_rank=4, lr=3e-5).resolved(clip).lr == 3e-5


def test_a_model_of_the_zoo_is_not_changed_by_adapters_in_its_copy(tiny_model):
    clip = zoo.load(str(tiny_model), device="cpu", precision="fp32")
    before = copy.deepcopy(clip.model.state_dict())
    tower = clip.classifier(torch.eye(3, 32)).tower
    shaken(tower)
    merge_adapters(tower)
    assert all(torch.equal(before[k], v) for k, v in clip.model.state_dict().items())


MUTANTS = [
    Mutant(
        "core.models.lora",
        "lora_alpha=alpha,",
        "lora_alpha=rank,",
        test_a_layer_becomes_w_plus_alpha_over_rank_times_b_a,
    ),
    Mutant(
        "core.models.lora",
        "            child.merge()",
        "            pass",
        test_a_layer_becomes_w_plus_alpha_over_rank_times_b_a,
    ),
    Mutant(
        "core.models.lora",
        "and all(given is inputs[0] for given in inputs[:3])",
        "and False",
        test_the_attention_of_a_resnets_pool_is_left_alone_and_that_of_blocks_is_not,
    ),
]
