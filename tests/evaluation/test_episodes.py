"""Episodes: the draws, the head's answers, and both intervals, worked out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from core.evaluation.episodes import (
    CHUNK,
    EpisodePlan,
    draw_episodes,
    episode_accuracy,
    interval_of_episodes,
    interval_of_repeats,
    run_episodes,
)
from tests.mutants import Mutant

# Class a: (1, 0) and (−0.6, 0.8), whose mean (0.2, 0.4) is (0.447, 0.894) as a unit vector.
# Class b: (1, 0) twice. The query (0.8, 0.6) of a has cosine 0.894 with a and 0.8 with b, but only
# 0.4 with a's mean as it is. The query (0, −1) of b has −0.894 and 0.
FEATURES = torch.tensor(
    [[1.0, 0.0], [-0.6, 0.8], [0.8, 0.6], [1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0]]
)
EPISODE = torch.tensor([[[0, 3], [1, 4], [2, 5]]])


def test_prototypes_are_unit_means_of_the_support():
    assert episode_accuracy(FEATURES, EPISODE, shots=2).tolist() == [1.0]


def test_half_of_the_queries_are_told_apart():
    # The query (−1, 0) of b has −0.447 with a and −1 with b: wrong. That of a stays right.
    wrong = torch.tensor([[[0, 3], [1, 4], [2, 6]]])
    assert episode_accuracy(FEATURES, torch.cat([EPISODE, wrong]), shots=2).tolist() == [1, 0.5]


def test_the_length_of_a_feature_does_not_matter():
    scaled = FEATURES * torch.tensor([1, 5, 1, 9, 1, 1, 1.0]).unsqueeze(1)
    assert episode_accuracy(scaled, EPISODE, shots=2).tolist() == [1.0]


def draws(plan: EpisodePlan, sizes: tuple[int, ...] = (4, 6, 9)) -> tuple[torch.Tensor, list]:
    ends = torch.tensor(sizes).cumsum(0).tolist()
    members = [torch.arange(end - n, end) for n, end in zip(sizes, ends, strict=True)]
    generator = torch.Generator().manual_seed(plan.seed)
    return torch.cat(list(draw_episodes(members, plan, generator))), members


def test_an_episode_draws_classes_and_images_without_replacement_and_shot_major():
    plan = EpisodePlan(ways=2, shots=1, queries=3, episodes=CHUNK + 50)
    images, _ = draws(plan)
    assert images.shape == (CHUNK + 50, 4, 2)
    label = (images >= 4).long() + (images >= 10).long()
    assert (label == label[:, :1]).all()  # a column is a class, a row one image of each
    assert (label[:, 0, 0] != label[:, 0, 1]).all()
    flat = images.flatten(1)
    assert all(len(set(row)) == 8 for row in flat.tolist())


def test_every_class_order_and_image_is_equally_likely():
    plan = EpisodePlan(ways=2, shots=1, queries=1, episodes=6000)
    images, _ = draws(plan)
    label = (images >= 4).long() + (images >= 10).long()
    pairs = (3 * label[:, 0, 0] + label[:, 0, 1]).bincount(minlength=9)
    pairs = pairs[pairs > 0]  # 6 ordered pairs, 1000 each, give or take 29
    assert len(pairs) == 6
    assert (pairs - 1000).abs().max() < 5 * 29
    counts = images.flatten().bincount(minlength=19).float()
    each = torch.tensor([8000 / 4] * 4 + [8000 / 6] * 6 + [8000 / 9] * 9)
    assert ((counts - each).abs() / each.sqrt()).max() < 5


def test_the_same_seed_draws_the_same_and_another_others():
    plan = EpisodePlan(ways=2, shots=1, queries=3, episodes=20)
    assert torch.equal(draws(plan)[0], draws(plan)[0])
    assert not torch.equal(draws(plan)[0], draws(plan.model_copy(update={"seed": 1}))[0])


def test_the_interval_of_fd_align_is_over_repeats_and_not_divided_by_their_number():
    # Means 0.5, 0.7, 0.9: population variance (0.04 + 0 + 0.04)/3.
    means = torch.tensor([0.5, 0.7, 0.9], dtype=torch.float64)
    assert interval_of_repeats(means) == pytest.approx(1.96 * math.sqrt(0.08 / 3))
    assert interval_of_repeats(means[:1]) is None


def test_the_usual_interval_is_over_episodes():
    # 0, 0, 1, 1: sample variance 4·0.25/3, divided by 4 episodes.
    scores = torch.tensor([0, 0, 1, 1], dtype=torch.float64)
    assert interval_of_episodes(scores) == pytest.approx(1.96 * math.sqrt(1 / 3 / 4))


def clusters(sizes: tuple[int, ...], noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    labels = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    return F.one_hot(labels, 16).float() + noise * torch.randn(len(labels), 16), labels


def test_classes_with_too_few_images_are_left_out_and_named():
    features, labels = clusters((20, 16, 15, 0, 30), 0.01)
    plan = EpisodePlan(ways=3, episodes=10, repeats=2)
    score = run_episodes(features, labels, list("abcde"), plan)
    assert (score.classes, score.accuracy, score.ci_repeats) == (3, 1.0, 0.0)
    assert score.notes == ("Left out, with fewer than 16 images: c (15).",)
    with pytest.raises(UserError, match=r"4 classes with at least 16 images are needed .* are 3"):
        run_episodes(features, labels, list("abcde"), plan.model_copy(update={"ways": 4}))


def test_repeats_draw_other_episodes_and_their_mean_is_the_accuracy():
    features, labels = clusters((30,) * 6, 0.6)
    score = run_episodes(features, labels, list("abcdef"), EpisodePlan(episodes=50, repeats=3))
    assert len(set(score.repeats)) == 3
    assert score.accuracy == pytest.approx(sum(score.repeats) / 3)
    assert 0.2 < score.accuracy < 1
    assert 0 < score.ci_episodes < 0.1


def test_more_shots_help():
    features, labels = clusters((30,) * 6, 0.6)
    plan = EpisodePlan(episodes=100, repeats=1)
    one, five = (
        run_episodes(features, labels, list("abcdef"), plan.model_copy(update={"shots": shots}))
        for shots in (1, 5)
    )
    assert five.accuracy > one.accuracy + 2 * (one.ci_episodes + five.ci_episodes)


MUTANTS = [
    Mutant(
        "core.evaluation.episodes",
        "unit(picked[:, :shots].mean(1))",
        "picked[:, :shots].mean(1)",
        test_prototypes_are_unit_means_of_the_support,
    ),
    Mutant(
        "core.evaluation.episodes",
        "unit(features[images].float())",
        "features[images].float()",
        test_the_length_of_a_feature_does_not_matter,
    ),
    Mutant(
        "core.evaluation.episodes",
        "picked[:, shots:]",
        "picked[:, :shots]",
        test_half_of_the_queries_are_told_apart,
    ),
    Mutant(
        "core.evaluation.episodes",
        "masked_fill(missing, 2.0)",
        "masked_fill(missing, 0.0)",
        test_an_episode_draws_classes_and_images_without_replacement_and_shot_major,
    ),
    Mutant(
        "core.evaluation.episodes",
        "classes = keys.argsort(1)[:, : plan.ways]",
        "classes = keys.argsort(1)[:, : plan.ways].sort(1).values",
        test_every_class_order_and_image_is_equally_likely,
    ),
    Mutant(
        "core.evaluation.episodes",
        "means.std(correction=0)",
        "means.std(correction=1)",
        test_the_interval_of_fd_align_is_over_repeats_and_not_divided_by_their_number,
    ),
    Mutant(
        "core.evaluation.episodes",
        " / math.sqrt(len(scores))",
        "",
        test_the_usual_interval_is_over_episodes,
    ),
]
