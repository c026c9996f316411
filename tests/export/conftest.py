"""Moved classifiers over tiny encoders, as exporters get them."""

import pytest
import torch

from core.export.source import Source
from core.models import zoo
from tests.conftest import TINY_VIT, random_model

CARD = {"classes": ["red_fox", "otter", "owl"], "names": ["red fox", "otter", "owl"]}


def moved(clip):
    """A classifier whose tower is not CLIP's any more."""
    torch.manual_seed(1)
    prototypes = torch.nn.functional.normalize(torch.randn(3, clip.embed_dim), dim=1)
    classifier = clip.classifier(prototypes).requires_grad_(False)
    for parameter in classifier.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    return classifier


def source_of(model):
    clip = zoo.load(str(model), device="cpu", precision="fp32")
    return Source(clip, moved(clip), CARD)


@pytest.fixture(scope="session")
def vit(tiny_model):
    return source_of(tiny_model)


@pytest.fixture(scope="session")
def quick_vit(tmp_path_factory):
    """A ViT with OpenAI's activation."""
    folder = tmp_path_factory.mktemp("quick-clip")
    return source_of(random_model(folder, {**TINY_VIT, "quick_gelu": True}))


@pytest.fixture(scope="session")
def resnet(tiny_resnet):
    return source_of(tiny_resnet)
