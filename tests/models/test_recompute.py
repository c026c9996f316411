"""Recomputed activations: the same weights, and less memory."""

import torch

from core.training.footprint import _kept_bytes
from core.training.memory import recompute
from tests.training.quick import finish, method_of


def test_a_training_that_computes_again_ends_at_the_same_weights(tiny_task):
    kept, again = (
        finish(method_of("ft", tiny_task, recompute=on).fit())[0] for on in (False, True)
    )
    for name, weight in kept.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name
    assert not any(getattr(m, "grad_checkpointing", False) for m in again.tower.modules())


def test_what_is_computed_again_is_not_kept(tiny_task):
    clip, _ = tiny_task
    classifier = clip.classifier(torch.eye(2, clip.embed_dim))
    classifier.tower.requires_grad_(True)
    images = clip.blank().repeat(4, 1, 1, 1)
    before = _kept_bytes(classifier, images)
    assert recompute(classifier.tower, True)
    assert _kept_bytes(classifier, images) < before / 2


def test_a_tower_without_blocks_says_so(tiny_resnet, tiny_task):
    from core.models import zoo

    clip = zoo.load(str(tiny_resnet), device="cpu", precision="fp32")
    method = method_of("ft", (clip, tiny_task[1]), recompute=True, epochs=1)
    said = [event.message for event in finish(method.fit())[1] if event.kind == "warned"]
    assert [message.split(":")[0] for message in said] == ["recompute"]
