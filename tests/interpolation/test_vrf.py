"""VRF: the failure set, the distance, the weight and the mixture, with numbers by hand."""

from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.events import Warned
from core.interpolation.base import Member
from core.interpolation.steady import why_no_gate
from core.interpolation.vrf import Vrf, best_curve, fitted_temperatures, neighbours_among, repaired
from core.models.gates import mixed_answers
from core.models.heads import LinearHead
from core.models.temperature import fit_temperature
from core.models.vrf import VrfEnsemble, squared_distances, tuned_weights
from core.models.weights import load_classifiers, save_classifier
from tests.interpolation.conftest import finish
from tests.mutants import Mutant

Z = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
X = torch.tensor([[0.6, 0.8]])


def test_the_weight_falls_with_the_distance_and_is_a_half_at_a():
    found = tuned_weights(torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0]), 1.5, 0.6)
    expected = torch.tensor([0.924142, 0.841131, 0.697059, 0.5, 0.302941])
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_the_distance_is_the_squared_one_to_the_kth_nearest():
    for k, distance, weight in ((1, 0.08, 0.914250), (2, 0.8, 0.762542)):
        found = squared_distances(X, Z, k)
        torch.testing.assert_close(found, torch.tensor([distance]))
        assert tuned_weights(found, 1.5, 0.6).item() == pytest.approx(weight, abs=1e-6)


def test_probabilities_are_mixed_by_that_weight():
    before, after = torch.log(torch.tensor([[0.7, 0.3]])), torch.log(torch.tensor([[0.2, 0.8]]))
    weight = tuned_weights(squared_distances(X, Z, 1), 1.5, 0.6)
    mixed = mixed_answers(before, after, weight, (1.0, 1.0)).exp()
    torch.testing.assert_close(mixed, torch.tensor([[0.242875, 0.757125]]), atol=1e-6, rtol=0)


def test_what_was_repaired_is_what_zero_shot_gets_wrong_and_the_run_right():
    right, wrong = [1.0, 0.0], [0.0, 1.0]
    zero_shot = torch.tensor([right, right, wrong, wrong])
    tuned = torch.tensor([right, wrong, right, wrong])
    labels = torch.zeros(4, dtype=torch.long)
    assert repaired(zero_shot, tuned, labels).tolist() == [False, False, True, False]


def test_k_is_the_published_share_of_the_failures_and_at_least_one():
    assert [neighbours_among(m) for m in (0, 1, 31, 1000, 384_350)] == [1, 1, 1, 1, 300]


def test_fitted_a_and_b_have_the_best_accuracy_and_are_the_likeliest_of_these():
    # Near 0.1 the run is right, near 1.0 zero-shot is: a must lie between, b be small.
    sure, labels = torch.tensor([0.9, 0.1]).log(), torch.tensor([0, 0])
    ends = torch.stack([sure.flip(0), sure]), torch.stack([sure, sure.flip(0)])
    assert best_curve(torch.tensor([0.1, 1.0]), ends, (1.0, 1.0), labels) == (0.5, 0.1)
    # Accuracy comes first: zero-shot is lost on the first image and hardly surer of the second, so
    # the likeliest curve (w near 1) gets the second wrong.
    before = torch.tensor([[1e-6, 1 - 1e-6], [0.55, 0.45]]).log()
    after = torch.tensor([[0.95, 0.05], [0.49, 0.51]]).log()
    distances = torch.tensor([0.1, 0.2])
    w = tuned_weights(distances, *best_curve(distances, (before, after), (1.0, 1.0), labels))
    assert (mixed_answers(before, after, w, (1.0, 1.0)).argmax(1) == labels).all()


def test_each_end_gets_the_temperature_that_is_likeliest_for_it():
    torch.manual_seed(0)
    logits, labels = 5 * torch.randn(2, 40, 3), torch.randint(3, (40,))
    first, second = fitted_temperatures((logits[0], logits[1]), labels)
    assert first == fit_temperature(logits[0].numpy(), labels.numpy())
    assert second == fit_temperature(logits[1].numpy(), labels.numpy())


@pytest.fixture
def clip(tiny_task):
    return tiny_task[0]


@pytest.fixture
def task(tiny_task):
    return tiny_task[1]


def ends_of(tiny_task):
    """Two classifiers that differ in tower and head, and the prototypes of the first."""
    clip, _ = tiny_task
    generator = torch.Generator().manual_seed(3)
    prototypes = torch.nn.functional.normalize(
        torch.randn(3, clip.embed_dim, generator=generator), dim=1
    )
    tuned = clip.with_copied_tower(LinearHead(prototypes.flip(0), clip.logit_scale))
    with torch.no_grad():
        for weight in tuned.parameters():
            weight.add_(0.02 * torch.randn(weight.shape, generator=generator))
    return clip.origin(tuned, prototypes), tuned, prototypes


