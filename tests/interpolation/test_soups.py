"""Soups and ensembles: means worked out by hand, the greedy order, and the members left out."""

import pytest
import torch

from core.interpolation import INTERPOLATORS
from core.interpolation.greedy import best_first, greedily
from core.interpolation.soup import stir_in
from core.models.ensemble import Ensemble, averaged
from core.models.text_head import TextHead
from tests.interpolation.conftest import finish
from tests.mutants import Mutant


class Table:
    """A pool whose accuracy for every set of members is written down."""

    def __init__(self, accuracies):
        self.accuracies, self.tried = accuracies, []

    def start(self, index):
        self.kept = {index}

    def attempt(self, index):
        self.candidate = self.kept | {index}
        self.tried.append(index)
        return self.accuracies[frozenset(self.candidate)]

    def keep(self):
        self.kept = self.candidate


# Accuracies alone: 0.6, 0.8, 0.8, 0.7. Order: 2 (the later of the equals), 1, 3, 0.
ALONE = [0.6, 0.8, 0.8, 0.7]
TOGETHER = {
    frozenset({2, 1}): 0.8,  # equal: out by >, in by ≥
    frozenset({2, 3}): 0.9,
    frozenset({2, 3, 0}): 0.85,
    frozenset({2, 1, 3}): 0.7,
    frozenset({2, 1, 0}): 0.9,
}


def test_a_soup_of_three_is_their_hand_worked_mean():
    # 1; (1 + 4)/2 = 2.5; (1 + 4 + 10)/3 = 5
    soup = {"w": torch.tensor([1.0])}
    stir_in(soup, {"w": torch.tensor([4.0])}, 1, soup)
    assert soup["w"].item() == 2.5
    stir_in(soup, {"w": torch.tensor([10.0])}, 2, soup)
    assert soup["w"].item() == pytest.approx(5.0)


def test_running_statistics_are_averaged_and_integer_buffers_copied():
    soup = {"mean": torch.tensor([0.0]), "batches": torch.tensor(3)}
    out = {"mean": torch.tensor([9.0]), "batches": torch.tensor(0)}
    stir_in(soup, {"mean": torch.tensor([1.0]), "batches": torch.tensor(8)}, 1, out)
    assert (out["mean"].item(), out["batches"].item()) == (0.5, 3)
    assert soup["mean"].item() == 0.0


def test_best_come_first_and_of_equals_the_later():
    assert best_first(ALONE) == [2, 1, 3, 0]


def test_what_does_not_raise_accuracy_is_left_out_and_not_tried_again():
    pool = Table(TOGETHER)
    kept, events = finish(greedily(pool, ALONE, "higher"))
    assert kept == [2, 3]
    assert pool.kept == {2, 3}
    assert pool.tried == [1, 3, 0]
    assert [round(1 - event.loss, 6) for event in events] == [0.8, 0.8, 0.9, 0.9]


def test_not_lower_also_keeps_what_changes_nothing():
    kept, _ = finish(greedily(Table(TOGETHER), ALONE, "not-lower"))
    assert kept == [2, 1, 0]


def test_no_more_than_so_many_are_kept():
    pool = Table(TOGETHER)
    kept, _ = finish(greedily(pool, ALONE, "not-lower", most=2))
    assert kept == [2, 1]
    assert pool.tried == [1]


# softmax(ln 3, 0) = (3/4, 1/4) and softmax(0, ln 7) = (1/8, 7/8): mean (7/16, 9/16).
FIRST, SECOND = torch.tensor([[3.0, 1.0]]).log(), torch.tensor([[1.0, 7.0]]).log()


def test_averaged_probabilities_equal_the_hand_worked_mean():
    mean = averaged([FIRST, SECOND], "probabilities").softmax(1)
    torch.testing.assert_close(mean, torch.tensor([[7 / 16, 9 / 16]]))
    torch.testing.assert_close(averaged([FIRST, SECOND], "probabilities").exp(), mean)


