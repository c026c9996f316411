"""Train before a run is queued: the split, the accuracy to beat, the obstacles."""

from dataclasses import replace

import pytest
from PIL import Image

from core.data.split import move_split, parse_shares
from core.results.records import Evaluation
from jobs.evaluator.questions import Device
from studio.train.next_run import form_task, leave_out, obstacles, to_beat
from studio.train.splitting import reach, sides_of
from studio.workspace.background import Answer
from studio.workspace.data_store import Opened
from tests.data.test_fewshot import images, make
from tests.studio.conftest import score, zero_shot

READY = Answer("ready", Device("a processor", "cpu", bf16=False))
TWELVE = {"fox": images("f", 12), "owl": images("o", 12)}


def opened(dataset):
    return Opened("set", dataset, {}, 0)


def pictures(root, **classes):
    """Images of one colour each, by class; the same number is the same image."""
    for name, numbers in classes.items():
        (root / name).mkdir(parents=True)
        for number in numbers:
            colour = (number * 7 % 256, number * 31 % 256, number)
            Image.new("RGB", (40, 40), colour).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def found(studio, mine):
    """The obstacles of a run on a data set of these classes."""

    def look(config=None, **classes):
        root = pictures(studio.data_store.folder / "set", **classes)
        assert studio.data_store.path("set") == root
        return obstacles(mine, "set", config or {}, READY, None)

    return look


def told(one):
    return [(fix.do, dict(fix.detail)) for fix in one.fixes]


def test_nothing_stands_in_the_way_of_a_folder_as_it_should_be(found):
    assert found(fox=range(12), owl=range(20, 32)) == []


def test_more_shots_than_there_are_offer_what_there_is(found):
    [one] = found({"shots": 16}, fox=range(12), owl=range(20, 32))
    assert one.blocks
    assert "12 images, 16 are needed" in one.text
    assert told(one) == [("use-shots", {"n": "6"}), ("allow-fewer", {})]


def test_a_value_that_is_none_is_said_as_the_check_would(found):
    [one] = found({"shots": "many"}, fox=range(12), owl=range(20, 32))
    assert one.blocks
    assert "shots must be" in one.text


def test_an_image_in_two_classes_stops_a_run_until_it_is_left_out(found, studio):
    [one] = found(fox=range(12), owl=(*range(20, 32), 3))
    assert one.blocks
    assert "in two classes at once" in one.text
    assert told(one) == [("leave-out", {"kind": "two-classes"})]
    assert leave_out(studio.data_store.open("set").dataset, "two-classes") == [
        "fox/3.png",
        "owl/3.png",
    ]


def test_a_leak_stops_a_run_until_it_is_left_out_or_allowed(studio, mine):
    root = studio.data_store.folder / "set"
    pictures(root / "train", fox=range(12), owl=range(20, 32))
    pictures(root / "test", fox=(3, 50), owl=(60,))
    [one] = obstacles(mine, "set", {}, READY, None)
    assert one.blocks
    assert told(one) == [("leave-out", {"kind": "leak"}), ("allow-leaks", {"on": "true"})]
    assert leave_out(studio.data_store.open("set").dataset, "leak") == ["train/fox/3.png"]
    assert obstacles(mine, "set", {"allow_leaks": True}, READY, None) == []


def test_an_empty_class_is_said_and_stops_nothing(found, studio):
    (studio.data_store.folder / "set" / "bear").mkdir(parents=True)
    [one] = found(fox=range(12), owl=range(20, 32))
    assert not one.blocks
    assert "bear" in one.text


def test_an_evaluator_that_does_not_answer_and_a_lack_of_memory_are_said(found, mine):
    found(fox=range(12), owl=range(20, 32))
    [one] = obstacles(mine, "set", {}, Answer("failed", error="gone"), None)
    assert (one.blocks, told(one)) == (False, [("retry-device", {})])
    [one] = obstacles(mine, "set", {}, READY, 1 << 50)
    assert not one.blocks
    assert "memory" in one.text


def test_zero_shot_is_measured_on_the_images_of_the_very_run():
    dataset = make(TWELVE)
    hits = {sha: sha in ("f1", "o2") for own in TWELVE.values() for sha in own}
    found = Evaluation(domains={"ood/x": score(25, 50)}, id=0.5, ood=0.5)
    zero = Answer("ready", zero_shot(found, hits=hits))
    for config in ({}, {"shots": 9}, {"split": "drawn", "shots": 3, "seed": 2}):
        asked = form_task(opened(dataset), config)
        test = [item.sha256 for item in asked.task.test]
        assert to_beat(zero, asked) == (sum(map(hits.get, test)) / len(test), 0.5)
    assert to_beat(Answer("waiting"), asked) == (None, None)


def test_few_test_images_say_how_far_an_interval_reaches():
    task = form_task(opened(make(TWELVE)), {}).task
    assert len(task.test) == 6
    assert reach(task) == pytest.approx(0.40, abs=0.005)
    assert reach(replace(task, test=task.test * 20)) is None


def test_sides_are_counted_over_the_classes(tmp_path):
    dataset = make({"fox": images("f", 12), "owl": images("o", 7)})
    moved = move_split(replace(dataset, root=tmp_path), parse_shares("4:1:1"))
    sides = sides_of(form_task(opened(moved), {}).task)
    assert [(side.name, side.low, side.high) for side in sides] == [
        ("train", 5, 8), ("val", 1, 2), ("test", 1, 2)
    ]  # fmt: skip
