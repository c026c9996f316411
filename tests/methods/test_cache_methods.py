"""Tip-Adapter(-F) and APE(-T): the stored values, the trained ones, and the choices on
validation.
"""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from core.events import Stage, Step, Warned
from core.methods.ape import APE, divergence
from core.methods.ape_t import APET
from core.methods.tip_adapter import TipAdapter
from core.methods.tip_adapter_f import TipAdapterF
from core.training.cache import grid
from tests.methods.test_lp import finished
from tests.mutants import Mutant

EVERY = pytest.mark.parametrize("method", [TipAdapter, TipAdapterF, APE, APET])
TRAINED = pytest.mark.parametrize("method", [TipAdapterF, APET])
FEW = {"views": 2, "alpha_steps": 4, "beta_steps": 5}


def quick(method, **more):
    short = {"epochs": 3, "batch_size": 5}
    known = method.Params.model_fields
    return method.Params(**{k: v for k, v in {**FEW, **short, **more}.items() if k in known})


def test_the_divergence_is_in_bits_as_worked_out_by_hand():
    # softmax(0, ln 3) = (1/4, 3/4): log2 4 = 2 bits for class 0, log2(4/3) = 0.415 for class 1.
    # The guards take log2((1 + 1e-6)/(0.25 + 1e-6)), 2 less 4.3e-6, and 4.8e-7 off.
    keys = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    prototypes = torch.tensor([[0.0, 0.0], [1.0986123, 0.0]])
    bits = divergence(keys, prototypes, torch.eye(2))
    torch.testing.assert_close(bits, torch.tensor([1.9999957, 0.4150370]), atol=1e-6, rtol=0)


def test_the_guards_keep_a_hopeless_image_finite():
    keys, prototypes = torch.tensor([[1.0]]), torch.tensor([[0.0], [500.0]])
    bits = divergence(keys, prototypes, torch.tensor([[1.0, 0.0]]))
    # log2((1 + 1e-6)/1e-6) = 19.93, where the logarithm alone would be 721.
    assert bits.item() == pytest.approx(19.931570, abs=1e-4)


@EVERY
def test_prototypes_and_tower_stay_as_they_are(method, tiny_task):
    clip, task = tiny_task
    made = method(quick(method), clip, task)
    classifier, _ = finished(made)
    assert clip.owns(classifier)
    assert torch.equal(classifier.head.weight, made.zero_shot_prototypes())
    assert not any(parameter.requires_grad for parameter in classifier.parameters())


@EVERY
def test_the_scales_are_the_first_best_of_their_grid_on_validation(method, tiny_task):
    clip, task = tiny_task
    params = quick(method, ties="first")
    classifier, said = finished(method(params, clip, task))
    head = classifier.head
    features = clip.evaluation_features(task.root, task.val).clone()
    labels = torch.tensor([item.label for item in task.val])
    kept = head.alpha.item(), head.beta.item()
    rates = []
    for beta in grid(params.beta_end, params.beta_steps):
        for alpha in grid(params.alpha_end, params.alpha_steps):
            head.alpha.fill_(alpha)
            head.beta.fill_(beta)
            right = int((classifier.logits_from(features).argmax(1) == labels).sum())
            rates.append((right, alpha, beta))
    best = max(right for right, _, _ in rates)
    first = next(rate for rate in rates if rate[0] == best)
    if method is not APE:  # where γ's turn comes before the next α
        assert kept == pytest.approx(first[1:])
    head.alpha.fill_(kept[0])
    head.beta.fill_(kept[1])
    assert int((classifier.logits_from(features).argmax(1) == labels).sum()) == best
    assert any(isinstance(event, Stage) and "search" in event.detail for event in said)


@EVERY
def test_of_equal_scales_the_likelier_is_kept_unless_the_first_is_asked_for(method, tiny_task):
    clip, task = tiny_task
    labels = torch.tensor([item.label for item in task.val])
    hits, nll = {}, {}
    for ties in ("likelier", "first"):
        classifier, _ = finished(method(quick(method, ties=ties), clip, task))
        logits = classifier.logits_from(clip.evaluation_features(task.root, task.val))
        hits[ties] = int((logits.argmax(1) == labels).sum())
        nll[ties] = F.cross_entropy(logits, labels).item()
    assert hits["likelier"] == hits["first"]
    assert nll["likelier"] < nll["first"]


