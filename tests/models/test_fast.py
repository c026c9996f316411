"""The fast modules against the slow ones: same function, same names, same gradients."""

import copy

import pytest
import torch
from open_clip.transformer import ResidualAttentionBlock, VisionTransformer
from torch import nn

from core.models import zoo
from core.models.attention import LONGEST, DirectAttention, go_direct
from core.models.class_token import ClassTokenBlock, go_first
from core.models.fast import make_fast, make_plain
from core.models.patches import PatchConv2d, go_flat
from tests.mutants import Mutant

FAST = {DirectAttention, PatchConv2d, ClassTokenBlock}
BF16 = torch.finfo(torch.bfloat16).eps
CAUSAL = torch.full((6, 6), -torch.inf).triu(1)


def attentions(batch_first: bool = True) -> tuple[nn.MultiheadAttention, nn.MultiheadAttention]:
    """PyTorch's, and the direct one with its weights."""
    torch.manual_seed(0)
    slow = nn.MultiheadAttention(8, 2, batch_first=batch_first).eval()
    nn.init.normal_(slow.in_proj_bias)
    fast = copy.deepcopy(slow)
    go_direct(fast)
    assert isinstance(fast, DirectAttention)
    return slow, fast


def agree(slow: nn.Module, fast: nn.Module, x: torch.Tensor, ask) -> None:
    """Checks outputs and all gradients, at the defaults of fp32."""
    inputs = [x.clone().requires_grad_(True) for _ in range(2)]
    outputs = [ask(net, given) for net, given in zip((slow, fast), inputs, strict=True)]
    for output in outputs:
        output.square().sum().backward()
    torch.testing.assert_close(outputs[1], outputs[0])
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad)
    for name, weight in slow.named_parameters():
        torch.testing.assert_close(fast.get_parameter(name).grad, weight.grad)


def check_attention(batch_first: bool, mask: torch.Tensor | None) -> None:
    def ask(net, x):
        return net(x, x, x, need_weights=False, attn_mask=mask)[0]

    agree(*attentions(batch_first), torch.randn(6, 6, 8), ask)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("mask", [None, CAUSAL, torch.randn(12, 6, 6)], ids=["none", "one", "each"])
def test_direct_attention_is_pytorchs(batch_first, mask):
    check_attention(batch_first, mask)


def test_direct_attention_is_pytorchs_on_three_times_as_many_places():
    check_attention(True, CAUSAL)
    check_attention(False, CAUSAL)


@pytest.mark.parametrize("batch_first", [True, False])
def test_direct_attention_of_some_tokens_to_all_is_pytorchs(batch_first):
    def of_first(net, x):
        some = x[:, :2] if batch_first else x[:2]
        return net(some, x, x, need_weights=False)[0]

    agree(*attentions(batch_first), torch.randn(6, 6, 8), of_first)


def check_bf16(mask: torch.Tensor | None, tokens: int = 6) -> None:
    """Checks `tokens` that attend to all six."""
    slow, fast = attentions()
    x = torch.randn(64, 6, 8)
    inputs = [x.clone().requires_grad_(True) for _ in range(2)]

    def ask(net, x):
        some = x if tokens == x.shape[1] else x[:, :tokens]
        return net(some, x, x, need_weights=False, attn_mask=mask)[0]

    expected = ask(slow, inputs[0])
    with torch.autocast("cpu", torch.bfloat16):
        found = ask(fast, inputs[1])
    assert found.dtype is torch.bfloat16
    for output in (expected, found):
        output.float().square().sum().backward()
    pairs = [(expected, found), (inputs[0].grad, inputs[1].grad)]
    pairs += [(weight.grad, fast.get_parameter(n).grad) for n, weight in slow.named_parameters()]
    for exact, rounded in pairs:
        assert (rounded - exact).norm() < 2 * BF16 * exact.norm()


def test_attention_in_bf16_is_that_of_fp32_within_rounding():
    check_bf16(mask=None)


def test_causal_attention_in_bf16_is_that_of_fp32_within_rounding():
    check_bf16(CAUSAL)


def test_attention_of_one_token_in_bf16_is_that_of_fp32_within_rounding():
    check_bf16(mask=None, tokens=1)


@pytest.mark.parametrize(("tokens", "kept"), [(LONGEST, True), (LONGEST + 1, False)])
def test_scores_of_a_long_sequence_are_not_kept(tokens, kept):
    _, fast = attentions()
    x = torch.randn(1, tokens, 8, requires_grad=True)
    sizes = []
    with (
        torch.autocast("cpu", torch.bfloat16),
        torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.shape) or t, lambda t: t),
    ):
        fast(x, x, x, need_weights=False)
    assert any(size[-2:] == (tokens, tokens) for size in sizes) == kept


def test_an_attention_that_is_asked_for_its_weights_gives_them():
    slow, fast = attentions()
    x = torch.randn(2, 6, 8)
    for given in ((x, x, x), (x[:, :1], x, x)):
        expected, found = (net(*given, need_weights=True) for net in (slow, fast))
        assert found[1] is not None
        assert torch.equal(found[1], expected[1])
        assert torch.equal(found[0], expected[0])


@pytest.mark.parametrize(
    "more", [{"add_bias_kv": True}, {"add_zero_attn": True}, {"kdim": 4}, {"dropout": 0.1}]
)
def test_an_attention_of_another_kind_stays_what_it_is(more):
    other = nn.Sequential(nn.MultiheadAttention(8, 2, **more))
    go_direct(other)
    assert type(other[0]) is nn.MultiheadAttention


