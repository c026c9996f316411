"""The health check finds every problem that makes a result wrong, at the right level."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from core.data.curation import exclude
from core.data.health import check
from core.data.health.copies import leaks_noted, refuse_leaks
from core.data.ingest import open_dataset
from core.errors import UserError

GOOD = {
    "train/fox": 8,
    "train/owl": 9,
    "test/fox": 2,
    "test/owl": 2,
    "ood/night/fox": 1,
    "ood/night/owl": 1,
}


def findings(root):
    return {found.kind: found for found in check(open_dataset(root)).findings}


def test_a_healthy_data_set_only_passes(tree):
    report = check(open_dataset(tree(GOOD)))
    assert {found.level for found in report.findings} == {"pass"}
    assert {found.kind for found in report.findings} == {
        "unreadable",
        "size",
        "duplicate",
        "near-duplicate",
        "few-images",
        "unbalanced",
        "class-names",
    }
    assert report.errors == ()


def test_files_that_do_not_decode_are_an_error_with_their_reasons(tree):
    root = tree(GOOD)
    (root / "train/fox/img0.png").write_bytes(b"<html>")
    report = check(open_dataset(root, decode=False))
    found = next(found for found in report.findings if found.kind == "unreadable")
    assert found.level == "error"
    assert found.title == "1 image cannot be read"
    assert found.paths == ("train/fox/img0.png",)
    assert found.detail.startswith("train/fox/img0.png: it is not a JPEG")


@pytest.mark.parametrize("measured", ["test/fox", "ood/night/fox"])
@pytest.mark.parametrize("learnt", ["train/fox", "val/fox"])
def test_an_image_to_learn_from_that_is_also_measured_is_an_error(tree, learnt, measured):
    root = tree(GOOD)
    (root / learnt).mkdir(parents=True, exist_ok=True)
    shutil.copy(root / measured / "img0.png", root / learnt / "copy.png")
    found = findings(root)["leak"]
    assert found.level == "error"
    assert set(found.paths) == {f"{learnt}/copy.png", f"{measured}/img0.png"}


def test_one_image_in_two_classes_is_an_error(tree):
    root = tree(GOOD)
    shutil.copy(root / "train/fox/img0.png", root / "train/owl/copy.png")
    found = findings(root)
    assert found["two-classes"].level == "error"
    assert "leak" not in found
    assert "duplicate" not in found


def test_a_copy_within_a_domain_is_a_warning(tree):
    root = tree(GOOD)
    shutil.copy(root / "train/fox/img0.png", root / "train/fox/copy.png")
    found = findings(root)["duplicate"]
    assert found.level == "warning"
    assert found.paths == ("train/fox/copy.png", "train/fox/img0.png")


def test_a_copy_in_train_and_val_or_in_test_and_ood_is_a_warning(tree):
    root = tree({**GOOD, "val/fox": 1})
    shutil.copy(root / "train/fox/img0.png", root / "val/fox/copy.png")
    shutil.copy(root / "test/fox/img0.png", root / "ood/night/fox/copy.png")
    found = findings(root)["shared"]
    assert found.level == "warning"
    assert len(found.paths) == 4


def test_few_images_and_imbalance_are_warnings_from_the_stated_numbers_on(tree):
    fine = findings(tree({**GOOD, "train/owl": 32}, name="fine"))
    assert fine["few-images"].level == fine["unbalanced"].level == "pass"
    poor = findings(tree({**GOOD, "train/fox": 7, "train/owl": 29}, name="poor"))
    assert poor["few-images"].level == poor["unbalanced"].level == "warning"
    assert poor["few-images"].title == "1 of 2 classes has fewer than 8 training images"
    assert "fox (7)" in poor["few-images"].detail
    assert "owl has 29, fox has 7" in poor["unbalanced"].detail


def test_a_class_missing_in_a_domain_is_a_warning(tree):
    root = tree({**GOOD, "ood/grey/fox": 1})
    found = findings(root)["missing-class"]
    assert (found.level, found.title) == ("warning", "ood/grey lacks 1 of 2 classes")
    assert found.detail == "No images of: owl."


def test_no_ood_domain_is_a_warning(tree):
    assert findings(tree({"fox": 9, "owl": 9}))["no-ood"].level == "warning"


def test_tiny_images_are_a_warning(tree):
    root = tree(GOOD)
    Image.new("RGB", (31, 400)).save(root / "train/fox/tiny.png")
    found = findings(root)["size"]
    assert found.level == "warning"
    assert found.title == "All images are 31 × 400 pixels"
    assert found.paths == ("train/fox/tiny.png",)


def test_ignored_images_are_a_warning_and_other_files_are_not(tree):
    root = tree(GOOD)
    (root / "readme.md").touch()
    assert findings(root)["ignored"].level == "pass"
    shutil.copy(root / "test/fox/img0.png", root / "test/stray.png")
    found = findings(root)["ignored"]
    assert found.level == "warning"
    assert found.paths == ("readme.md", "test/stray.png")


def test_errors_come_first_and_the_report_is_json(tree):
    root = tree(GOOD)
    (root / "train/fox/img0.png").write_bytes(b"x")
    report = json.loads(json.dumps(check(open_dataset(root, decode=False)).to_json()))
    assert report["counts"]["error"] == 1
    assert report["findings"][0]["kind"] == "unreadable"
    assert report["findings"][0]["paths"] == ["train/fox/img0.png"]


def picture(seed, size=(64, 48)):
    """A picture with some content, different for every seed."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def pictures(root, folder, seeds, size=(64, 48)):
    for seed in seeds:
        path = root / folder / f"{folder.replace('/', '-')}{'abcdefghij'[seed % 10]}{seed}x.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(seed, size).save(path)