def ensemble_of(ends, tiny_task, **changes):
    clip, task = tiny_task
    zero_shot, tuned, *_ = ends
    known = {
        "failures": clip.features_of(tuned, task.root, task.train)[:4],
        "neighbours": 1,
        "a": 0.1,
        "b": 0.05,
        "temperatures": (2.0, 0.5),
    }
    return VrfEnsemble(zero_shot, tuned, **{**known, **changes})


def test_images_and_items_get_the_same_mixture_of_both_ends(tiny_task):
    clip, task = tiny_task
    zero_shot, tuned, _ = ends = ends_of(tiny_task)
    ensemble = ensemble_of(ends, tiny_task)
    features, found = ensemble.outputs_of(clip, task.root, task.test)
    assert features.shape == (len(task.test), 0)
    before = zero_shot.outputs_of(clip, task.root, task.test)[1]
    seen, after = tuned.outputs_of(clip, task.root, task.test)
    d = 2 - 2 * (seen @ ensemble.failures.T).max(1).values
    w = 1 / (1 + torch.exp((d - 0.1) / 0.05))
    p = (1 - w)[:, None] * (before / 2).softmax(1) + w[:, None] * (after / 0.5).softmax(1)
    torch.testing.assert_close(found.exp(), p, atol=1e-5, rtol=1e-4)
    with torch.inference_mode():
        direct = ensemble(clip.pixels(task.root).evaluation(task.test))
    torch.testing.assert_close(direct, found, atol=1e-4, rtol=1e-4)


def test_beyond_every_distance_one_end_answers_alone(tiny_task):
    clip, task = tiny_task
    ends = ends_of(tiny_task)
    for a, end in ((4.0, 1), (-1.0, 0)):
        sharp = ensemble_of(ends, tiny_task, a=a, b=1e-3, temperatures=(1.0, 1.0))
        alone = ends[end].outputs_of(clip, task.root, task.test)[1].log_softmax(1)
        torch.testing.assert_close(sharp.outputs_of(clip, task.root, task.test)[1], alone)


def test_where_nothing_was_repaired_both_have_half_a_say(tiny_task):
    none = torch.empty(0, tiny_task[0].embed_dim)
    ensemble = ensemble_of(ends_of(tiny_task), tiny_task, failures=none)
    assert ensemble.weights(torch.randn(3, tiny_task[0].embed_dim)).tolist() == [0.5] * 3


@pytest.mark.parametrize("failures", [0, 4])
@pytest.mark.parametrize("owned", [False, True])
def test_it_is_saved_and_loaded_to_the_bit(tiny_task, tmp_path, failures, owned):
    clip, task = tiny_task
    zero_shot, tuned, prototypes = ends_of(tiny_task)
    if owned:
        tuned = clip.with_head(tuned.head)
    rows = torch.nn.functional.normalize(torch.randn(failures, clip.embed_dim), dim=1)
    kept = ensemble_of((zero_shot, tuned), tiny_task, failures=rows, neighbours=2)
    path = tmp_path / "classifier.safetensors"
    save_classifier(path, clip, kept, prototypes)
    start, loaded = load_classifiers(path, clip)
    assert isinstance(loaded, VrfEnsemble)
    before, after = kept.state_dict(), loaded.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert next(iter(loaded)) is start
    assert torch.equal(
        loaded.outputs_of(clip, task.root, task.test)[1],
        kept.outputs_of(clip, task.root, task.test)[1],
    )


def combine(member, clip, task, **settings):
    return finish(Vrf(Vrf.Params(**settings)).combine([member], clip, task))


@pytest.fixture
def repairing(clip, task, members_of):
    """A member whose head has learnt the classes; its zero-shot end takes each for another."""
    tuned = members_of(1)[0].load()
    features = clip.features_of(tuned, task.root, task.train)
    labels = torch.tensor([item.label for item in task.train])
    means = torch.stack([features[labels == label].mean(0) for label in range(3)])
    with torch.no_grad():
        tuned.head.weight.copy_(torch.nn.functional.normalize(means, dim=1))
    frozen = clip.evaluation_features(task.root, task.train)
    others = torch.stack([frozen[labels == (label + 1) % 3].mean(0) for label in range(3)])
    start = torch.nn.functional.normalize(others, dim=1)
    return Member("run", clip.origin(tuned, start), lambda: tuned)


