"""Scratch-FT: even odds at the start, and a head that moves before the tower."""

from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.events import Step
from core.methods.scratch_ft import ScratchFT
from tests.mutants import Mutant

QUICK = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "clip_norm": 0.0}


def test_scratch_ft_starts_at_even_odds_and_moves_its_head_first(tiny_task):
    clip, task = tiny_task
    method = ScratchFT(ScratchFT.Params(**QUICK), clip, task)
    steps = method.fit()
    first = next(step for step in steps if isinstance(step, Step))
    # Three equally likely classes: ln 3 = 1.098612.
    assert first.loss == pytest.approx(1.098612, abs=1e-6)
    for name, tensor in clip.model.visual.state_dict().items():
        assert torch.equal(tensor, method.classifier.tower.state_dict()[name]), name
    assert method.classifier.head.weight.abs().min() > 0
    list(steps)
    moved = method.classifier.tower.state_dict()
    assert not all(torch.equal(t, moved[n]) for n, t in clip.model.visual.state_dict().items())


def test_a_class_without_images_keeps_a_row_of_zeros_while_the_others_train(tiny_task):
    clip, task = tiny_task
    train = tuple(item for item in task.train if item.label != 1)
    method = ScratchFT(
        ScratchFT.Params(**QUICK), clip, replace(task, train=train, unseen=(task.classes[1],))
    )
    list(method.fit())
    lengths = method.classifier.head.weight.norm(dim=1)
    assert lengths[1] == 0
    assert lengths[[0, 2]].min() > 0


def test_scratch_ft_needs_a_head_that_trains():
    with pytest.raises(UserError, match=r"scratch-ft: train_head must be on.*ft keeps .*False"):
        ScratchFT.Params.parse({"train_head": False}, "scratch-ft")


MUTANTS = [
    Mutant(
        "core.methods.scratch_ft",
        '        self.params = self.params.model_copy(update={"train_head": True})\n',
        "",
        test_a_class_without_images_keeps_a_row_of_zeros_while_the_others_train,
    ),
    Mutant(
        "core.methods.scratch_ft",
        "torch.zeros(len(self.task.classes), self.clip.embed_dim)",
        "self.zero_shot_prototypes()",
        test_scratch_ft_starts_at_even_odds_and_moves_its_head_first,
    ),
]