@pytest.fixture
def photos(tmp_path):
    """A data set of 28 different pictures."""
    root = tmp_path / "photos"
    for number, folder in enumerate(("train/fox", "train/owl")):
        pictures(root, folder, range(100 * number, 100 * number + 12))
    pictures(root, "test/fox", (300, 301))
    pictures(root, "test/owl", (400, 401))
    return root


def test_a_recompressed_copy_of_a_test_image_is_a_near_leak_that_the_training_side_mends(photos):
    assert findings(photos)["near-duplicate"].level == "pass", "the control: all differ"
    copy = photos / "train/fox/again.jpg"
    picture(300).save(copy, quality=85, subsampling=0)
    found = findings(photos)["near-leak"]
    assert found.level == "warning"
    assert found.exclude == ("train/fox/again.jpg",)
    assert set(found.groups[0]) == {"train/fox/again.jpg", "test/fox/test-foxa300x.png"}
    assert "0.996" in found.detail


def test_of_near_copies_in_one_domain_all_but_the_first_are_superfluous(photos):
    for number in (2, 3):
        picture(5).resize((40 * number, 30 * number)).save(photos / f"train/fox/z{number}.png")
    found = findings(photos)["near-duplicate"]
    assert len(found.groups) == 1
    assert found.exclude == ("train/fox/z2.png", "train/fox/z3.png")


def test_near_copies_in_two_classes_leave_the_choice_to_a_person(photos):
    picture(5).resize((40, 30)).save(photos / "train/owl/z.png")
    assert findings(photos)["near-duplicate"].exclude == ()


def test_a_leak_is_mended_on_the_training_side_and_training_waits_for_it(tree):
    root = tree(GOOD)
    refuse_leaks(open_dataset(root))
    shutil.copy(root / "test/fox/img0.png", root / "train/fox/copy.png")
    leak = findings(root)["leak"]
    assert leak.exclude == ("train/fox/copy.png",)
    dataset = open_dataset(root)
    with pytest.raises(UserError, match=r"1 image is in both training and test data .*allow leaks"):
        refuse_leaks(dataset)
    noted = refuse_leaks(dataset, allowed=True)
    assert "Leaks were allowed: 1 image" in noted[0]
    assert leaks_noted(["1 image is left out: a copy.", *noted]) == noted
    exclude(dataset, leak.exclude)
    assert refuse_leaks(open_dataset(root)) == ()
    assert "leak" not in findings(root)


