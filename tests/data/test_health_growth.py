"""The health check of large data sets skips only comparisons that could not find anything."""

from collections import Counter

import numpy as np
import pytest

from core.data.health import check, near, shortcuts
from core.data.ingest import open_dataset


def tiny_copies(n, seed=0):
    """`n` tiny copies of different pictures; the second half are the first with a little noise.

    As in photos, large structures differ more than small ones.
    """
    random = np.random.default_rng(seed)
    layers = [
        (random.integers(0, 256, (n - n // 2, 16 // size, 16 // size, 3)) * share)
        .repeat(size, axis=1)
        .repeat(size, axis=2)
        for size, share in ((8, 0.65), (4, 0.35))
    ]
    different = sum(layers)
    alike = different[: n // 2] + random.integers(-4, 5, (n // 2, 16, 16, 3))
    copies = np.concatenate([different, alike]).clip(0, 255).astype(np.uint8)
    return [copy.tobytes() for copy in copies[random.permutation(n)]]


def all_with_all(rows):
    """The slow reference: the products of all pairs of rows."""
    root = np.arange(len(rows))
    return near._linked(root, *np.nonzero(rows @ rows.T >= near.CORRELATED))


@pytest.mark.parametrize("at_once", [8, 64, 512])
def test_nearly_equal_images_are_those_that_all_with_all_finds(monkeypatch, at_once):
    monkeypatch.setattr(near, "_AT_ONCE", at_once)
    rows = near._comparable(tiny_copies(600))
    linked = near._linked_rows(rows)
    assert (linked == all_with_all(rows)).all()
    assert (linked != np.arange(600)).sum() == 300, "the control: half of them are alike"


def test_a_long_chain_of_frames_is_one_group():
    one, other = (np.random.default_rng(seed).normal(size=768) for seed in (1, 2))
    turns = np.linspace(0, np.pi / 2, 400)
    rows = np.stack([np.cos(t) * one + np.sin(t) * other for t in turns]).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert set(near._linked_rows(rows)) == {0}
    assert set(near._linked_rows(rows[[0, 399]])) == {0, 1}, "the control: its ends are not alike"


def test_images_of_one_colour_are_no_copies_of_each_other():
    plain = bytes([90] * 768)
    placed = [("train", number) for number in range(4)]
    different, twice = (tiny_copies(2, seed)[0] for seed in (1, 2))
    assert near._alike(placed, [plain, plain, twice, different]) == []
    assert near._alike(placed, [plain, plain, twice, twice]) == [placed[2:]]


def test_four_times_the_images_are_far_fewer_than_sixteen_times_the_products(monkeypatch):
    pairs = Counter()
    distances = near._distances

    def counted(ones, others):
        pairs[size] += len(ones) * len(others)
        return distances(ones, others)

    monkeypatch.setattr(near, "_distances", counted)
    monkeypatch.setattr(near, "_AT_ONCE", 32)
    for size in (500, 2000):
        near._linked_rows(near._comparable(tiny_copies(size)))
    assert pairs[2000] < 8 * pairs[500]
    assert pairs[2000] < 2000**2 / 4


def test_the_nearest_are_those_of_a_stable_sort():
    distance = np.random.default_rng(0).integers(0, 5, (40, 30)).astype(np.float32)
    slow = np.argsort(distance, axis=1, kind="stable")[:, : shortcuts.NEIGHBOURS]
    assert (shortcuts._lowest(distance) == slow).all()


def test_what_others_of_a_source_say_leaves_the_image_itself_out():
    random = np.random.default_rng(0)
    sources = [f"camera {n}" for n in random.integers(0, 12, 200)]
    labels = random.integers(0, 4, 200)

    def slow(index):
        others = [i for i in range(200) if sources[i] == sources[index]]
        counted = Counter(labels[i] for i in others) - Counter([labels[index]])
        return counted.most_common(1)[0][0] if counted else -1

    guesses = shortcuts._by_source([*sources, "alone"], np.append(labels, 2))
    assert guesses.tolist() == [*map(slow, range(200)), -1]


def test_shortcuts_are_looked_for_in_a_bounded_number_of_images(tree, monkeypatch):
    asked = []
    neighbours = shortcuts._by_neighbours

    def counted(features, labels):
        asked.append(Counter(labels.tolist()))
        return neighbours(features, labels)

    monkeypatch.setattr(shortcuts, "_by_neighbours", counted)
    monkeypatch.setattr(shortcuts, "MOST", 24)
    dataset = open_dataset(tree({"train/fox": 20, "train/owl": 14, "train/elk": 4}))
    check(dataset)
    assert [sorted(counts.values()) for counts in asked] == [[4, 8, 8]] * 2
