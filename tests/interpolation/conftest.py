"""Classifiers like those of two trainings with one start, made without training."""

import pytest
import torch

from core.interpolation import Member
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes
from core.models.text_head import TextHead


@pytest.fixture
def members_of(tiny_task):
    """`members_of(2)`: members that moved a little from one zero-shot start, each its own way."""
    clip, task = tiny_task
    prototypes = class_prototypes(clip, task.names, task.templates)

    def make(count, fold_scale=False, move_tower=True, scale=0.02, start=prototypes):
        members = []
        for number in range(count):
            head = LinearHead(start, clip.logit_scale, fold_scale)
            tuned = clip.with_copied_tower(head) if move_tower else clip.with_head(head)
            generator = torch.Generator().manual_seed(number)
            with torch.no_grad():
                for weight in (tuned if move_tower else tuned.head).parameters():
                    weight.add_(scale * torch.randn(weight.shape, generator=generator))
            zero_shot = clip.origin(tuned, start)
            members.append(Member(f"run-{number}", zero_shot, lambda tuned=tuned: tuned))
        return members

    return make


@pytest.fixture
def texts_of(tiny_task):
    """`texts_of(2)`: members that tuned both towers, each its own way."""
    clip, task = tiny_task
    tokens = clip.tokenizer([f"a photo of a {name}." for name in task.names])[:, None]
    prototypes = class_prototypes(clip, task.names, ("a photo of a {}.",))

    def make(count):
        members = []
        for number in range(count):
            tuned = clip.with_copied_tower(TextHead.over(clip, tokens))
            generator = torch.Generator().manual_seed(number)
            with torch.no_grad():
                for weight in tuned.parameters():
                    weight.add_(0.02 * torch.randn(weight.shape, generator=generator))
            zero_shot = clip.origin(tuned, prototypes)
            members.append(Member(f"run-{number}", zero_shot, lambda tuned=tuned: tuned))
        return members

    return make


def finish(steps):
    """The result of a generator, and its events."""
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as stop:
            return stop.value, events