def test_the_failure_set_is_of_training_images_in_the_tuned_towers_features(clip, task, repairing):
    tuned = repairing.load()
    combination, _ = combine(repairing, clip, task)
    labels = torch.tensor([item.label for item in task.train])
    before = repairing.zero_shot.outputs_of(clip, task.root, task.train)[1]
    features, after = tuned.outputs_of(clip, task.root, task.train)
    expected = features[(before.argmax(1) != labels) & (after.argmax(1) == labels)]
    assert len(expected)
    assert torch.equal(combination.classifier.failures, expected)
    assert combination.facts["failures"] == len(expected)
    assert (combination.facts["a"], combination.facts["b"]) == (1.5, 0.6)
    assert combination.chosen_on == "val"
    seen = clip.features_of(tuned, task.root, task.val)
    weights = tuned_weights(squared_distances(seen, expected, 1), 1.5, 0.6)
    assert combination.shares[0] == pytest.approx(float(weights.mean()))


def test_a_run_that_repaired_nothing_is_warned_about(clip, task, members_of):
    [member] = members_of(1, scale=0.0)
    combination, events = combine(member, clip, task)
    assert any(isinstance(e, Warned) and "repairs no mistake" in e.message for e in events)
    assert combination.shares == (0.5,)
    assert combination.facts["failures"] == 0


def test_without_validation_images_the_constants_stay_and_nothing_was_chosen(
    clip, task, members_of
):
    [member] = members_of(1, scale=0.05)
    bare = replace(task, val=())
    combination, _ = combine(member, clip, bare)
    assert combination.chosen_on == "nothing"
    assert combination.classifier.temperatures.tolist() == [1.0, 1.0]
    with pytest.raises(UserError, match="or use fit=published"):
        combine(member, clip, bare, fit="validation")


def test_fitting_looks_at_validation_and_at_no_test_image(clip, task, repairing):
    blind = replace(task, test=(), ood={})
    fitted, _ = combine(repairing, clip, blind, fit="validation")
    # The run is right and zero-shot wrong: the likeliest curve leaves all to the run.
    assert fitted.shares[0] > 0.999
    assert combine(repairing, clip, task, fit="validation")[0].facts == fitted.facts


def test_it_has_no_gate_and_says_why(tiny_task):
    clip, task = tiny_task
    assert "already weights" in why_no_gate(ensemble_of(ends_of(tiny_task), tiny_task), clip, task)


MUTANTS = [
    Mutant(
        "core.models.vrf",
        "2 - 2 * cosines.topk(neighbours, dim=1).values[:, -1]",
        "(2 - 2 * cosines.topk(neighbours, dim=1).values[:, -1]).sqrt()",
        test_the_distance_is_the_squared_one_to_the_kth_nearest,
    ),
    Mutant(
        "core.models.vrf",
        ".values[:, -1]",
        ".values[:, 0]",
        test_the_distance_is_the_squared_one_to_the_kth_nearest,
    ),
    Mutant(
        "core.models.vrf",
        "(a - distances) / b",
        "(distances - a) / b",
        test_the_weight_falls_with_the_distance_and_is_a_half_at_a,
    ),
    Mutant(
        "core.models.vrf",
        "(a - distances) / b",
        "a - distances / b",
        test_the_weight_falls_with_the_distance_and_is_a_half_at_a,
    ),
    Mutant(
        "core.models.vrf",
        "first, second = self.temperatures.tolist()",
        "second, first = self.temperatures.tolist()",
        test_images_and_items_get_the_same_mixture_of_both_ends,
    ),
    Mutant(
        "core.models.vrf",
        "UNKNOWN = 0.5",
        "UNKNOWN = 1.0",
        test_where_nothing_was_repaired_both_have_half_a_say,
    ),
    Mutant(
        "core.interpolation.vrf",
        "& (tuned.argmax(1) == labels)",
        "| (tuned.argmax(1) == labels)",
        test_what_was_repaired_is_what_zero_shot_gets_wrong_and_the_run_right,
    ),
    Mutant(
        "core.interpolation.vrf",
        "(zero_shot.argmax(1) != labels)",
        "(zero_shot.argmax(1) == labels)",
        test_what_was_repaired_is_what_zero_shot_gets_wrong_and_the_run_right,
    ),
    Mutant(
        "core.interpolation.vrf",
        "round(1000 * failures / IMAGENET)",
        "round(failures / 1000)",
        test_k_is_the_published_share_of_the_failures_and_at_least_one,
    ),
    Mutant(
        "core.interpolation.vrf",
        "(-accuracy(mixed, labels), nll(mixed, labels), a, b)",
        "(-accuracy(mixed, labels), a, b, a, b)",
        test_fitted_a_and_b_have_the_best_accuracy_and_are_the_likeliest_of_these,
    ),
    Mutant(
        "core.interpolation.vrf",
        "(-accuracy(mixed, labels), nll(mixed, labels), a, b)",
        "(0.0, nll(mixed, labels), a, b)",
        test_fitted_a_and_b_have_the_best_accuracy_and_are_the_likeliest_of_these,
    ),
]
