"""Health: each thing that spoils a result is found, at the level it deserves."""

import json
import shutil

import pytest
from PIL import Image

from core.data.health import check
from core.data.ingest import open_dataset

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
        "few-images",
        "unbalanced",
    }
    assert report.errors == ()


def test_files_that_do_not_decode_are_an_error_with_their_reasons(tree):
    root = tree(GOOD)
    (root / "train/fox/img0.png").write_bytes(b"<html>")
    found = findings(root)["unreadable"]
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
    report = json.loads(json.dumps(check(open_dataset(root)).to_json()))
    assert report["counts"]["error"] == 1
    assert report["findings"][0]["kind"] == "unreadable"
    assert report["findings"][0]["paths"] == ["train/fox/img0.png"]