@EVERY
def test_without_validation_images_the_initial_scales_stay_and_it_is_said(method, tiny_task):
    clip, task = tiny_task
    params = quick(method, init_alpha=1.5, init_beta=2.0)
    classifier, said = finished(method(params, clip, replace(task, val=())))
    assert (classifier.head.alpha.item(), classifier.head.beta.item()) == (1.5, 2.0)
    (warning,) = [event for event in said if isinstance(event, Warned)]
    assert "α stays 1.5 and β 2" in warning.message


@TRAINED
def test_training_lowers_the_loss_of_a_cache(method, tiny_task):
    _, said = finished(method(quick(method, epochs=12, lr=3e-3), *tiny_task))
    steps = [event for event in said if isinstance(event, Step)]
    assert steps[-1].loss < steps[0].loss


def test_tip_adapter_f_moves_the_keys_and_leaves_what_it_was_given(tiny_task):
    clip, task = tiny_task
    plain, _ = finished(TipAdapter(quick(TipAdapter), clip, task))
    tuned = TipAdapterF(quick(TipAdapterF), clip, task)
    classifier, _ = finished(tuned)
    assert torch.equal(tuned.keys, plain.head.keys)
    assert not torch.equal(classifier.head.keys, tuned.keys)
    assert torch.equal(classifier.head.values, plain.head.values)


def test_ape_t_moves_its_residual_and_votes_and_no_key(tiny_task):
    method = APET(quick(APET, ratio=0.5), *tiny_task)
    classifier, _ = finished(method)
    assert classifier.head.residual.shape == (3, 16)
    assert classifier.head.residual.abs().sum() > 0
    assert not torch.equal(classifier.head.votes, torch.ones(12, 1))
    assert torch.equal(classifier.head.keys, method.keys)


def test_ape_compares_a_rounded_share_of_the_channels_and_weighs_odd_images(tiny_task):
    classifier, _ = finished(APE(quick(APE, ratio=0.4, gamma_steps=2), *tiny_task))
    head = classifier.head
    assert head.keys.shape == (12, 13)  # round(0.4·32)
    torch.testing.assert_close(head.keys.norm(dim=1), torch.ones(12))
    fixed = replace(tiny_task[1], val=())
    params = quick(APE, ratio=1.0, init_gamma=0.5)
    method = APE(params, tiny_task[0], fixed)
    weighed, _ = finished(method)
    values, keys = weighed.head.values, weighed.head.keys
    bits = divergence(keys, method.zero_shot_prototypes(), values.sign())
    torch.testing.assert_close(values.sum(1), torch.exp(0.5 * bits))


def test_a_cache_of_classes_of_unequal_size(tiny_task):
    clip, task = tiny_task
    few = [next(i for i in task.train if i.label == label) for label in range(3)]
    more = [item for item in task.train if item.label == 1][1:]
    for method in (TipAdapter, TipAdapterF, APE, APET):
        uneven = replace(task, train=(*few, *more))
        classifier, _ = finished(method(quick(method), clip, uneven))
        logits = classifier.logits_from(F.normalize(torch.randn(4, 32), dim=1))
        assert torch.isfinite(logits).all()


MUTANTS = [
    Mutant(
        "core.methods.ape",
        "torch.log2(",
        "torch.log(",
        test_the_divergence_is_in_bits_as_worked_out_by_hand,
    ),
    Mutant(
        "core.methods.ape",
        "(values + GUARD) / (shares + GUARD)",
        "values / shares + GUARD",
        test_the_guards_keep_a_hopeless_image_finite,
    ),
    Mutant(
        "core.methods.ape",
        "torch.softmax(keys @ prototypes.T, dim=1)",
        "torch.softmax(100 * keys @ prototypes.T, dim=1)",
        test_the_divergence_is_in_bits_as_worked_out_by_hand,
    ),
    Mutant(
        "core.methods.ape",
        "torch.exp(gamma * bits)",
        "torch.exp(-gamma * bits)",
        test_ape_compares_a_rounded_share_of_the_channels_and_weighs_odd_images,
    ),
    Mutant(
        "core.methods.tip_adapter_f",
        "return [self.head.keys]",
        "return [self.head.weight]",
        test_tip_adapter_f_moves_the_keys_and_leaves_what_it_was_given,
    ),
    Mutant(
        "core.methods.ape_t",
        "[self.head.residual, self.head.votes]",
        "[self.head.residual]",
        test_ape_t_moves_its_residual_and_votes_and_no_key,
    ),
]
