"""A label is doubted if zero-shot is sure of another class and knows the label's class."""

import pytest
import torch

from core.data.dataset import Dataset, Domain, IngestReport, Item
from core.data.health.findings import mislabels
from core.evaluation.evaluate import measure_outputs
from core.run.zero_shot import disagreements

CLASSES = ("fox", "owl", "yak")


def doubted(said, sure=12.0):
    """Six images a class; `said` overrides what CLIP says of some, by index."""
    labels = [label for label in range(3) for _ in range(6)]
    items = tuple(Item(f"train/{CLASSES[y]}/{i}.png", y, str(i)) for i, y in enumerate(labels))
    dataset = Dataset(
        ".", "", CLASSES, CLASSES, (), False, (Domain("train", "train", items),), IngestReport()
    )
    logits = torch.zeros(18, 3)
    for index, label in enumerate(labels):
        logits[index, said.get(index, label)] = sure
    measured = measure_outputs(torch.zeros(18, 1), logits, {"train": items}, CLASSES)
    return disagreements(measured, dataset)


def test_a_confident_contradiction_is_found_and_the_rest_is_not():
    (found,) = doubted({4: 1})
    assert (found.path, found.label, found.says) == ("train/fox/4.png", "fox", "owl")
    assert found.confidence > 0.99
    assert doubted({}) == []


def test_an_unsure_contradiction_is_not_heard():
    assert doubted({4: 1}, sure=2.0) == []


@pytest.mark.parametrize(("wrong", "heard"), [((0, 1, 2), True), ((0, 1, 2, 3), False)])
def test_a_class_that_clip_does_not_know_is_not_doubted(wrong, heard):
    assert bool(doubted(dict.fromkeys(wrong, 1))) is heard


def test_the_finding_names_the_images_and_what_they_may_be():
    doubts = doubted({4: 1, 13: 0})
    found = mislabels(doubts, "embedded")
    assert (found.kind, found.level) == ("mislabel", "warning")
    assert set(found.exclude) == {"train/fox/4.png", "train/yak/13.png"}
    assert "train/fox/4.png: rather owl (100 %)" in found.detail
    assert mislabels([], "embedded").level == "pass"