@pytest.mark.parametrize("kind", ["size", "border", "source"])
def test_a_hint_that_tells_the_class_is_suspected_and_says_where(photos, kind):
    clean = findings(photos)
    assert clean["shortcut"].level == "pass", "the control: no hint in these"
    for path in sorted((photos / "train/owl").iterdir()):
        image = Image.open(path)
        if kind == "size":
            image = image.resize((96, 96))
        if kind == "border":
            image.paste((10, 200, 10), (0, 0, 64, 10))
            image.paste((10, 200, 10), (0, 38, 64, 48))
        image.save(path)
        if kind == "source":
            path.rename(path.with_name(f"zoo_{path.stem[-4:-1]}.png"))
    if kind == "source":
        for index, path in enumerate(sorted((photos / "train/fox").iterdir())):
            source = "forest" if index < 6 else "camera"
            path.rename(path.with_name(f"{source}_{index}.png"))
    found = findings(photos)[f"shortcut-{kind}"]
    assert found.level == "warning"
    assert "owl (12 of 12)" in found.detail
    assert "chance 50 %" in found.detail
    assert any("owl" in path for path in found.paths)


def test_files_named_after_their_class_are_no_shortcut(photos):
    for folder in ("fox", "owl"):
        for index, path in enumerate(sorted((photos / "train" / folder).iterdir())):
            path.rename(path.with_name(f"{folder}_{index}.png"))
    assert "shortcut-source" not in findings(photos)


RESTATED = {
    "a number of its class": ("{number:03}_{index:04}", None),
    "a WordNet id, two to a class": ("n0210340{number}{parity}_{index}", None),
    "a code": ("c{number}-{index}", None),
    "its class among other words": ("train_{folder}_{index}", None),
    "another word for each class": ("{other}_{index}", None),
    "other words, several to a class": ("{other}{parity}x_{index}", None),
    "a word that all share, or a number of its class": ("pic_{index}", "{number:03}_{index:04}"),
}


@pytest.mark.parametrize("pattern", RESTATED.values(), ids=RESTATED)
def test_a_name_that_says_the_class_again_is_no_shortcut(photos, pattern):
    rename(photos, pattern)
    found = findings(photos)
    assert "shortcut-source" not in found
    assert found["shortcut"].level == "pass"


SHOT = {
    "each class by a camera of its own": ("{camera}_{index:04}", None),
    "each class on a day of its own": ("2024-05-0{number}_{index:04}", None),
    "one place for one class, both for the other": ("{place}_{index}", None),
}


@pytest.mark.parametrize("pattern", SHOT.values(), ids=SHOT)
def test_a_camera_a_day_or_a_place_that_goes_with_the_class_is_a_shortcut(photos, pattern):
    rename(photos, pattern)
    assert findings(photos)["shortcut-source"].level == "warning"


def rename(root, pattern):
    """Name the training images again, every second one by the other pattern."""
    for number, folder in enumerate(("fox", "owl"), 1):
        for index, path in enumerate(sorted((root / "train" / folder).iterdir())):
            name = (pattern[index % 2] or pattern[0]).format(
                number=number,
                index=index,
                parity=index % 2,
                folder=folder,
                other=("canine", "raptor")[number - 1],
                camera=("IMG", "DSC")[number - 1],
                place="pond" if folder == "owl" or index == 0 else "wood",
            )
            path.rename(path.with_name(f"{name}.png"))


def test_what_is_left_out_by_hand_is_said_and_not_looked_at(tree):
    root = tree(GOOD)
    (root / "train/fox/img0.png").write_bytes(b"<html>")
    exclude(open_dataset(root, decode=False), ["train/fox/img0.png"])
    found = findings(root)
    assert found["unreadable"].level == "pass"
    assert found["excluded"].paths == ("train/fox/img0.png",)


def test_the_keys_of_a_finding_are_part_of_the_interface(tree):
    report = check(open_dataset(tree(GOOD))).to_json()
    keys = {"kind", "level", "title", "detail", "paths", "groups", "exclude", "names"}
    assert set(report) == {"counts", "findings"}
    assert all(set(finding) == keys for finding in report["findings"])