def test_averaged_logits_equal_the_geometric_mean_of_the_odds():
    # odds 3 and 1/7: √(3/7)
    logits = averaged([FIRST, SECOND], "logits")
    torch.testing.assert_close((logits[0, 0] - logits[0, 1]).exp(), torch.tensor(3 / 7).sqrt())


def test_probabilities_of_sure_members_do_not_underflow():
    sure = torch.tensor([[0.0, -500.0]])
    assert averaged([sure, sure], "probabilities")[0, 1].item() == pytest.approx(-500.0)


def test_a_uniform_soup_of_equal_members_is_the_member_to_the_bit(tiny_task, members_of):
    [member] = members_of(1)
    interpolator = INTERPOLATORS["uniform-soup"](INTERPOLATORS["uniform-soup"].Params())
    combination, _ = finish(interpolator.combine([member] * 3, *tiny_task))
    for name, tensor in member.load().state_dict().items():
        assert torch.equal(tensor, combination.classifier.state_dict()[name]), name
    assert combination.shares == (1 / 3,) * 3
    assert interpolator.chosen_on == "nothing"


def test_a_uniform_soup_is_the_mean_of_every_tensor(tiny_task, members_of):
    members = members_of(3)
    interpolator = INTERPOLATORS["uniform-soup"](INTERPOLATORS["uniform-soup"].Params())
    combination, _ = finish(interpolator.combine(members, *tiny_task))
    states = [member.load().state_dict() for member in members]
    soup = combination.classifier.state_dict()
    weights = [name for name, tensor in soup.items() if tensor.is_floating_point()]
    assert len(weights) >= 20
    for name in weights:
        mean = torch.stack([state[name].double() for state in states]).mean(0).float()
        torch.testing.assert_close(soup[name], mean, rtol=1e-5, atol=1e-6)


def test_a_member_that_kept_clips_tower_goes_into_a_soup_with_one_that_moved_it(
    tiny_task, members_of
):
    clip, _ = tiny_task
    members = [*members_of(1, move_tower=False), *members_of(1)]
    before = {name: tensor.clone() for name, tensor in clip.model.visual.state_dict().items()}
    interpolator = INTERPOLATORS["uniform-soup"](INTERPOLATORS["uniform-soup"].Params())
    combination, _ = finish(interpolator.combine(members, *tiny_task))
    assert not clip.owns(combination.classifier)
    for name, tensor in combination.classifier.tower.state_dict().items():
        assert torch.equal(before[name], clip.model.visual.state_dict()[name])
        moved = members[1].load().tower.state_dict()[name]
        torch.testing.assert_close(tensor, (before[name] + moved) / 2, rtol=1e-5, atol=1e-6)


def test_a_soup_of_tuned_text_towers_answers_with_the_mixed_one(tiny_task, texts_of):
    clip, task = tiny_task
    members = texts_of(2)
    asked = [member.load().head.prototypes().clone() for member in members]  # built and kept
    interpolator = INTERPOLATORS["uniform-soup"](INTERPOLATORS["uniform-soup"].Params())
    head = finish(interpolator.combine(members, clip, task))[0].classifier.head
    fresh = TextHead.shaped_like(head.state_dict(), clip)
    fresh.load_state_dict(head.state_dict())
    assert torch.equal(head.prototypes(), fresh.prototypes())
    assert not torch.allclose(head.prototypes(), asked[0], atol=1e-4)


def greedy(name, members, tiny_task, **settings):
    interpolator = INTERPOLATORS[name](INTERPOLATORS[name].Params(**settings))
    return finish(interpolator.combine(members, *tiny_task))[0]


def test_a_greedy_soup_is_the_mean_of_those_it_kept(tiny_task, members_of):
    members = members_of(4, scale=0.05)
    combination = greedy("greedy-soup", members, tiny_task, accept="not-lower")
    kept = [m for m, share in zip(members, combination.shares, strict=True) if share]
    assert sum(combination.shares) == pytest.approx(1)
    for name, tensor in combination.classifier.state_dict().items():
        states = [member.load().state_dict()[name].double() for member in kept]
        torch.testing.assert_close(tensor.double(), torch.stack(states).mean(0), rtol=0, atol=1e-5)


