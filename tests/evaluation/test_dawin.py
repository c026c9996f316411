"""DaWin: coefficients worked out by hand, and a merged model for every cluster of images."""

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.evaluation import dawin as module
from core.evaluation.dawin import (
    clustered,
    coefficients,
    dawin,
    entropies,
    plain_coefficients,
)
from core.evaluation.evaluate import measure
from core.interpolation.wise import WiseMixer
from core.models.ensemble import Ensemble
from core.models.heads import LinearHead
from core.models.prototypes import class_prototypes
from core.models.temperature import fit_temperature
from tests.mutants import Mutant

ZERO_SHOT = torch.tensor([[0.9, 0.1], [0.6, 0.4]], dtype=torch.float64).log()
TUNED = torch.tensor([[0.5, 0.5], [0.95, 0.05]], dtype=torch.float64).log()


def close(found, *expected):
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def test_entropies_are_in_nats_and_at_their_temperature():
    close(entropies(ZERO_SHOT), 0.325083, 0.673012)
    close(entropies(TUNED), 0.693147, 0.198515)
    close(entropies(3 * ZERO_SHOT, 3.0), 0.325083, 0.673012)


def test_the_surer_end_gets_the_larger_share():
    close(plain_coefficients(entropies(ZERO_SHOT), entropies(TUNED)), 0.409009, 0.616447)
    close(plain_coefficients(entropies(TUNED), entropies(TUNED)), 0.5, 0.5)


def test_the_offset_draws_coefficients_together():
    close(coefficients(entropies(ZERO_SHOT), entropies(TUNED)), 0.449900, 0.587805)


def test_a_single_image_has_no_offset_and_certain_ends_are_no_error():
    close(coefficients(entropies(ZERO_SHOT[:1]), entropies(TUNED[:1])), 0.409009)
    close(coefficients(torch.zeros(3), torch.zeros(3)), 0.5, 0.5, 0.5)


def test_few_images_are_one_cluster_at_their_mean():
    values = np.linspace(0.2, 0.6, 29)
    means, of = clustered(values, 0)
    assert means == pytest.approx([0.4])
    assert not of.any()
    assert len(clustered(np.linspace(0.2, 0.6, 30), 0)[0]) > 1


def test_clusters_stand_in_the_order_of_their_coefficients():
    values = np.tile([0.8, 0.2, 0.5], 20) + np.linspace(-0.01, 0.01, 60)
    means, of = clustered(values, 0)
    assert means == pytest.approx([0.2, 0.5, 0.8], abs=0.01)
    assert of[:3].tolist() == [2, 0, 1]


@pytest.fixture(params=["moved", "owned"])
def run(tiny_task, request):
    """(zero_shot, tuned), clip, task"""
    clip, task = tiny_task
    start = class_prototypes(clip, task.names, task.templates)
    head = LinearHead(start, clip.logit_scale)
    tuned = clip.with_copied_tower(head) if request.param == "moved" else clip.with_head(head)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in (tuned if request.param == "moved" else tuned.head).parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    return (clip.origin(tuned, start), tuned), clip, task


def test_each_image_is_answered_by_the_model_of_its_cluster_in_the_order_of_the_images(
    run, monkeypatch
):
    ends, clip, task = run
    monkeypatch.setattr(module, "FEWEST", 4)
    found = dawin(ends, clip, task)
    start, end = (measure(one, clip, task) for one in ends)
    by_domain = found.measured.by_domain(found.measured.logits)
    for name, items in start.domains.items():
        h = [
            entropies(m.by_domain(m.logits)[name], t)
            for m, t in zip((start, end), found.temperatures, strict=True)
        ]
        means, of = clustered(coefficients(*h).numpy(), task.seed)
        assert [c.coefficient for c in found.clusters[name]] == means
        assert sum(c.n for c in found.clusters[name]) == len(items)
        for number, mean in enumerate(means):
            every = WiseMixer(*ends).at(mean).outputs_of(clip, task.root, items)[1]
            rows = of == number
            torch.testing.assert_close(by_domain[name][rows], every[rows], atol=1e-3, rtol=1e-4)
    assert any(len(clusters) > 1 for clusters in found.clusters.values())
    assert found.evaluation.domains.keys() == start.domains.keys()


def test_temperatures_are_the_likeliest_on_validation_and_measured_ends_are_taken(run):
    ends, clip, task = run
    measured = tuple(measure(one, clip, task) for one in ends)
    found = dawin(ends, clip, task, measured)
    labels = np.array([item.label for item in task.val])
    for one, temperature in zip(measured, found.temperatures, strict=True):
        val = one.by_domain(one.logits)["val"].numpy()
        assert temperature == fit_temperature(val, labels)
    assert torch.equal(found.measured.logits, dawin(ends, clip, task).measured.logits)


def test_equal_ends_are_mixed_to_themselves(tiny_task):
    clip, task = tiny_task
    start = class_prototypes(clip, task.names, task.templates)
    end = clip.with_head(LinearHead(start, clip.logit_scale))
    found = dawin((clip.origin(end, start), end), clip, task)
    assert found.evaluation == measure(end, clip, task).evaluation
    one, other = found.temperatures
    assert one == other


def test_an_ensemble_has_no_weights_to_mix(tiny_task):
    clip, task = tiny_task
    with pytest.raises(UserError, match="no single set"):
        dawin((clip.frozen, Ensemble([clip.frozen, clip.frozen])), clip, task)


MUTANTS = [
    Mutant(
        "core.evaluation.dawin",
        "-(log_p.exp() * log_p).sum(1)",
        "-log_p.mean(1)",
        test_entropies_are_in_nats_and_at_their_temperature,
    ),
    Mutant(
        "core.evaluation.dawin",
        "torch.sigmoid(zero_shot - tuned)",
        "torch.sigmoid(tuned - zero_shot)",
        test_the_surer_end_gets_the_larger_share,
    ),
    Mutant(
        "core.evaluation.dawin",
        "/ means[1]) / 2",
        "/ means[1])",
        test_the_offset_draws_coefficients_together,
    ),
    Mutant(
        "core.evaluation.dawin",
        "(means[0] + means[1]) / means[0]",
        "(means[0] + means[1]) / means[1]",
        test_the_offset_draws_coefficients_together,
    ),
    Mutant(
        "core.evaluation.dawin",
        "zero_shot.std() /",
        "zero_shot.std(correction=0) /",
        test_the_offset_draws_coefficients_together,
    ),
    Mutant(
        "core.evaluation.dawin",
        "float(values.mean())",
        "float(np.median(values) + 0.1)",
        test_few_images_are_one_cluster_at_their_mean,
    ),
]
