"""A folder and a zip give the same `Dataset`: the same items in the same order."""

import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest

from core.data.ingest import open_dataset
from core.data.listing import list_files
from core.errors import UserError

COUNTS = {"train/red_fox": 11, "train/owl": 3, "val/owl": 2, "ood/b/owl": 2, "ood/a/red_fox": 2}


def zipped(root, tmp_path, base=True):
    parent, inner = (root.parent, root.name) if base else (root, ".")
    return shutil.make_archive(str(tmp_path / "data"), "zip", parent, inner)


def test_a_folder_becomes_domains_of_hashed_items(tree):
    root = tree(COUNTS)
    dataset = open_dataset(root)
    assert dataset.classes == ("owl", "red_fox")
    assert dataset.names == ("owl", "red fox")
    assert [domain.name for domain in dataset.domains] == ["train", "val", "ood/a", "ood/b"]
    assert [domain.role for domain in dataset.domains] == ["train", "val", "ood", "ood"]
    assert dataset.counts()["train"] == {"owl": 3, "red_fox": 11}
    assert dataset.counts()["ood/a"] == {"owl": 0, "red_fox": 2}
    for domain in dataset.domains:
        for item in domain.items:
            data = (root / item.path).read_bytes()
            assert item.sha256 == hashlib.sha256(data).hexdigest()
            assert dataset.classes[item.label] == item.path.split("/")[-2]


def test_items_come_in_the_order_a_person_counts(tree):
    items = open_dataset(tree(COUNTS)).items("train")
    names = [item.path for item in items if item.label == 1]
    assert names == [f"train/red_fox/img{n}.png" for n in range(11)]


@pytest.mark.parametrize("base", [True, False])
def test_a_zip_is_the_folder_it_was_made_from(tree, tmp_path, base):
    root = tree(COUNTS)
    folder = open_dataset(root)
    archive = open_dataset(zipped(root, tmp_path, base), tmp_path / "work")
    assert archive.domains == folder.domains
    assert archive.classes == folder.classes
    for item in archive.items("train"):
        assert (archive.root / item.path).is_file()


def test_settings_are_found_where_the_data_set_lies(tree, tmp_path):
    root = tree({"inner/train/fox": 1, "inner/train/owl": 1})
    (root / "inner/dataset.yaml").write_text(
        "title: Birds and beasts\nclasses: {fox: red fox}\n"
        "templates: ['a drawing of a {}.']\nallow_fewer: true\n"
    )
    for path in (root, zipped(root, tmp_path)):
        dataset = open_dataset(path, tmp_path / "work")
        assert dataset.title == "Birds and beasts"
        assert dataset.names == ("red fox", "owl")
        assert dataset.templates == ("a drawing of a {}.",)
        assert dataset.allow_fewer


def test_without_settings_the_folder_names_the_data_set(tree, tmp_path):
    root = tree({"fox": 1, "owl": 1}, name="my_animals")
    assert open_dataset(root).title == "my animals"
    assert open_dataset(zipped(root, tmp_path), tmp_path / "work").title == "my animals"
    assert open_dataset(zipped(root, tmp_path, base=False), tmp_path / "work").title == "data"


def test_files_without_bytes_are_left_out(tree):
    root = tree({"fox": 2, "owl": 1})
    (root / "fox/img0.png").write_bytes(b"")
    (root / "fox/img9.png").symlink_to(root / "nowhere.png")
    dataset = open_dataset(root)
    assert dataset.counts() == {"train": {"fox": 1, "owl": 1}}
    assert dataset.report.ignored == (
        ("fox/img0.png", "the file is empty"),
        ("fox/img9.png", "a link to nothing"),
    )


def test_classes_that_share_a_name_are_warned_about(tree):
    dataset = open_dataset(tree({"red_fox": 1, "red  fox": 1}))
    assert any("both called 'red fox'" in warning for warning in dataset.report.warnings)


def test_links_are_followed_but_not_in_circles(tree, tmp_path):
    root = tree({"store/x": 2}, name="elsewhere")
    data = tree({"fox": 1}, start=50)
    (data / "owl").symlink_to(root / "store/x")
    (data / "fox/up").symlink_to(data)
    (data / "fox/linked.png").symlink_to(root / "store/x/img0.png")
    assert sorted(list_files(data)) == [
        "fox/img0.png",
        "fox/linked.png",
        "owl/img0.png",
        "owl/img1.png",
    ]


def test_a_domain_that_is_not_there_is_an_error_with_those_that_are(tree):
    dataset = open_dataset(tree(COUNTS))
    assert dataset.domain("val").role == "val"
    assert dataset.items("test") == ()
    with pytest.raises(UserError, match="ood/a"):
        dataset.domain("ood/c")


def test_the_report_is_json(tree):
    root = tree({"fox": 1, "owl": 1})
    (root / "a.txt").touch()
    report = open_dataset(root).report.to_json()
    assert report["ignored"] == [{"path": "a.txt", "reason": "not an image (.txt)"}]
    assert report["understood"][0] == "2 classes (fox, owl): 2 train images."


def test_a_missing_path_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"There is no folder or zip at '.*nowhere'"):
        open_dataset(tmp_path / "nowhere")


def test_the_folder_one_is_in_has_a_name(tree, monkeypatch):
    monkeypatch.chdir(tree({"fox": 1, "owl": 1}, name="my_animals"))
    assert open_dataset(".").title == "my animals"


def test_pipes_are_not_waited_for(tree):
    root = tree({"fox": 1, "owl": 1})
    os.mkfifo(root / "fox/pipe.png")
    assert open_dataset(root).counts() == {"train": {"fox": 1, "owl": 1}}


def test_a_cut_zip_is_called_so(tree, tmp_path):
    archive = Path(zipped(tree({"fox": 1, "owl": 1}), tmp_path))
    archive.write_bytes(archive.read_bytes()[:-50])
    with pytest.raises(UserError, match="not a whole zip file"):
        open_dataset(archive, tmp_path / "work")


def test_a_file_that_is_no_zip_is_one_sentence(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(UserError, match=r"'a.rar' must be a folder of images or a zip of one"):
        open_dataset(tmp_path / "a.rar")


def test_an_empty_folder_and_an_empty_zip_are_one_sentence(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    (tmp_path / "empty").mkdir()
    for name in ("a.zip", "empty"):
        with pytest.raises(UserError, match=f"'{name}' is empty"):
            open_dataset(tmp_path / name, tmp_path / "work")


def test_one_class_is_too_few(tree):
    with pytest.raises(UserError, match=r"at least 2 classes are needed, got 1 \('fox'\)"):
        open_dataset(tree({"train/fox": 3}))
