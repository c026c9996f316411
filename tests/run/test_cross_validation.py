"""All images measured in folds, none by a head that has seen it."""

from collections import Counter
from dataclasses import replace

import pytest

from core.data.ingest import open_dataset
from core.errors import UserError
from core.run.asked import is_quick
from core.run.cross_validation import cross_validate, split_folds
from tests.data.test_fewshot import images, make, shas


def test_every_image_is_in_one_fold_and_classes_are_spread_evenly():
    dataset = make({"fox": images("f", 12), "owl": images("o", 7)}, test={"fox": ["tf"]})
    parts = split_folds(dataset, 5, [])
    assert Counter(sha for part in parts for sha in shas(part)) == Counter(
        [*images("f", 12), *images("o", 7), "tf"]
    )
    for label, (least, most) in ((0, (2, 3)), (1, (1, 2))):
        sizes = [sum(item.label == label for item in part) for part in parts]
        assert min(sizes) >= least
        assert max(sizes) <= most


def test_a_small_class_makes_fewer_folds_and_too_small_a_one_none():
    assert len(split_folds(make({"fox": images("f", 4), "owl": images("o", 9)}), 5, [])) == 4
    with pytest.raises(UserError, match="class 'fox' has 2 images or groups"):
        split_folds(make({"fox": images("f", 2), "owl": images("o", 9)}), 5, [])
    with pytest.raises(UserError, match="at least 3 are needed"):
        split_folds(make({"fox": images("f", 9), "owl": images("o", 9)}), 2, [])


def test_a_group_stays_in_one_fold():
    dataset = make({"fox": images("f", 12), "owl": images("o", 12)})
    named = tuple(
        replace(item, path=f"train/{dataset.classes[item.label]}/{n // 4}_x/{item.sha256}.png")
        for n, item in enumerate(dataset.domains[0].items)
    )
    grouped = replace(
        dataset, domains=(replace(dataset.domains[0], items=named),), group_by="folder"
    )
    parts = split_folds(grouped, 3, [])
    for group in {item.path.rpartition("/")[0] for item in named}:
        holding = [part for part in parts if any(i.path.startswith(f"{group}/") for i in part)]
        assert len(holding) == 1


def test_a_method_that_moves_the_tower_is_refused(tiny_model, tiny_data):
    assert [is_quick(name) for name in ("lp", "ape", "ft", "no-such")] == [True, True, False, False]
    with pytest.raises(UserError, match="would train the image tower 5 times"):
        cross_validate(open_dataset(tiny_data), "ft", str(tiny_model))


def test_the_reading_counts_every_image_once(tiny_model, tiny_data, tmp_path):
    dataset = open_dataset(tiny_data)
    found = cross_validate(dataset, "lp", str(tiny_model), folds=3, cache=tmp_path)
    assert found.n == found.zero_shot.n == 3 * (6 + 3 + 5)
    assert sum(n for _, n in found.per_class.values()) == found.n
    assert sum(right for right, _ in found.per_class.values()) == found.correct
    assert found.low < found.accuracy <= 1
    # Colour alone tells the three classes apart, and a random tower sees colours.
    assert found.accuracy > found.zero_shot.accuracy
    assert found.change.outcome == "better"
