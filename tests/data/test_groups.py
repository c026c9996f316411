"""Images of one group are never on two sides of a split, for any number of shots."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from core.data.dataset import Dataset, Domain, IngestReport, Item
from core.data.fewshot import sample_task
from core.data.grouped import folder, group_keys, prefix
from core.errors import UserError


def videos(*, by="prefix", given=(), frames=6, count=6, root=Path("data")):
    """Two classes of `count` videos with `frames` frames each; `given` domains hold two more."""
    domains = {"train": range(count)} | {name: (90 + i,) for i, name in enumerate(given)}
    classes = ("fox", "owl")
    made = [
        Domain(
            name,
            name,
            tuple(
                Item(f"{name}/{kind}/{kind}{'abcdefghij'[v % 10]}_{f}.png", label, f"{kind}{v}-{f}")
                for label, kind in enumerate(classes)
                for v in numbers
                for f in range(frames)
            ),
        )
        for name, numbers in domains.items()
    ]
    report = IngestReport()
    return Dataset(root, "", classes, classes, (), False, tuple(made), report, group_by=by)


def groups_of(items):
    return {prefix(item.path) for item in items}


def sides(task):
    return [groups_of(task.train), groups_of(task.val), groups_of(task.test)]


def torn(task):
    """Groups that are on two sides."""
    pairs = itertools.combinations(sides(task), 2)
    return {group for one, other in pairs for group in one & other}


@pytest.mark.parametrize("given", [(), ("test",), ("val",), ("val", "test")], ids=str)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_group_is_on_two_sides(given, seed):
    task = sample_task(videos(given=given), shots=4, seed=seed)
    assert torn(task) == set()
    assert all(sides(task))


def test_the_control_an_ungrouped_split_tears_videos_apart():
    assert torn(sample_task(videos(by="none"), shots=4, seed=0))


def test_shots_come_from_several_groups_and_change_no_other_side():
    few = sample_task(videos(), shots=2, seed=0)
    many = sample_task(videos(), shots=12, seed=0)
    assert (few.test, few.val) == (many.test, many.val)
    assert many.train[:2] == few.train[:2]
    assert len(groups_of(many.train)) > 2


def test_a_group_over_two_classes_is_on_one_side():
    dataset = videos()
    items = tuple(
        Item(item.path.replace("foxa_", "owla_"), item.label, item.sha256)
        for item in dataset.items("train")
    )
    shared = replace(dataset, domains=(Domain("train", "train", items),))
    assert torn(sample_task(shared, shots=2, seed=0)) == set()


def test_training_images_of_a_measured_group_are_left_out_and_said():
    dataset = videos(given=("test",))
    taught = [*dataset.items("train"), Item("train/fox/foxa_77.png", 0, "x")]
    domains = (Domain("train", "train", tuple(taught)), dataset.domain("test"))
    measured = groups_of(dataset.items("test"))
    task = sample_task(replace(dataset, domains=domains), shots=2, seed=0)
    assert not groups_of(task.train) & measured
    assert any("group_by prefix" in note for note in task.notes)


def test_a_class_of_one_group_is_one_sentence():
    with pytest.raises(UserError, match=r"group_by prefix: class 'fox' has 1 group .*'foxa'"):
        sample_task(videos(count=1), shots=2, seed=0)


def test_a_run_can_group_otherwise_than_the_data_set_says():
    assert sample_task(videos(), 2, 0, group_by="none").group_by == "none"
    assert sample_task(videos(by="none"), 2, 0, group_by="prefix").group_by == "prefix"


def test_an_unseen_class_is_measured_and_tears_no_group():
    yaks = tuple(
        Item(f"train/yak/{video}_{frame}.png", 2, f"{video}{frame}")
        for video in ("foxa", "yaka", "yakb")
        for frame in range(5)
    )
    two, classes = videos(), ("fox", "owl", "yak")
    train = Domain("train", "train", (*two.items("train"), *yaks))
    three = replace(two, classes=classes, names=classes, domains=(train,))
    drawn = sample_task(three, shots=2, seed=0, unseen=("yak",))
    assert torn(drawn) == set()
    assert any(item.label == 2 for item in (*drawn.val, *drawn.test))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("train/fox/vid3_0012.jpg", "vid3"),
        ("train/fox/clip-7-frame 0012.png", "clip-7-frame"),
        ("train/fox/IMG_2031.JPG", "IMG"),
        ("train/fox/fox.png", ""),
    ],
)
def test_a_prefix_ends_before_the_last_number(path, key):
    assert prefix(path) == key


def test_a_folder_is_one_inside_the_class():
    assert folder("train/fox/cam1/a.png", "fox") == "cam1"
    assert folder("train/Red-Fox/a.png", "red_fox") == ""
    assert folder("fox/train/a.png", "fox") == ""
    assert folder("fox/images/a.png", "fox") == ""


def test_photos_taken_within_a_minute_of_the_last_belong_together(tmp_path):
    def photo(name, taken):
        exif = Image.Exif()
        if taken:
            exif.get_ifd(0x8769)[0x9003] = taken
        Image.new("RGB", (8, 8)).save(tmp_path / name, exif=exif)
        return Item(name, 0, name)

    items = [
        photo("a.jpg", "2024:05:01 10:00:00"),
        photo("b.jpg", "2024:05:01 10:00:50"),
        photo("c.jpg", "2024:05:01 10:01:40"),
        photo("d.jpg", "2024:05:01 10:03:00"),
        photo("e.jpg", None),
        photo("f.jpg", "yesterday"),
    ]
    keys = group_keys(items, ("fox",), "time", tmp_path)
    assert keys["a.jpg"] == keys["b.jpg"] == keys["c.jpg"] != keys["d.jpg"]
    assert len({keys[name] for name in ("d.jpg", "e.jpg", "f.jpg")}) == 3
