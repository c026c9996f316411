"""Heads: two conventions, the same zero-shot logits."""

import pytest
import torch
import torch.nn.functional as F

from core.models.heads import LinearHead
from tests.mutants import Mutant


def test_both_conventions_give_the_same_logits_at_the_start():
    torch.manual_seed(0)
    prototypes = F.normalize(torch.randn(5, 16), dim=1)
    features = F.normalize(torch.randn(3, 16), dim=1)
    unit, folded = LinearHead(prototypes, 100.0), LinearHead(prototypes, 100.0, fold_scale=True)
    torch.testing.assert_close(unit(features), folded(features))
    torch.testing.assert_close(unit(features), 100 * features @ prototypes.T)


def test_logits_and_their_export_equal_the_hand_worked_numbers():
    # f = (0.6, 0.8), rows are the axes, τ 10: 6 and 8; a folded head may have a bias: 7 and 7.
    features = torch.tensor([[0.6, 0.8]])
    unit, folded = (LinearHead(torch.eye(2), 10.0, fold_scale) for fold_scale in (False, True))
    with torch.no_grad():
        folded.bias.copy_(torch.tensor([1.0, -1.0]))
    for head, expected in ((unit, [[6.0, 8.0]]), (folded, [[7.0, 7.0]])):
        torch.testing.assert_close(head(features), torch.tensor(expected))
        out = head.exported()
        exported = features @ out["weight"].T + out.get("bias", 0)
        torch.testing.assert_close(exported, torch.tensor(expected))


def test_a_step_moves_a_unit_head_tau_squared_times_as_far_in_logits():
    # dL/dW is τ·x for a unit head and x for a folded one; logits scale the step by τ again.
    prototypes, x = torch.eye(2, 4), torch.tensor([[1.0, 0, 0, 0]])
    moved = []
    for fold_scale in (False, True):
        head = LinearHead(prototypes, 10.0, fold_scale)
        before = head(x)[0, 0].detach()
        head(x)[0, 0].backward()
        with torch.no_grad():
            head.weight -= 0.01 * head.weight.grad
        moved.append((head(x)[0, 0] - before).item())
    assert moved[0] / moved[1] == pytest.approx(100, rel=1e-3)


def test_logits_are_fp32_inside_autocast():
    head = LinearHead(torch.eye(2, 4), 10.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert head(torch.randn(3, 4)).dtype == torch.float32


MUTANTS = [
    Mutant(
        "core.models.heads",
        "else self.tau * logits",
        "else logits",
        test_logits_and_their_export_equal_the_hand_worked_numbers,
    ),
    Mutant(
        "core.models.heads",
        "return logits + self.bias if",
        "return logits if",
        test_logits_and_their_export_equal_the_hand_worked_numbers,
    ),
    Mutant(
        "core.models.heads",
        '{"weight": weight * self.tau.cpu()}',
        '{"weight": weight}',
        test_logits_and_their_export_equal_the_hand_worked_numbers,
    ),
    Mutant(
        "core.models.heads",
        "(tau if fold_scale else 1.0)",
        "1.0",
        test_both_conventions_give_the_same_logits_at_the_start,
    ),
]
