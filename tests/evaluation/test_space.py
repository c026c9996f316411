"""The feature space in the plane and in numbers, against values worked out by hand."""

import numpy as np
import pytest

from core.data.dataset import Item
from core.evaluation.projections import FEWEST_FOR_TSNE, neighbour_plane, principal_plane
from core.evaluation.space import grouping, map_features, spread
from core.results.records import RunConfig
from core.run import pipeline
from core.run.finished import FinishedRun
from tests.mutants import Mutant


def around(*degrees: float) -> np.ndarray:
    """Unit vectors at these angles."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def items(*labels: int) -> list[Item]:
    return [Item(f"{i}.png", label, f"{i:064x}") for i, label in enumerate(labels)]


def test_groups_lie_as_far_apart_as_their_silhouettes_say():
    found = grouping(around(0, 60, 90, 150), [0, 0, 1, 1], ["fox", "owl"])
    # The image at 0 degrees: a = 1 - cos 60 = 1/2; b = mean of 1 - cos 90 and 1 - cos 150.
    outer = 1 - 0.5 / ((1 + 1 + np.sqrt(3) / 2) / 2)
    # At 60 degrees: b = mean of 1 - cos 30 and 1 - cos 90, which is the larger one.
    inner = 1 - 0.5 / ((1 - np.sqrt(3) / 2 + 1) / 2)
    assert found.separation == pytest.approx((outer + inner) / 2, abs=1e-4)
    assert [(one.name, one.n, one.nearest) for one in found.groups] == [
        ("fox", 2, "owl"),
        ("owl", 2, "fox"),
    ]


def test_the_nearest_group_is_the_one_whose_mean_points_the_same_way():
    found = grouping(around(0, 10, 90, 100, 130), [0, 0, 1, 1, 3], ["a", "b", "none", "c"])
    assert {one.name: one.nearest for one in found.groups} == {"a": "b", "b": "c", "c": "b"}
    assert [one.index for one in found.groups] == [0, 1, 3], "a class without images is not shown"


def test_one_group_is_not_apart_from_anything():
    found = grouping(around(0, 10, 20), [0, 0, 0], ["a"])
    assert (found.separation, found.groups[0].separation, found.groups[0].nearest) == (None,) * 3


def test_the_plane_of_pca_shows_all_that_there_is_in_two_dimensions():
    points = np.array([[0.0, 0, 5], [3, 0, 5], [0, 4, 5], [3, 4, 5]])
    places, explained = principal_plane(points)
    assert explained == pytest.approx(1.0)
    assert np.linalg.norm(places[1] - places[2]) == pytest.approx(5.0), "distances stay"
    assert principal_plane(np.eye(3))[1] == pytest.approx(1.0)
    assert principal_plane(np.eye(4))[1] == pytest.approx(2 / 3), "the control: a part of three"


def test_neighbours_lie_together_and_the_seed_decides_where():
    points = np.concatenate([np.zeros((6, 3)), np.ones((6, 3))])
    points += np.random.default_rng(0).normal(0, 0.01, points.shape)
    first, again, other = (neighbour_plane(points, seed) for seed in (0, 0, 1))
    assert (first == again).all()
    assert other.shape == first.shape
    near, far = first[:6], first[6:]
    assert np.ptp(near, axis=0).max() < np.linalg.norm(near.mean(0) - far.mean(0))


@pytest.mark.parametrize(("count", "drawn"), [(FEWEST_FOR_TSNE - 1, False), (5, True)])
def test_a_few_points_have_no_neighbourhoods(count, drawn):
    assert (neighbour_plane(np.eye(count), 0) is not None) is drawn


def test_what_did_not_move_stays_and_what_moved_moves():
    before, after = around(0, 10, 90, 100), around(0, 10, 90, 40)
    space = map_features(
        0.5, ["a", "b"], {"test": items(0, 0, 1), "ood/x": items(1)},
        {"zero-shot": before, "alpha": after}, measured=4, seed=0,
    )  # fmt: skip
    first, then = (np.array(space.places["pca"][end]) for end in ("zero-shot", "alpha"))
    moved = np.linalg.norm(first - then, axis=1)
    assert moved[:3].max() == 0
    assert moved[3] == pytest.approx(np.linalg.norm(before[3] - after[3]), abs=1e-3)
    assert (space.labels, space.domain) == ([0, 0, 1, 1], [0, 0, 0, 1])
    classes = space.grouped["class"]
    assert classes["zero-shot"].separation > classes["alpha"].separation


def test_many_images_are_cut_evenly_over_domains_and_classes():
    domains = {"test": items(*[0] * 40, *[1] * 20), "ood/x": items(*[0] * 20, *[1] * 10)}
    kept = spread(domains, 30)
    counts = {name: [one.label for one in part].count(0) for name, part in kept.items()}
    assert {name: len(part) for name, part in kept.items()} == {"test": 20, "ood/x": 10}
    assert counts["test"] in (13, 14)
    assert counts["ood/x"] in (6, 7)
    assert spread(domains, 90) == domains, "the control: so many are all kept"


@pytest.fixture(scope="module")
def run(tmp_path_factory, tiny_model, tiny_data):
    folder = tmp_path_factory.mktemp("space") / "a-run"
    config = RunConfig(
        data=str(tiny_data), method="ft", model=str(tiny_model), shots=4, device="cpu",
        precision="fp32", evaluations=0, alphas=(0.5,), params={"epochs": 1, "lr": 1e-3},
    )  # fmt: skip
    for _ in pipeline.run(config, folder):
        pass
    return FinishedRun(folder, device="cpu")


def test_a_run_shows_every_image_that_it_measured_before_and_after(run):
    space = run.feature_space(0.5)
    counted = {name: score.n for name, score in run.record.evaluations["zero-shot"].domains.items()}
    drawn = {name: space.domain.count(i) for i, name in enumerate(space.domains)}
    assert drawn == counted
    assert space.measured == sum(counted.values())
    for places in space.places.values():
        assert {len(of) for of in places.values()} == {space.measured}
        assert places["zero-shot"] != places["alpha"], "the tower was trained"
    at_zero = run.feature_space(0.0).places["pca"]
    assert at_zero["zero-shot"] == at_zero["alpha"], "the control: α = 0 is zero-shot"
    assert run.feature_space(0.5) == space


@pytest.mark.parametrize("count", [1, 2, 3, 6])
@pytest.mark.parametrize("equal", [False, True])
def test_very_few_images_and_equal_ones_have_places(count, equal):
    points = np.random.default_rng(0).normal(size=(1 if equal else count, 8))
    points = np.repeat(points, count, axis=0) if equal else points
    places, explained = principal_plane(points)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()
    assert explained == pytest.approx(0 if equal or count == 1 else explained)
    assert (neighbour_plane(points, 0) is None) is (equal or count < FEWEST_FOR_TSNE)
    shown = items(*(n % 2 for n in range(count)))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    found = map_features(
        1.0, ["fox", "owl"], {"test": shown}, {"zero-shot": unit, "alpha": unit}, count, seed=0
    )
    assert len(found.places["pca"]["alpha"]) == count


MUTANTS = [
    Mutant(
        "core.evaluation.space",
        'metric="cosine"',
        'metric="euclidean"',
        test_groups_lie_as_far_apart_as_their_silhouettes_say,
    ),
    Mutant(
        "core.evaluation.space",
        "unit @ unit.T",
        "-unit @ unit.T",
        test_the_nearest_group_is_the_one_whose_mean_points_the_same_way,
    ),
]
