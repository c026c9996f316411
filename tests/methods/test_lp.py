"""Linear probes, and methods that start from them."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from core.events import Warned
from core.methods.fd_align import FDAlign
from core.methods.lp import LinearProbe
from core.methods.lp_ft import LinearProbeThenFineTuning
from core.methods.lp_sgd import LinearProbeSGD
from core.training.frozen import FrozenViews
from core.training.linear_probe import DEFAULT_STRENGTH, probed_head
from tests.methods.steps import steps_of
from tests.mutants import Mutant


def finished(method):
    """The classifier, and all messages."""
    fit, said = method.fit(), []
    while True:
        try:
            said.append(next(fit))
        except StopIteration as stop:
            return stop.value, said


@pytest.mark.parametrize("fold_scale", [True, False])
def test_lp_is_the_probe_over_clips_own_tower(tiny_task, fold_scale):
    clip, task = tiny_task
    params = LinearProbe.Params(fold_scale=fold_scale)
    classifier, said = finished(LinearProbe(params, clip, task))
    assert clip.owns(classifier)
    assert said == []
    for name, tensor in probed_head(clip, task, fold_scale).state_dict().items():
        assert torch.equal(tensor, classifier.head.state_dict()[name]), name


def test_without_validation_images_the_probe_says_which_c_it_takes(tiny_task):
    clip, task = tiny_task
    _, said = finished(LinearProbe(LinearProbe.Params(), clip, replace(task, val=())))
    (warning,) = said
    assert isinstance(warning, Warned)
    assert f"C is {DEFAULT_STRENGTH:g}" in warning.message


@pytest.mark.parametrize("fold_scale", [True, False])
def test_lp_ft_and_fd_align_start_from_the_same_probe(tiny_task, fold_scale):
    clip, task = tiny_task
    expected = probed_head(clip, task, fold_scale).state_dict()
    for method in (
        LinearProbeThenFineTuning(
            LinearProbeThenFineTuning.Params(fold_scale=fold_scale), clip, task
        ),
        FDAlign(FDAlign.Params(fold_scale=fold_scale, head="lp"), clip, task),
    ):
        method.setup()
        for name, tensor in expected.items():
            assert torch.equal(tensor, method.classifier.head.state_dict()[name]), name


def test_fd_align_from_the_probe_with_weight_zero_is_lp_ft(tiny_task):
    shared = {"epochs": 2, "batch_size": 5, "train_head": True}
    aligned = FDAlign(FDAlign.Params(**shared, head="lp", spurious_weight=0.0), *tiny_task)
    plain = LinearProbeThenFineTuning(LinearProbeThenFineTuning.Params(**shared), *tiny_task)
    for method in (aligned, plain):
        list(method.fit())
    for name, tensor in plain.classifier.state_dict().items():
        assert torch.equal(tensor, aligned.classifier.state_dict()[name]), name


def test_the_sgd_probe_lowers_its_loss(tiny_task):
    _, said = finished(LinearProbeSGD(LinearProbeSGD.Params(epochs=12, lr_batch=None), *tiny_task))
    losses = [step.loss for step in steps_of(said)]
    assert losses[-1] < losses[0]


def one_step(clip, task, fold_scale, lr):
    """The head after one full-batch step, and the frozen features that it saw."""
    params = LinearProbeSGD.Params(
        epochs=1, lr=lr, lr_batch=None, weight_decay=0.0, fold_scale=fold_scale
    )
    classifier, _ = finished(LinearProbeSGD(params, clip, task))
    features = FrozenViews(clip, task, params.augmentation).view(0)
    return classifier.head, features


def test_a_step_of_the_sgd_probe_is_the_gradient_of_softmax_regression(tiny_task):
    clip, task = tiny_task
    labels = torch.tensor([item.label for item in task.train])
    head, features = one_step(clip, task, True, lr=0.5)
    prototypes = LinearProbeSGD(LinearProbeSGD.Params(), clip, task).zero_shot_prototypes()
    start = prototypes * clip.logit_scale
    # dL/dW = mean over images of (softmax − one-hot) ⊗ f̂. Nesterov's first step is 1 + 0.9 long.
    error = (features @ start.T).softmax(1) - F.one_hot(labels, 3)
    expected = start - 0.5 * 1.9 * error.T @ features / len(labels)
    torch.testing.assert_close(head.weight.detach(), expected)
    torch.testing.assert_close(head.bias.detach(), -0.5 * 1.9 * error.mean(0))


def test_a_unit_head_needs_the_rate_over_tau_squared(tiny_task):
    clip, task = tiny_task
    folded, _ = one_step(clip, task, True, lr=0.5)
    unit, _ = one_step(clip, task, False, lr=0.5 / clip.logit_scale**2)
    torch.testing.assert_close(unit.weight * clip.logit_scale, folded.weight)
    rates = [
        LinearProbeSGD(LinearProbeSGD.Params(fold_scale=fold), clip, task).params.lr
        for fold in (True, False)
    ]
    assert rates[0] == 2.0
    assert rates[1] == pytest.approx(2.0 / clip.logit_scale**2)


MUTANTS = [
    Mutant(
        "core.methods.lp_sgd",
        "clip.logit_scale**2)",
        "clip.logit_scale)",
        test_a_unit_head_needs_the_rate_over_tau_squared,
    ),
    Mutant(
        "core.methods.lp_sgd",
        '{"class": self.cross_entropy',
        '{"class": -self.cross_entropy',
        test_a_step_of_the_sgd_probe_is_the_gradient_of_softmax_regression,
    ),
]
