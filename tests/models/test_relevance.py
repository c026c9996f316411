"""Maps of where a tower looked, against numbers worked out by hand, and on real towers."""

import pytest
import torch
from open_clip.transformer import VisionTransformer as OpenVit
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from core.models import zoo
from core.models.class_token import ClassTokenBlock
from core.models.classifier import Classifier
from core.models.fast import make_plain
from core.models.heads import LinearHead
from core.models.precision import choose_precision
from core.models.relevance import _attentions, gradient_times_activation, relevance, rollout
from core.models.transforms import Preprocess


def test_rollout_of_one_layer_is_half_its_attention():
    attention = torch.tensor([[0.2, 0.6, 0.2], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    # ½(A + I) of the class token's row is (0.6, 0.3, 0.1)
    assert rollout([attention]).tolist() == pytest.approx([0.3, 0.1])
    # a second such layer: 0.6·(0.3, 0.1) + (0.3, 0.1)
    assert rollout([attention, attention]).tolist() == pytest.approx([0.48, 0.16])


def test_layers_that_only_look_at_themselves_give_nothing():
    assert rollout([torch.eye(3)] * 4).tolist() == [0, 0]


def test_gradient_times_activation_keeps_what_speaks_for_the_class():
    activation = torch.tensor([[[1.0, 2.0]], [[3.0, 1.0]]])
    gradient = torch.tensor([[[2.0, -1.0]], [[1.0, 1.0]]])
    assert gradient_times_activation(activation, gradient).tolist() == [[5.0, 0.0]]


@pytest.mark.parametrize(
    ("folder", "kind"), [("tiny_model", "rollout"), ("tiny_resnet", "relevance")]
)
def test_a_tower_is_looked_into_and_left_as_it_was(folder, kind, request):
    clip = zoo.load(str(request.getfixturevalue(folder)), "cpu")
    classifier = clip.classifier(torch.eye(3, clip.embed_dim)).requires_grad_(False)
    size = clip.preprocess.size
    image = torch.randint(0, 256, (3, size, size), dtype=torch.uint8)
    before = classifier(image[None])
    found = relevance(classifier, image, 1)
    assert found is not None
    assert found[0] == kind
    assert min(found[1].shape) > 1
    assert 0 <= float(found[1].min()) <= float(found[1].max()) <= 1
    assert torch.equal(classifier(image[None]), before)
    hooks = [m for m in classifier.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert hooks == [], "nothing is left listening"


def test_a_class_token_alone_tells_the_same_way_through_the_layers(tiny_model):
    clip = zoo.load(str(tiny_model), "cpu")
    classifier = clip.classifier(torch.eye(3, clip.embed_dim)).requires_grad_(False)
    image = torch.randint(0, 256, (3, 32, 32), dtype=torch.uint8)
    alone = relevance(classifier, image, 1)
    make_plain(classifier.tower)
    assert any(isinstance(module, ClassTokenBlock) for module in clip.model.visual.modules())
    torch.testing.assert_close(alone[1], relevance(classifier, image, 1)[1])


def test_a_pooling_over_tokens_is_no_layer_between_them():
    tower = OpenVit(32, 8, 32, 2, 2, 2, attentional_pool=True, attn_pooler_queries=1, output_dim=32)
    tower = tower.eval().requires_grad_(False)
    plain = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    precision = choose_precision(torch.device("cpu"), "fp32", tower)
    classifier = Classifier(tower, LinearHead(torch.eye(3, 32), 1.0), plain, precision)
    with _attentions(tower) as seen:
        classifier.features(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
    assert [tuple(attention.shape) for attention in seen] == [(17, 17)] * 2


def test_a_vit_whose_attention_is_not_kept_gets_no_map_rather_than_its_patches():
    vit = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=32, depth=1, num_heads=2, num_classes=3
    )
    plain = Preprocess(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    precision = choose_precision(torch.device("cpu"), "fp32", vit)
    classifier = Classifier(vit, LinearHead(torch.eye(3), 1.0), plain, precision)
    image = torch.zeros(3, 32, 32, dtype=torch.uint8)
    assert relevance(classifier.requires_grad_(False), image, 0) is None


def test_the_map_of_a_convolution_lies_where_the_class_is():
    """Channels are averaged pixels and classes are channels: red left, blue right."""
    convolution = nn.Conv2d(3, 3, 4, stride=4, bias=False).requires_grad_(False)
    convolution.weight.copy_(torch.eye(3)[:, :, None, None].expand(3, 3, 4, 4) / 16)
    tower = nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    plain = Preprocess(8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    precision = choose_precision(torch.device("cpu"), "fp32", tower)
    classifier = Classifier(tower, LinearHead(torch.eye(3), 1.0), plain, precision)
    classifier.requires_grad_(False)
    image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    image[0, :, :4] = 255
    image[2, :, 4:] = 255
    assert relevance(classifier, image, 0)[1].tolist() == [[1, 0], [1, 0]]
    assert relevance(classifier, image, 2)[1].tolist() == [[0, 1], [0, 1]]
    assert relevance(classifier, image, 1)[1].tolist() == [[0, 0], [0, 0]], "no green at all"
