"""Decisions of a person are stored in dataset.yaml, can be undone, and change no image."""

import pytest

from core.data import curation
from core.data.ingest import open_dataset
from core.data.listing import list_files
from core.errors import UserError


@pytest.fixture
def root(tree):
    return tree({"train/fox": 3, "train/red_owl": 3, "test/fox": 1, "test/red_owl": 1})


def paths(root, domain="train"):
    return [item.path for item in open_dataset(root).items(domain)]


def test_an_excluded_image_is_in_no_domain_until_it_is_included_again(root):
    before, files = paths(root), set(list_files(root))
    curation.exclude(open_dataset(root), ["train/fox/img1.png", "test/fox/img0.png"])
    dataset = open_dataset(root)
    assert "train/fox/img1.png" not in paths(root)
    assert paths(root, "test") == ["test/red_owl/img0.png"]
    assert len(dataset.excluded) == 2
    curation.include(dataset, ["train/fox/img1.png"])
    assert paths(root) == before
    curation.include(open_dataset(root))
    assert open_dataset(root).excluded == ()
    assert set(list_files(root)) == {*files, "dataset.yaml"}


def test_a_moved_image_counts_to_its_new_class_and_stays_where_it_is(root):
    curation.move(open_dataset(root), ["train/fox/img0.png"], "red_owl")
    assert open_dataset(root).counts()["train"] == {"fox": 2, "red_owl": 4}
    assert (root / "train/fox/img0.png").is_file()
    curation.move(open_dataset(root), ["train/fox/img0.png"], "fox")
    assert open_dataset(root).counts()["train"] == {"fox": 3, "red_owl": 3}


def test_a_class_is_renamed_and_the_prompts_are_its_own(root):
    curation.rename(open_dataset(root), {"red_owl": "  tawny   owl "})
    curation.use_templates(open_dataset(root), ["a drawing of a {}.", "", " "])
    dataset = open_dataset(root)
    assert (dataset.classes, dataset.names) == (("fox", "red_owl"), ("fox", "tawny owl"))
    assert dataset.templates == ("a drawing of a {}.",)
    curation.use_templates(dataset, [""])
    assert open_dataset(root).templates == ()


def test_a_name_that_nobody_gave_is_still_read_from_its_folder(root):
    curation.rename(open_dataset(root), {"fox": "red fox"})
    assert open_dataset(root).named_by_hand == {"fox"}
    assert "red_owl" not in (root / "dataset.yaml").read_text("utf-8")


def test_of_several_names_none_is_written_where_one_is_wrong(root):
    with pytest.raises(UserError, match="must not be empty"):
        curation.rename(open_dataset(root), {"fox": "red fox", "red_owl": ""})
    assert open_dataset(root).names == ("fox", "red owl")


def test_all_images_of_a_class_can_be_left_out_and_the_data_set_still_opens(root):
    curation.exclude(open_dataset(root), paths(root))
    assert open_dataset(root).counts()["train"] == {"fox": 0, "red_owl": 0}


WRONG = {
    "no image": lambda d: curation.exclude(d, ["../../etc/passwd"]),
    "class: there is no 'cat'": lambda d: curation.move(d, ["train/fox/img0.png"], "cat"),
    "class: there is no 'dog'": lambda d: curation.rename(d, {"dog": "x"}),
    "must not be empty": lambda d: curation.rename(d, {"fox": "  "}),
    "exactly once": lambda d: curation.use_templates(d, ["a fox"]),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_mistake_is_one_sentence_and_changes_nothing(root, sentence):
    with pytest.raises(UserError, match=sentence):
        WRONG[sentence](open_dataset(root))
    assert not (root / "dataset.yaml").exists()


def test_images_that_are_gone_are_said(root):
    curation.exclude(open_dataset(root), ["train/fox/img0.png"])
    (root / "train/fox/img0.png").unlink()
    assert "'train/fox/img0.png'" in open_dataset(root).report.warnings[-1]
