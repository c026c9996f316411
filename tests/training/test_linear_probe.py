"""The linear probe against a minimum worked out by hand and against plain scikit-learn."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_info, threadpool_limits

from core.training import linear_probe
from core.training.linear_probe import (
    DEFAULT_STRENGTH,
    fit_probe,
    probed_head,
    strengths,
)
from tests.mutants import Mutant


def clusters(classes=4, shots=6, dimension=8, seed=0):
    """Unit features (N, D) and labels of noisy clusters."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(classes, dimension, generator=torch.Generator().manual_seed(99))
    labels = torch.arange(classes).repeat_interleave(shots)
    noise = torch.randn(len(labels), dimension, generator=generator)
    return F.normalize(centres[labels] + noise, dim=1), labels


def logits_of(probe, features):
    return features @ probe.weight.T + (0 if probe.bias is None else probe.bias)


def test_two_images_of_two_classes_have_the_hand_worked_probe():
    # (0, 0) and (2, 2): mean 1, deviation 1, so the points are ∓(1, 1). By symmetry w = (a, a) and
    # b = 0 minimise a² + 2C·log(1 + e^{−2a}), so a = 2C/(1 + e^{2a}) = 0.090932 for C = 0.1.
    # Half of it for each class; the bias takes back the mean: −(1/1)·(a/2 + a/2).
    probe = fit_probe(torch.tensor([[0.0, 0.0], [2.0, 2.0]]), torch.tensor([0, 1]), 2)
    assert probe.strength == 0.1
    expected = torch.tensor([[-0.045466, -0.045466], [0.045466, 0.045466]])
    torch.testing.assert_close(probe.weight, expected, atol=2e-5, rtol=0)
    torch.testing.assert_close(probe.bias, torch.tensor([0.090932, -0.090932]), atol=2e-5, rtol=0)


def test_folding_back_gives_the_logits_of_the_scaled_features():
    features, labels = clusters()
    points = features.double().numpy()
    points = (points - points.mean()) / points.std()
    model = LogisticRegression(C=DEFAULT_STRENGTH, max_iter=200).fit(points, labels)
    theirs = torch.from_numpy(model.decision_function(points)).float()
    torch.testing.assert_close(logits_of(fit_probe(features, labels, 4), features), theirs)


def test_without_an_intercept_there_is_no_bias_and_no_mean_to_fold():
    features, labels = clusters()
    points = features.double().numpy() / features.double().numpy().std()
    model = LogisticRegression(C=DEFAULT_STRENGTH, max_iter=200, fit_intercept=False)
    theirs = torch.from_numpy(model.fit(points, labels).decision_function(points)).float()
    probe = fit_probe(features, labels, 4, intercept=False)
    assert probe.bias is None
    torch.testing.assert_close(logits_of(probe, features), theirs)


