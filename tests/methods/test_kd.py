"""KD: distillation against hand-worked numbers and its limit at a high temperature."""

import math

import pytest
import torch

from core.methods.kd import KD, distillation_loss
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from tests.mutants import Mutant

QUICK = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "clip_norm": 0.0}


# Two classes, one image: teacher (3/4, 1/4) from logits (ln 3, 0), student (1/2, 1/2).
TEACHER, STUDENT = torch.tensor([[math.log(3.0), 0.0]]), torch.zeros(1, 2)


def test_distillation_equals_the_hand_worked_number():
    # KL(teacher‖student) = ¾·ln(3/2) + ¼·ln(1/2) = 0.130812.
    assert distillation_loss(STUDENT, TEACHER, 1.0).item() == pytest.approx(0.130812, abs=1e-6)


def test_distillation_at_temperature_two_equals_the_hand_worked_number():
    # Teacher softmax(½·ln 3, 0) = (√3, 1)/(√3 + 1) = (0.633975, 0.366025), student (½, ½):
    # KL = 0.633975·ln 1.267949 + 0.366025·ln 0.732051 = 0.036341; times 2² = 0.145363.
    assert distillation_loss(STUDENT, TEACHER, 2.0).item() == pytest.approx(0.145363, abs=1e-6)


def test_distillation_tends_to_squares_of_centred_logits_as_the_temperature_grows():
    # Kim et al., arXiv 2105.08919: (1/2M)·‖Δ‖² − (1/2M²)·(ΣΔ)² in the limit.
    torch.manual_seed(0)
    student, teacher = torch.randn(6, 5).double(), torch.randn(6, 5).double()
    delta = student - teacher
    limit = (delta.square().sum(1) / 10 - delta.sum(1).square() / 50).mean()
    torch.testing.assert_close(distillation_loss(student, teacher, 1e4), limit, rtol=1e-3, atol=0)


def test_the_teacher_is_zero_shot_clip_on_the_same_views(tiny_task):
    clip, task = tiny_task
    method = KD(KD.Params(distillation_weight=3.0, fold_scale=True), clip, task)
    method.setup()
    index = torch.tensor([5, 0, 2])
    views = clip.pixels(task.root).training(
        [task.train[i] for i in index], method.params.augmentation, task.seed, 2
    )
    batch = Batch(views, torch.tensor([1, 0, 0]), index, view=2)
    # A copy of the teacher agrees with it on the same views …
    assert abs(method.loss(batch)["distillation"].item()) < 1e-6
    # … and a head of zeros gives even odds: KL = ln C − H(teacher), three times.
    torch.nn.init.zeros_(method.classifier.head.weight)
    frozen = FrozenViews(clip, task, method.params.augmentation).view(2)[index]
    teacher = (clip.logit_scale * frozen @ method.zero_shot_prototypes().T).softmax(1)
    entropy = -(teacher * teacher.log()).sum(1)
    expected = 3.0 * (math.log(3) - entropy).mean().item()
    assert method.loss(batch)["distillation"].item() == pytest.approx(expected, rel=1e-4)


MUTANTS = [
    Mutant(
        "core.methods.kd",
        "temperature**2 * divergence",
        "temperature * divergence",
        test_distillation_at_temperature_two_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.kd",
        "divergence(teacher / temperature, student / temperature)",
        "divergence(student / temperature, teacher / temperature)",
        test_distillation_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.kd",
        "divergence(teacher / temperature, student / temperature)",
        "divergence(teacher / temperature, student)",
        test_distillation_tends_to_squares_of_centred_logits_as_the_temperature_grows,
    ),
    Mutant(
        "core.methods.kd",
        "LinearHead(self.zero_shot_prototypes(), self.clip.logit_scale)",
        "LinearHead(self.zero_shot_prototypes(), 1.0)",
        test_the_teacher_is_zero_shot_clip_on_the_same_views,
    ),
    Mutant(
        "core.methods.kd",
        "self.params.distillation_weight * loss",
        "loss",
        test_the_teacher_is_zero_shot_clip_on_the_same_views,
    ),
    Mutant(
        "core.methods.kd",
        ".view(batch.view)[batch.index]",
        ".view(0)[batch.index]",
        test_the_teacher_is_zero_shot_clip_on_the_same_views,
    ),
]