def test_equal_members_stay_one_in_a_strict_greedy_soup(tiny_task, members_of):
    [member] = members_of(1)
    combination = greedy("greedy-soup", [member, member], tiny_task)
    assert combination.shares == (0.0, 1.0)


def test_a_pool_keeps_two_classifiers_whatever_its_size(tiny_task, members_of, monkeypatch):
    from core.interpolation import soup
    from core.interpolation.base import copied

    made = []
    monkeypatch.setattr(soup, "copied", lambda *given: made.append(1) or copied(*given))
    greedy("greedy-soup", members_of(6), tiny_task, accept="not-lower")
    assert len(made) == 2


def test_an_ensemble_averages_the_members_it_kept(tiny_task, members_of):
    members = members_of(5)
    combination = greedy("greedy-ensemble", members, tiny_task, accept="not-lower", max_members=3)
    kept = [m.load() for m, share in zip(members, combination.shares, strict=True) if share]
    assert 2 <= len(kept) <= 3
    assert isinstance(combination.classifier, Ensemble)
    images = torch.randn(4, 3, 32, 32)
    mean = sum(member(images) for member in kept) / len(kept)
    torch.testing.assert_close(combination.classifier(images), mean)


def test_an_ensemble_of_one_is_that_classifier(tiny_task, members_of):
    [member] = members_of(1)
    combination = greedy("greedy-ensemble", [member, member], tiny_task)
    assert combination.classifier is member.load()


def test_an_ensembles_logits_of_items_are_those_of_its_images(tiny_task, members_of):
    clip, task = tiny_task
    ensemble = Ensemble([member.load() for member in members_of(2)], "probabilities")
    pixels = clip.pixels(task.root).evaluation(task.val)
    with torch.inference_mode():
        expected = ensemble(pixels)
    features, logits = ensemble.outputs_of(clip, task.root, task.val)
    torch.testing.assert_close(logits, expected)
    assert features.shape == (len(task.val), 0)


MUTANTS = [
    Mutant(
        "core.interpolation.soup",
        "1 / (count + 1)",
        "1 / 2",
        test_a_soup_of_three_is_their_hand_worked_mean,
    ),
    Mutant(
        "core.interpolation.soup",
        "out[name].copy_(tensor)",
        "out[name].copy_(member[name])",
        test_running_statistics_are_averaged_and_integer_buffers_copied,
    ),
    Mutant(
        "core.interpolation.greedy",
        "(-accuracies[index], -index)",
        "(-accuracies[index], index)",
        test_best_come_first_and_of_equals_the_later,
    ),
    Mutant(
        "core.interpolation.greedy",
        "(-accuracies[index], -index)",
        "(accuracies[index], -index)",
        test_best_come_first_and_of_equals_the_later,
    ),
    Mutant(
        "core.interpolation.greedy",
        "if accuracy > best or",
        "if accuracy >= best or",
        test_what_does_not_raise_accuracy_is_left_out_and_not_tried_again,
    ),
    Mutant(
        "core.interpolation.greedy",
        "            best = accuracy\n",
        "",
        test_what_does_not_raise_accuracy_is_left_out_and_not_tried_again,
    ),
    Mutant(
        "core.interpolation.greedy",
        "len(kept) == most",
        "len(kept) > most",
        test_no_more_than_so_many_are_kept,
    ),
    Mutant(
        "core.models.ensemble",
        " - math.log(len(stacked))",
        "",
        test_averaged_probabilities_equal_the_hand_worked_mean,
    ),
    Mutant(
        "core.models.ensemble",
        "F.log_softmax(stacked, dim=-1).logsumexp(0)",
        "stacked.logsumexp(0)",
        test_averaged_probabilities_equal_the_hand_worked_mean,
    ),
    Mutant(
        "core.models.ensemble",
        "stacked.mean(0)",
        "stacked.sum(0)",
        test_averaged_logits_equal_the_geometric_mean_of_the_odds,
    ),
]
