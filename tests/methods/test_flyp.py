"""FLYP's loss against numbers worked out by hand, and the two towers and τ that it trains."""

import math

import pytest
import torch

from core.methods.flyp import FLYP, contrastive_loss
from tests.methods.steps import steps_of
from tests.mutants import Mutant

# τ = 5·ln 2 and cosines [[1, 0.6], [0, 0.8]] make exp(S) = [[32, 8], [1, 16]].
IMAGES = torch.eye(2)
CAPTIONS = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
TAU = 5 * math.log(2)
APART, TOGETHER = torch.tensor([0, 1]), torch.tensor([0, 0])


def test_the_loss_is_half_the_mean_over_rows_plus_half_the_mean_over_columns():
    loss = contrastive_loss(IMAGES, CAPTIONS, APART, TAU, "negatives")
    rows = (math.log(40 / 32) + math.log(17 / 16)) / 2
    columns = (math.log(33 / 32) + math.log(24 / 16)) / 2
    assert loss.item() == pytest.approx((rows + columns) / 2, abs=1e-6)
    assert loss.item() == pytest.approx(0.180001, abs=1e-5)


def test_captions_of_the_same_class_are_negatives_unless_they_are_masked():
    as_ever = contrastive_loss(IMAGES, CAPTIONS, TOGETHER, TAU, "negatives")
    assert as_ever.item() == pytest.approx(0.180001, abs=1e-5)
    # Each image is left with its own caption alone: −ln 1.
    assert contrastive_loss(IMAGES, CAPTIONS, TOGETHER, TAU, "masked").item() == 0
    apart = contrastive_loss(IMAGES, CAPTIONS, APART, TAU, "masked")
    assert apart.item() == pytest.approx(0.180001, abs=1e-5)


def test_soft_targets_share_the_target_among_captions_of_the_class():
    loss = contrastive_loss(IMAGES, CAPTIONS, TOGETHER, TAU, "soft-targets")
    # −½·(ln p₁ + ln p₂) of rows (32, 8)/40 and (1, 16)/17, columns (32, 1)/33 and (8, 16)/24.
    rows = (math.log(40**2 / (32 * 8)) + math.log(17**2 / 16)) / 4
    columns = (math.log(33**2 / 32) + math.log(24**2 / (8 * 16))) / 4
    assert loss.item() == pytest.approx((rows + columns) / 2, abs=1e-5)
    assert loss.item() == pytest.approx(1.219722, abs=1e-5)
    apart = contrastive_loss(IMAGES, CAPTIONS, APART, TAU, "soft-targets")
    assert apart.item() == pytest.approx(0.180001, abs=1e-5)


def trained(tiny_task, **settings):
    clip, task = tiny_task
    method = FLYP(FLYP.Params(**{"epochs": 2, "batch_size": 5, "lr": 1e-3, **settings}), clip, task)
    terms = [event.terms for event in steps_of(method.fit())]
    start = clip.model.state_dict()
    text = method.classifier.head.text.state_dict()
    moved = {name for name in text if not torch.equal(text[name], start[name])}
    return method, moved, terms


def test_everything_trains_both_towers_their_projections_embeddings_and_tau(tiny_task):
    method, moved, _ = trained(tiny_task)
    assert moved == set(method.classifier.head.text.state_dict())
    visual = tiny_task[0].model.visual.state_dict()
    for name, tensor in method.classifier.tower.state_dict().items():
        assert not torch.equal(tensor, visual[name]), name


def test_a_frozen_text_tower_does_not_move_but_for_its_temperature(tiny_task):
    assert trained(tiny_task, text="frozen")[1] == {"logit_scale"}


def test_the_temperature_stays_between_1_and_100(tiny_task):
    for first, edge in ((math.log(100), 100.0), (0.0, 1.0)):
        method = FLYP(FLYP.Params(), *tiny_task)
        method.setup()
        with torch.no_grad():
            method.head.text.logit_scale.fill_(first + (0.5 if first else -0.5))
        method.after_step(0, 1)
        assert method.head.scale().item() == pytest.approx(edge, rel=1e-6)


def test_the_ablation_scores_against_one_caption_of_every_class(tiny_task):
    _, moved, terms = trained(tiny_task, loss="cross-entropy")
    assert "token_embedding.weight" in moved
    assert {name for step in terms for name in step} == {"class"}


def test_captions_are_drawn_from_all_templates_or_are_always_the_same(tiny_task):
    clip, task = tiny_task
    seen: dict[str, set[int]] = {}
    for captions in ("sampled", "single"):
        method = FLYP(FLYP.Params(captions=captions), clip, task)
        method.setup()
        labels = torch.zeros(400, dtype=torch.long)
        found = method._captions(labels)
        assert found.shape == (400, clip.embed_dim)
        seen[captions] = {round(value, 5) for value in found[:, 0].tolist()}
    assert len(seen["single"]) == 1
    assert len(seen["sampled"]) > 70  # of 80


def test_a_caption_belongs_to_its_image_whatever_is_encoded_once(tiny_task):
    clip, task = tiny_task
    method = FLYP(FLYP.Params(captions="single"), clip, task)
    method.setup()
    labels = torch.tensor([2, 0, 2, 1])
    texts = [f"a photo of a {task.names[label]}." for label in labels]
    expected = torch.nn.functional.normalize(clip.encode_text(texts), dim=-1)
    torch.testing.assert_close(method._captions(labels).detach(), expected)


MUTANTS = [
    Mutant(
        "core.methods.flyp",
        "scale * images @",
        "images @",
        test_the_loss_is_half_the_mean_over_rows_plus_half_the_mean_over_columns,
    ),
    Mutant(
        "core.methods.flyp",
        "F.cross_entropy(logits.T, wanted)) / 2",
        "F.cross_entropy(logits.T, wanted))",
        test_the_loss_is_half_the_mean_over_rows_plus_half_the_mean_over_columns,
    ),
    Mutant(
        "core.methods.flyp",
        "logits.T, wanted",
        "logits, wanted",
        test_the_loss_is_half_the_mean_over_rows_plus_half_the_mean_over_columns,
    ),
    Mutant(
        "core.methods.flyp",
        'if collisions == "masked":',
        'if collisions == "negatives":',
        test_captions_of_the_same_class_are_negatives_unless_they_are_masked,
    ),
    Mutant(
        "core.methods.flyp",
        "same / same.sum(dim=1, keepdim=True)",
        "same.float()",
        test_soft_targets_share_the_target_among_captions_of_the_class,
    ),
    Mutant(
        "core.methods.flyp",
        "logit_scale.clamp_(*LOG_SCALE_RANGE)",
        "logit_scale.clamp_(min=0.0)",
        test_the_temperature_stays_between_1_and_100,
    ),
]