def test_the_first_c_of_the_best_validation_accuracy_wins():
    features, labels = clusters()
    held_out = clusters(shots=10, seed=1)
    probe = fit_probe(features, labels, 4, held_out)
    points = features.double().numpy()
    mean, std = points.mean(), points.std()
    # Apart from warm starts, which the recipe asks for, this is plain scikit-learn.
    model = LogisticRegression(max_iter=200, warm_start=True)
    hits = []
    for c in np.logspace(-7, 2, 100):
        model.set_params(C=c).fit((points - mean) / std, labels)
        guessed = model.predict((held_out[0].double().numpy() - mean) / std)
        hits.append(int((guessed == held_out[1].numpy()).sum()))
    assert probe.strength == pytest.approx(np.logspace(-7, 2, 100)[int(np.argmax(hits))])


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("intercept", [True, False])
def test_two_classes_and_more_have_scikit_learns_logits_with_and_without_intercept(
    classes, intercept, monkeypatch
):
    features, labels = clusters(classes)
    held_out = clusters(classes, shots=10, seed=1)
    points = features.double().numpy()
    mean, std = points.mean() if intercept else 0.0, points.std()
    model = LogisticRegression(max_iter=200, warm_start=True, fit_intercept=intercept)
    monkeypatch.setattr(linear_probe, "strengths", lambda _products: [1e-3, 0.1, 10.0])
    probe = fit_probe(features, labels, classes, held_out, intercept)
    for c in (1e-3, 0.1, 10.0):
        theirs = model.set_params(C=c).fit((points - mean) / std, labels.numpy())
        if c == probe.strength:
            break
    expected = theirs.decision_function((points - mean) / std)
    found = logits_of(probe, features).double().numpy()
    if classes == 2:
        found = found[:, 1] - found[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_fit_has_one_blas_thread_and_leaves_the_others_as_they_were(monkeypatch):
    def blas():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen = []
    real = LogisticRegression.fit
    monkeypatch.setattr(
        LogisticRegression, "fit", lambda *given: (seen.append(blas()), real(*given))[1]
    )
    with threadpool_limits(2, user_api="blas"):
        fit_probe(*clusters(), 4)
        assert blas() == {2}
    assert seen == [{1}]


def test_a_class_that_no_image_shows_gets_zero_rows():
    features, labels = clusters(classes=3)
    probe = fit_probe(features, labels * 2, 6)  # classes 1, 3 and 5 are missing
    assert probe.weight.shape == (6, 8)
    assert not probe.weight[1::2].any()
    assert not probe.bias[1::2].any()
    assert probe.weight[::2].abs().sum(1).gt(0).all()


def test_one_class_alone_has_nothing_to_tell_apart():
    probe = fit_probe(torch.randn(3, 8), torch.tensor([2, 2, 2]), 4)
    assert not probe.weight.any()


def test_one_image_a_class_fits_without_a_warning():
    features, labels = clusters(classes=24, shots=1)
    probe = fit_probe(features, labels, 24, (features, labels))
    assert (logits_of(probe, features).argmax(1) == labels).float().mean() > 0.8


def test_stopping_after_too_few_iterations_is_not_shouted_about(monkeypatch):
    monkeypatch.setattr(linear_probe, "ITERATIONS", 1)
    features, labels = clusters()
    assert torch.isfinite(fit_probe(features, labels, 4, (features, labels)).weight).all()


def test_the_same_features_give_the_same_probe():
    features, labels = clusters()
    first, again = (fit_probe(features, labels, 4, (features, labels)) for _ in range(2))
    assert torch.equal(first.weight, again.weight)
    assert first.strength == again.strength


def test_the_grid_has_a_hundred_points_until_that_would_take_minutes():
    assert len(strengths(16 * 100 * 512 * 100)) == 100  # 16 shots of 100 classes, D 512
    assert len(strengths(1000 * 512 * 1000)) == 20  # 1 shot of 1,000 classes
    assert len(strengths(16000 * 512 * 1000)) == 10
    assert strengths(1)[0] == pytest.approx(1e-7)
    assert strengths(10**12)[-1] == pytest.approx(100)


@pytest.mark.parametrize("fold_scale", [True, False])
def test_both_conventions_carry_the_probes_logits(tiny_task, fold_scale):
    clip, task = tiny_task
    head = probed_head(clip, task, fold_scale)
    pairs = []
    for items in (task.train, task.val):
        labels = torch.tensor([item.label for item in items])
        pairs.append((clip.evaluation_features(task.root, items).clone(), labels))
    probe = fit_probe(*pairs[0], 3, pairs[1], intercept=fold_scale)
    features = pairs[1][0]
    torch.testing.assert_close(head(features).detach(), logits_of(probe, features))
    assert (head.bias is not None) == fold_scale


MUTANTS = [
    Mutant(
        "core.training.linear_probe",
        "offsets - rows.sum(axis=1) * (mean / std)",
        "offsets + rows.sum(axis=1) * (mean / std)",
        test_folding_back_gives_the_logits_of_the_scaled_features,
    ),
    Mutant(
        "core.training.linear_probe",
        "torch.from_numpy(rows / std)",
        "torch.from_numpy(rows)",
        test_folding_back_gives_the_logits_of_the_scaled_features,
    ),
    Mutant(
        "core.training.linear_probe",
        "np.vstack([-rows, rows]) / 2",
        "np.vstack([-rows, rows])",
        test_two_images_of_two_classes_have_the_hand_worked_probe,
    ),
    Mutant(
        "core.training.linear_probe",
        "hits > best_hits",
        "hits >= best_hits",
        test_the_first_c_of_the_best_validation_accuracy_wins,
    ),
    Mutant(
        "core.training.linear_probe",
        "float(features.double().mean()) if intercept else 0.0",
        "float(features.double().mean())",
        test_without_an_intercept_there_is_no_bias_and_no_mean_to_fold,
    ),
    Mutant(
        "core.training.linear_probe",
        "weight[present] =",
        "weight[: len(present)] =",
        test_a_class_that_no_image_shows_gets_zero_rows,
    ),
]
