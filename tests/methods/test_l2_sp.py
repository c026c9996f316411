"""L2-SP: the penalty against hand-worked numbers, in both of its forms."""

import pytest
import torch

from core.methods.l2_sp import L2SP, spring
from core.models.lora import merge_adapters
from core.training.loop import Batch
from tests.mutants import Mutant

QUICK = {"epochs": 2, "batch_size": 5, "lr": 1e-3, "clip_norm": 0.0}


def test_the_spring_equals_the_hand_worked_number():
    # Δ = (1, −2) and (3): 1 + 4 + 9 = 14. Half of it is 7.
    weights = [torch.tensor([2.0, 0.0]), torch.tensor([[3.0]])]
    start = [torch.tensor([1.0, 2.0]), torch.tensor([[0.0]])]
    assert spring(weights, start, "half").item() == 7.0
    assert spring(weights, start, "kumar").item() == 14.0


def test_the_half_makes_the_pull_the_distance_itself():
    weight, start = torch.tensor([2.0, 0.0], requires_grad=True), torch.tensor([1.0, 2.0])
    spring([weight], [start], "half").backward()
    assert torch.equal(weight.grad, torch.tensor([1.0, -2.0]))


def test_l2_sp_holds_what_trains_and_kumars_form_leaves_the_head_out(tiny_task):
    clip, task = tiny_task
    held = {}
    for form in ("half", "kumar"):
        method = L2SP(L2SP.Params(**QUICK, form=form, l2_weight=2.0), clip, task)
        method.setup()
        for parameter in method.parameters():
            parameter.data.add_(0.1)
        batch = Batch(torch.zeros(1, 3, 32, 32), torch.tensor([0]), torch.tensor([0]), 0)
        held[form] = method.loss(batch)["l2-sp"].item()
    tower = sum(p.numel() for p in clip.model.visual.parameters())
    head = 3 * clip.embed_dim
    # Every parameter is 0.1 away: λ/2·0.01·(tower + head), and λ·0.01·tower.
    assert held["half"] == pytest.approx(2.0 / 2 * 0.01 * (tower + head), rel=1e-4)
    assert held["kumar"] == pytest.approx(2.0 * 0.01 * tower, rel=1e-4)


def test_with_adapters_the_spring_holds_the_weights_that_they_make(tiny_task):
    clip, task = tiny_task
    for form in ("half", "kumar"):
        method = L2SP(L2SP.Params(**QUICK, form=form, l2_weight=2.0, lora_rank=2), clip, task)
        method.setup()
        torch.manual_seed(0)
        for parameter in method.parameters():
            parameter.data.add_(0.1 * torch.randn_like(parameter))
        batch = Batch(torch.zeros(1, 3, 32, 32), torch.tensor([0]), torch.tensor([0]), 0)
        term = method.loss(batch)["l2-sp"]
        term.backward()
        tower = dict(method.classifier.tower.named_parameters())
        gradients = [p.grad for name, p in tower.items() if "lora_" in name]
        assert all(grad is not None and grad.norm() > 0 for grad in gradients)
        merge_adapters(method.classifier)
        start, end = clip.classifier(method.zero_shot_prototypes()), method.classifier
        if form == "kumar":
            start, end = start.tower, end.tower
        merged = spring(end.parameters(), start.parameters(), form)
        torch.testing.assert_close(term, 2.0 * merged, rtol=1e-4, atol=0)


def test_a_stiff_spring_stays_nearer_to_the_start(tiny_task):
    clip, task = tiny_task
    distance = []
    for weight in (0.0, 100.0):
        method = L2SP(L2SP.Params(**QUICK, l2_weight=weight), clip, task)
        list(method.fit())
        distance.append(spring(method.held, method.start, "half").item())
    assert distance[1] < distance[0] / 2


MUTANTS = [
    Mutant(
        "core.methods.l2_sp",
        "spring([*self.held, *moved], start,",
        "spring(self.held, self.start,",
        test_with_adapters_the_spring_holds_the_weights_that_they_make,
    ),
    Mutant(
        "core.methods.l2_sp",
        "squares / 2 if",
        "squares if",
        test_the_spring_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.l2_sp",
        "(now - then).square().sum()",
        "(now - then).square().mean()",
        test_the_spring_equals_the_hand_worked_number,
    ),
    Mutant(
        "core.methods.l2_sp",
        "(now - then).square().sum()",
        "(now - then).square().sum().sqrt()",
        test_the_half_makes_the_pull_the_distance_itself,
    ),
    Mutant(
        "core.methods.l2_sp",
        "self.params.l2_weight * pull",
        "pull",
        test_l2_sp_holds_what_trains_and_kumars_form_leaves_the_head_out,
    ),
    Mutant(
        "core.methods.l2_sp",
        'self.classifier if self.params.form == "half" else self.classifier.tower',
        "self.classifier",
        test_l2_sp_holds_what_trains_and_kumars_form_leaves_the_head_out,
    ),
    Mutant(
        "core.methods.l2_sp",
        "p.detach().clone()",
        "p.detach()",
        test_l2_sp_holds_what_trains_and_kumars_form_leaves_the_head_out,
    ),
]
