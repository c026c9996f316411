"""Generalised zero-shot: seen, unseen and harmonic mean, worked out by hand."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.methods.base import LoopMethod
from core.methods.ft import FineTuning
from core.results.records import DomainScore
from core.run.ending import generalised, seen_and_unseen
from core.training.settings import LoopParams
from tests.mutants import Mutant


def scored(**per_class: tuple[int, int]) -> DomainScore:
    rest = dict.fromkeys(("accuracy", "low", "high", "ece", "nll", "macro"), 0.0)
    return DomainScore(n=0, correct=0, **rest, per_class=per_class)


SCORE = scored(a=(3, 4), b=(1, 2), c=(1, 5), d=(8, 10))


def test_macro_averages_over_classes_and_h_is_the_harmonic_mean():
    found = seen_and_unseen(SCORE, ("c", "d")).macro
    assert found.seen == pytest.approx(0.625)  # (3/4 + 1/2) / 2
    assert found.unseen == pytest.approx(0.5)  # (1/5 + 4/5) / 2
    assert found.harmonic == pytest.approx(0.555556, abs=1e-6)  # 2·0.625·0.5 / 1.125


def test_micro_counts_images():
    found = seen_and_unseen(SCORE, ("c", "d")).micro
    assert found.seen == pytest.approx(4 / 6)
    assert found.unseen == pytest.approx(9 / 15)
    assert found.harmonic == pytest.approx(0.631579, abs=1e-6)  # 0.8 / 1.266667


def test_where_nothing_is_right_on_one_side_the_mean_is_zero_and_without_a_side_there_is_none():
    assert seen_and_unseen(scored(a=(1, 1), b=(0, 2)), ["b"]).macro.harmonic == 0
    assert seen_and_unseen(scored(a=(0, 1), b=(0, 2)), ["b"]).macro.harmonic == 0
    assert seen_and_unseen(scored(a=(1, 1)), ["b"]) is None
    assert seen_and_unseen(scored(b=(1, 1)), ["b"]) is None


def test_a_task_without_unseen_classes_has_nothing_to_split(tiny_task):
    from core.results.records import Evaluation

    _, task = tiny_task
    evaluation = Evaluation(domains={"test": SCORE}, id=0.5, ood=None)
    assert generalised({"zero-shot": evaluation}, task) == {}
    split = generalised({"zero-shot": evaluation}, replace(task, unseen=("c", "d")))
    assert split == {"zero-shot": seen_and_unseen(SCORE, ("c", "d"))}


def partly_seen(tiny_task):
    clip, task = tiny_task
    train = tuple(item for item in task.train if item.label != 1)
    return clip, replace(task, train=train, unseen=(task.classes[1],))


def test_the_class_loss_leaves_unseen_classes_out():
    task, params = SimpleNamespace(unseen=("b",), seen=(0, 2)), LoopParams()
    method: Any = SimpleNamespace(task=task, params=params)
    logits = torch.tensor([[math.log(3), 99.0, 0.0], [0.0, 99.0, 0.0]])
    # −ln(1/(3 + 1)) of classes 0 and 2 alone, and −ln ½.
    loss = LoopMethod.cross_entropy(method, logits, torch.tensor([2, 0]))
    assert loss.item() == pytest.approx((math.log(4) + math.log(2)) / 2, abs=1e-6)


def test_the_class_head_stays_fixed_while_classes_are_unseen(tiny_task):
    clip, task = partly_seen(tiny_task)
    method = FineTuning(FineTuning.Params(epochs=1, lr=1e-3, train_head=True), clip, task)
    assert not method.params.train_head
    for _ in method.fit():
        pass
    assert torch.equal(method.classifier.head.weight, method.zero_shot_prototypes())


MUTANTS = [
    Mutant(
        "core.run.ending",
        "2 * seen * unseen / total",
        "seen * unseen / total",
        test_macro_averages_over_classes_and_h_is_the_harmonic_mean,
    ),
    Mutant(
        "core.run.ending",
        "sum(correct / n for correct, n in counts) / len(counts)",
        "sum(correct for correct, _ in counts) / sum(n for _, n in counts)",
        test_macro_averages_over_classes_and_h_is_the_harmonic_mean,
    ),
    Mutant(
        "core.run.ending",
        "_sides(_micro(inside), _micro(outside))",
        "_sides(_macro(inside), _macro(outside))",
        test_micro_counts_images,
    ),
    Mutant(
        "core.run.ending",
        "if name in unseen]",
        "]",
        test_micro_counts_images,
    ),
    Mutant(
        "core.methods.base",
        "logits[:, seen], torch.searchsorted",
        "logits, torch.searchsorted",
        test_the_class_loss_leaves_unseen_classes_out,
    ),
    Mutant(
        "core.methods.base",
        "torch.searchsorted(seen, labels)",
        "labels.clamp(max=0)",
        test_the_class_loss_leaves_unseen_classes_out,
    ),
]
