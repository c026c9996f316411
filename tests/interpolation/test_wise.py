"""WiSE-FT: exact ends, hand-worked middles, the choice of α, untouched inputs."""

from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.interpolation import INTERPOLATORS
from core.interpolation.fisher import diagonal_fisher, fisher_mix
from core.interpolation.wise import Ends, WiseMixer, best_alpha, mix
from core.models import zoo
from core.models.ensemble import Ensemble
from tests.interpolation.conftest import finish
from tests.mutants import Mutant


def test_the_middle_is_the_hand_worked_mean():
    mixed = mix({"w": torch.tensor([0.0, 4.0])}, {"w": torch.tensor([2.0, 0.0])}, 0.25)
    assert torch.equal(mixed["w"], torch.tensor([0.5, 3.0]))


def test_wise_ft_ends_are_the_ends():
    torch.manual_seed(0)
    start, end = {"w": torch.randn(1000)}, {"w": torch.randn(1000) * 1e3}
    assert torch.equal(mix(start, end, 0.0)["w"], start["w"])
    assert torch.equal(mix(start, end, 1.0)["w"], end["w"])


def test_integer_buffers_are_copied_and_not_mixed():
    mixed = mix({"steps": torch.tensor(3)}, {"steps": torch.tensor(9)}, 0.5)
    assert mixed["steps"].item() == 3


def test_classifiers_with_other_weights_are_refused():
    with pytest.raises(ValueError, match="do not have the same weights"):
        mix({"a": torch.zeros(1)}, {"b": torch.zeros(1)}, 0.5)


def test_the_mixer_mixes_tower_and_head_and_leaves_both_ends_alone(tiny_model):
    clip = zoo.load(str(tiny_model), device="cpu")
    start = clip.classifier(torch.eye(3, 32), fold_scale=True)
    tuned = clip.classifier(torch.eye(3, 32).flip(0), fold_scale=True)
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter.add_(1.0)
    before = {name: tensor.clone() for name, tensor in tuned.state_dict().items()}
    mixed = WiseMixer(start, tuned).at(0.5)
    for name, tensor in mixed.state_dict().items():
        middle = (start.state_dict()[name] + before[name]) / 2
        torch.testing.assert_close(tensor, middle)
        assert torch.equal(tuned.state_dict()[name], before[name])


# θ₀ = 2, θ₁ = 6, F₀ = 3, F₁ = 1, α = 1/2: (½·3·2 + ½·1·6)/(½·3 + ½·1) = 6/2 = 3.
FISHERS = ({"w": torch.tensor([3.0])}, {"w": torch.tensor([1.0])})


def test_fisher_weights_equal_the_hand_worked_mean():
    start, end = {"w": torch.tensor([2.0])}, {"w": torch.tensor([6.0])}
    assert mix(start, end, 0.5, FISHERS)["w"].item() == pytest.approx(3.0)
    # α = 3/4: (¼·3·2 + ¾·1·6)/(¼·3 + ¾·1) = 6/1.5 = 4
    assert mix(start, end, 0.75, FISHERS)["w"].item() == pytest.approx(4.0)


def test_what_has_no_fisher_is_mixed_plainly():
    start = {"w": torch.tensor([2.0]), "mean": torch.tensor([0.0])}
    end = {"w": torch.tensor([6.0]), "mean": torch.tensor([8.0])}
    assert mix(start, end, 0.25, FISHERS)["mean"].item() == pytest.approx(2.0)


def test_fisher_information_is_floored_and_the_ends_stay_the_ends():
    # F₀ = 0 becomes 1e-8, F₁ = 3e-8: (1e-8·0 + 3e-8·4)/(4e-8) = 3. Both 0: the plain mean 2.
    start, end = torch.tensor([0.0]), torch.tensor([4.0])
    zero, some = torch.tensor([0.0]), torch.tensor([3e-8])
    assert fisher_mix(start, end, 0.5, zero, some).item() == pytest.approx(3.0)
    assert fisher_mix(start, end, 0.5, zero, zero).item() == pytest.approx(2.0)
    assert fisher_mix(start, end, 0.0, zero, some).item() == 0.0
    assert fisher_mix(start, end, 1.0, some, zero).item() == 4.0


def test_the_fisher_of_a_head_equals_the_closed_form(tiny_task):
    # ∂(−log p_y)/∂W_c = τ(p_c − 1[c = y])·f̂, so F_c = mean of τ²(p_c − 1[c = y])²·f̂².
    clip, task = tiny_task
    classifier = clip.classifier(torch.eye(3, clip.embed_dim))
    items = task.train[:5]
    fisher = diagonal_fisher(classifier, clip.pixels(task.root), items)["head.weight"]
    features = clip.features_of(classifier, task.root, items)
    labels = torch.tensor([item.label for item in items])
    off = classifier.logits_from(features).softmax(1) - torch.eye(3)[labels]
    per_image = (clip.logit_scale * off)[:, :, None] * features[:, None]  # (N, C, D)
    torch.testing.assert_close(fisher, per_image.square().mean(0), rtol=1e-3, atol=1e-6)


