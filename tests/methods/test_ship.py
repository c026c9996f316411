"""SHIP: the autoencoder's loss by hand, and features of classes that have no images."""

import math
from dataclasses import replace

import pytest
import torch

from core.events import Step, Warned
from core.methods.coop import CoOp
from core.methods.ship import SHIP, autoencoder_loss
from tests.mutants import Mutant


def test_the_autoencoders_loss_equals_the_hand_worked_numbers():
    generated = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    features = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    mean = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    log_variance = torch.tensor([[0.0, math.log(2)], [0.0, 0.0]])
    terms = autoencoder_loss(generated, features, mean, log_variance)
    assert terms["reconstruction"].item() == pytest.approx(1.0)  # (1 + 1 + 0 + 0) / 2
    # ½·[(1 + 1 − 1 − 0) + (0 + 2 − 1 − ln 2)] = 0.653426 for the first, 0 for the second.
    assert terms["divergence"].item() == pytest.approx(0.326713, abs=1e-6)


def test_the_divergence_is_what_torch_says_of_the_two_normals():
    from torch.distributions import Normal, kl_divergence

    torch.manual_seed(0)
    mean, log_variance = torch.randn(5, 7), torch.randn(5, 7)
    theirs = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    zero = torch.zeros(5, 7)
    ours = autoencoder_loss(zero, zero, mean, log_variance)["divergence"]
    torch.testing.assert_close(ours, theirs.sum(1).mean())


@pytest.fixture
def partly_seen(tiny_task):
    clip, task = tiny_task
    train = tuple(item for item in task.train if item.label != 1)
    return clip, replace(task, train=train, unseen=(task.classes[1],))


def test_steps_and_epochs_are_counted_through_both_phases(partly_seen):
    method = SHIP(SHIP.Params(epochs=3, generator_epochs=2, batch_size=5), *partly_seen)
    steps = [event for event in method.fit() if isinstance(event, Step)]
    assert [s.step for s in steps] == list(range(1, 11))  # 8 images make 2 steps an epoch
    assert [s.epoch for s in steps] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert {(s.steps, s.epochs) for s in steps} == {(10, 5)}
    assert set(steps[3].terms) == {"reconstruction", "divergence"}
    assert set(steps[4].terms) == {"class"}


def test_imagined_features_are_unit_of_the_asked_classes_and_seeded(partly_seen):
    clip, _ = partly_seen
    drawn = []
    for _ in range(2):
        method = SHIP(SHIP.Params(), *partly_seen)
        method.setup()
        drawn.append(method.imagine(torch.tensor([1, 1, 2])))
    assert torch.equal(*drawn)
    torch.testing.assert_close(drawn[0].norm(dim=1), torch.ones(3))
    # Nothing has been learnt yet: z = 0 shifts nothing and gives the prompt's own feature.
    texts = clip.encode_text(["a photo of a red fox.", "a photo of a snow owl."])
    still = method.generator(torch.zeros(2, clip.embed_dim), torch.tensor([1, 2]))
    torch.testing.assert_close(still.data, torch.nn.functional.normalize(texts, dim=-1))


def test_the_generator_learns_to_give_the_features_back(partly_seen):
    params = SHIP.Params(generator_epochs=30, epochs=1, batch_size=8, generator_lr=3e-3)
    steps = [e for e in SHIP(params, *partly_seen).fit() if isinstance(e, Step)]
    first, last = steps[0].terms["reconstruction"], steps[29].terms["reconstruction"]
    assert last < 0.7 * first


def test_only_the_prompts_of_the_second_phase_are_the_result_and_clip_is_untouched(partly_seen):
    clip, _ = partly_seen
    before = {k: v.clone() for k, v in clip.model.state_dict().items()}
    method = SHIP(SHIP.Params(epochs=1, generator_epochs=1), *partly_seen)
    for _ in method.fit():
        pass
    assert clip.owns(method.classifier)
    assert list(method.classifier.head.state_dict()) == ["weight", "tau"]
    assert all(torch.equal(before[k], v) for k, v in clip.model.state_dict().items())


def test_with_images_of_every_class_it_is_coop_and_says_so(tiny_task):
    settings = {"epochs": 2, "batch_size": 5, "context": "a photo of a"}
    ship, coop = (
        SHIP(SHIP.Params(**settings), *tiny_task),
        CoOp(CoOp.Params(**settings), *tiny_task),
    )
    events = list(ship.fit())
    list(coop.fit())
    assert isinstance(events[0], Warned)
    assert torch.equal(ship.classifier.head.weight, coop.classifier.head.weight)


MUTANTS = [
    Mutant(
        "core.methods.ship",
        "(generated - features).square().sum(dim=1)",
        "(generated - features).square().mean(dim=1)",
        test_the_autoencoders_loss_equals_the_hand_worked_numbers,
    ),
    Mutant(
        "core.methods.ship",
        "0.5 * (mean.square()",
        "(mean.square()",
        test_the_divergence_is_what_torch_says_of_the_two_normals,
    ),
    Mutant(
        "core.methods.ship",
        "- 1 - log_variance",
        "- 1 + log_variance",
        test_the_autoencoders_loss_equals_the_hand_worked_numbers,
    ),
]
