"""Moved classifiers over tiny encoders, as exporters get them."""

import pytest
import torch

from core.export.source import Source, SteadySource
from core.models import zoo
from core.models.gates import Gate, SteadyClassifier, early_layers, statistics_of
from core.models.heads import LinearHead
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


def steady_source(source, tuned=None, zero_shot=None):
    """Behind a gate for which some of the pictures are familiar and some are not."""
    clip, images = source.clip, source.images
    layers = early_layers(clip.model.visual)
    rows = statistics_of(clip.frozen, layers, images)
    mean, std = rows.mean(0), rows.std(0) + 0.01
    bank = ((rows - mean) / std)[:3] + 0.3
    gate = Gate(mean, std, bank, 1.0, 1.0, 2, layers)
    distances = gate.distances(rows)
    gate.threshold.copy_(distances.median())
    gate.width.copy_(distances.std() / 2)
    torch.manual_seed(4)
    zero_shot = zero_shot or clip.with_head(LinearHead(torch.randn(3, clip.embed_dim), 5.0))
    tuned = tuned or source.classifier
    steady = SteadyClassifier(zero_shot.requires_grad_(False), tuned, gate, 0.25, (1.5, 0.5))
    return SteadySource(clip, steady, 0.8, {**CARD, "mixing": "steady"})


@pytest.fixture(scope="session")
def steady_vit(vit):
    return steady_source(vit)


@pytest.fixture(scope="session")
def steady_resnet(resnet):
    return steady_source(resnet)