def wise(members, tiny_task, **settings):
    interpolator = INTERPOLATORS["wise"](INTERPOLATORS["wise"].Params(**settings))
    return finish(interpolator.combine(members, *tiny_task))[0]


@pytest.mark.parametrize("weighting", ["plain", "fisher"])
@pytest.mark.parametrize("move_tower", [True, False])
def test_alpha_one_is_the_member_and_alpha_zero_is_zero_shot(
    weighting, move_tower, tiny_task, members_of
):
    [member] = members_of(1, move_tower=move_tower)
    for alpha, end in ((0, member.zero_shot), (1, member.load())):
        mixed = wise([member], tiny_task, alpha=alpha, weighting=weighting)
        for name, tensor in end.state_dict().items():
            assert torch.equal(mixed.classifier.state_dict()[name], tensor), name


def test_a_given_alpha_is_not_chosen_and_needs_no_validation_images(tiny_task, members_of):
    clip, task = tiny_task
    wise(members_of(1), (clip, replace(task, val=(), test=())), alpha=0.5)
    assert INTERPOLATORS["wise"](INTERPOLATORS["wise"].Params(alpha=0.5)).chosen_on == "nothing"


def test_fisher_weighting_is_not_the_plain_mixture(tiny_task, members_of):
    members = members_of(1)
    plain, weighted = (
        wise(members, tiny_task, alpha=0.5, weighting=how).classifier.head.weight
        for how in ("plain", "fisher")
    )
    assert not torch.allclose(plain, weighted, atol=1e-5)


class Scores:
    """Stands in for the images: logits by α."""

    labels = torch.tensor([0, 0])

    def __init__(self, logits):
        self._logits = logits

    def logits(self, alpha):
        return torch.tensor(self._logits[alpha])


class Same:
    def at(self, alpha):
        return alpha


def test_the_best_accuracy_wins_and_of_equals_the_likelier():
    right, sure, half = [[1.0, 0.0]] * 2, [[2.0, 0.0]] * 2, [[9.0, 0.0], [0.0, 1.0]]
    scores = Scores({0.0: half, 0.25: right, 0.5: sure, 0.75: sure, 1.0: right})
    alpha, events = finish(best_alpha(Same(), scores, 5))
    assert alpha == 0.5
    assert len(events) == 5


def test_between_zero_shot_and_an_ensemble_there_is_nothing(members_of):
    [one, two] = members_of(2)
    ensemble = Ensemble([one.load(), two.load()])
    ends = Ends(one.zero_shot, ensemble)
    assert ends.at(0) is one.zero_shot
    assert ends.at(1) is ensemble
    with pytest.raises(UserError, match=r"no common weights to mix, got 0\.5"):
        ends.at(0.5)


MUTANTS = [
    Mutant(
        "core.interpolation.wise",
        "torch.lerp(start, tuned[name], alpha)",
        "torch.lerp(tuned[name], start, alpha)",
        test_the_middle_is_the_hand_worked_mean,
    ),
    Mutant(
        "core.interpolation.wise",
        "torch.lerp(start, tuned[name], alpha)",
        "start + alpha * (tuned[name] - start)",
        test_wise_ft_ends_are_the_ends,
    ),
    Mutant(
        "core.interpolation.wise",
        "fisher_mix(start, tuned[name], alpha, before[name], after[name])",
        "fisher_mix(start, tuned[name], alpha, after[name], before[name])",
        test_fisher_weights_equal_the_hand_worked_mean,
    ),
    Mutant(
        "core.interpolation.wise",
        "torch.lerp(start, tuned[name], alpha)",
        "start.clone()",
        test_what_has_no_fisher_is_mixed_plainly,
    ),
    Mutant(
        "core.interpolation.wise",
        "-accuracy(logits, held_out.labels)",
        "accuracy(logits, held_out.labels)",
        test_the_best_accuracy_wins_and_of_equals_the_likelier,
    ),
    Mutant(
        "core.interpolation.wise",
        "nll(logits, held_out.labels)",
        "-nll(logits, held_out.labels)",
        test_the_best_accuracy_wins_and_of_equals_the_likelier,
    ),
    Mutant(
        "core.interpolation.fisher",
        "alpha * fisher_tuned.clamp(min=FLOOR)",
        "alpha * fisher_tuned",
        test_fisher_information_is_floored_and_the_ends_stay_the_ends,
    ),
    Mutant(
        "core.interpolation.fisher",
        "(1 - alpha) * fisher_start",
        "alpha * fisher_start",
        test_fisher_information_is_floored_and_the_ends_stay_the_ends,
    ),
    Mutant(
        "core.interpolation.fisher",
        "gradient.square() / len(items)",
        "gradient.square()",
        test_the_fisher_of_a_head_equals_the_closed_form,
    ),
    Mutant(
        "core.interpolation.fisher",
        "gradient.square() / len(items)",
        "gradient.abs() / len(items)",
        test_the_fisher_of_a_head_equals_the_closed_form,
    ),
]