def convolutions(bias: bool) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    slow = nn.Conv2d(3, 5, (2, 4), (2, 4), bias=bias).to(memory_format=torch.channels_last)
    fast = copy.deepcopy(slow)
    go_flat(fast)
    assert isinstance(fast, PatchConv2d)
    return slow, fast


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_a_flat_patch_embedding_is_the_convolution(bias, layout):
    x = torch.randn(2, 3, 6, 8).contiguous(memory_format=layout)
    agree(*convolutions(bias), x, lambda net, given: net(given))


def test_an_image_that_patches_do_not_fill_goes_the_slow_way():
    slow, fast = convolutions(bias=True)
    x = torch.randn(1, 3, 7, 9)
    assert torch.equal(fast(x), slow(x))


@pytest.mark.parametrize("more", [{"stride": 1}, {"padding": 1}, {"groups": 3}, {"dilation": 2}])
def test_a_convolution_whose_windows_do_not_lie_side_by_side_stays_what_it_is(more):
    other = nn.Sequential(nn.Conv2d(3, 6, 2, **({"stride": 2} | more)))
    go_flat(other)
    assert type(other[0]) is nn.Conv2d


def vit(**more) -> VisionTransformer:
    sizes = {"image_size": 8, "patch_size": 4, "width": 8, "layers": 2, "heads": 2, "mlp_ratio": 2}
    torch.manual_seed(0)
    tower = VisionTransformer(**sizes, output_dim=6, **more).eval()
    go_first(tower)
    return tower


@pytest.mark.parametrize("layer_scale", [None, 0.5])
def test_a_last_block_for_the_class_token_gives_what_the_whole_block_gives(layer_scale):
    fast = vit(ls_init_value=layer_scale)
    slow = copy.deepcopy(fast)
    make_plain(slow)
    kinds = [[type(block) for block in t.transformer.resblocks] for t in (slow, fast)]
    assert kinds == [[ResidualAttentionBlock] * 2, [ResidualAttentionBlock, ClassTokenBlock]]
    seen = []
    fast.ln_post.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    agree(slow, fast, torch.randn(3, 3, 8, 8), lambda net, x: net(x))
    assert seen == [(3, 1, 8)], "of one token"


@pytest.mark.parametrize(
    "more",
    [
        {"pool_type": "avg"},
        {"attentional_pool": True, "attn_pooler_heads": 2},
        {"output_tokens": True},
        {"scale_heads": True},
    ],
)
def test_a_tower_of_which_more_is_read_keeps_its_last_block(more):
    assert ClassTokenBlock not in {type(module) for module in vit(**more).modules()}


def test_a_last_block_that_is_asked_for_more_is_open_clips():
    fast, mask = vit().transformer.resblocks[-1], torch.zeros(5, 5)
    slow, x = copy.deepcopy(fast), torch.randn(2, 5, 8)
    make_plain(slow)
    assert torch.equal(fast(x, attn_mask=mask), slow(x, attn_mask=mask))


def test_a_fast_tower_has_the_features_and_gradients_of_the_plain_one(tiny_model):
    clip = zoo.load(str(tiny_model), device="cpu", precision="fp32")
    fast = copy.deepcopy(clip.model.visual).requires_grad_(True)
    kinds = {type(module) for module in fast.modules()}
    assert kinds >= FAST
    slow = copy.deepcopy(fast)
    make_plain(slow)
    assert not FAST & {type(module) for module in slow.modules()}
    assert slow.state_dict().keys() == fast.state_dict().keys()
    agree(slow, fast, torch.randn(3, 3, 32, 32), lambda net, x: net(x))
    make_fast(slow, torch.zeros(1, 3, 32, 32))
    assert {type(module) for module in slow.modules()} == kinds


MUTANTS = [
    Mutant(
        "core.models.attention",
        "scores = scores + mask",
        "scores = scores",
        test_causal_attention_in_bf16_is_that_of_fp32_within_rounding,
    ),
    Mutant(
        "core.models.attention",
        "q * q.shape[-1] ** -0.5 @",
        "q @",
        test_attention_in_bf16_is_that_of_fp32_within_rounding,
    ),
    Mutant(
        "core.models.attention",
        "(*x.shape[:2], parts, heads, -1)",
        "(*x.shape[:2], heads, parts, -1).transpose(2, 3)",
        test_direct_attention_is_pytorchs_on_three_times_as_many_places,
    ),
    Mutant(
        "core.models.attention",
        "F.scaled_dot_product_attention(q, k, v, mask)",
        "F.scaled_dot_product_attention(q, k, v)",
        test_direct_attention_is_pytorchs_on_three_times_as_many_places,
    ),
    Mutant(
        "core.models.attention",
        "not (need_weights or more) and",
        "not more and",
        test_an_attention_that_is_asked_for_its_weights_gives_them,
    ),
    Mutant(
        "core.models.attention",
        "torch.split(self.in_proj_weight, sizes)",
        "torch.split(self.in_proj_weight.flip(0), sizes)",
        test_attention_of_one_token_in_bf16_is_that_of_fp32_within_rounding,
    ),
    Mutant(
        "core.models.patches",
        "        if input.shape[2] % high or input.shape[3] % wide:\n"
        "            return super().forward(input)\n",
        "        input = input[:, :, : rows * high, : columns * wide] * 1.0001\n",
        test_an_image_that_patches_do_not_fill_goes_the_slow_way,
    ),
]
