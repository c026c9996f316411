"""Uploads: good images get to their places under any name; bad ones are named."""

import errno
import itertools
import shutil

import pytest
from PIL import Image

from core.data.assemble import UploadHandling, place_files, place_zip
from core.data.ingest import open_dataset
from core.data.names import safe_name
from core.data.settings import DatasetSettings
from core.errors import UserError


@pytest.fixture
def upload(tmp_path):
    """Files as a browser sends them: `upload(path, (path, bytes))`; a path alone is a new image."""
    folder, numbers = tmp_path / "temporary", itertools.count(1)
    folder.mkdir()

    def write(*files):
        written = []
        for file in files:
            rel, data = file if isinstance(file, tuple) else (file, None)
            number = next(numbers)
            source = folder / f"upload{number}"
            if data is None:
                kind = "PNG" if rel.lower().endswith("png") else "JPEG"
                Image.new("RGB", (40, 40), (9 * number % 256, number, 0)).save(source, format=kind)
            else:
                source.write_bytes(data)
            written.append((rel, source))
        return written

    return write


@pytest.fixture
def root(tmp_path):
    return tmp_path / "home" / "data1"


def files_in(root):
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def images_in(root):
    return [path for path in files_in(root) if path != "dataset.yaml"]


def test_class_folders_arrive_as_train(upload, root):
    drop = upload("my_set/red fox é/img1.jpg", "my_set/red fox é/img2.jpg", "my_set/owl/img1.jpg")
    report = place_files(drop, root)
    assert images_in(root) == [
        "train/owl/img1.jpg",
        "train/red fox é/img1.jpg",
        "train/red fox é/img2.jpg",
    ]
    assert "2 classes (owl, red fox é): 3 train images." in report.understood
    assert report.ignored == ()
    dataset = open_dataset(root)
    assert dataset.title == "my set"
    assert dataset.names == ("owl", "red fox é")


def test_a_jpeg_without_metadata_keeps_its_bytes(upload, root):
    drop = upload("set/fox/1.jpg", "set/owl/1.jpg")
    place_files(drop, root)
    assert (root / "train/fox/1.jpg").read_bytes() == drop[0][1].read_bytes()


def test_split_and_ood_folders_of_the_drop_are_honoured(upload, root):
    drop = upload("s/training/fox/1.jpg", "s/training/owl/1.jpg", "s/Valid/fox/2.jpg")
    drop += upload("s/test/Fox/3.jpg", "s/ood/night/fox/4.jpg")
    place_files(drop, root)
    assert images_in(root) == [
        "ood/night/fox/4.jpg",
        "test/fox/3.jpg",
        "train/fox/1.jpg",
        "train/owl/1.jpg",
        "val/fox/2.jpg",
    ]


def test_classes_may_come_one_by_one(upload, root):
    place_files(upload("fox/1.jpg"), root)
    place_files(upload("owl/1.jpg"), root)
    place_files(upload("Fox/2.jpg"), root)
    assert images_in(root) == ["train/fox/1.jpg", "train/fox/2.jpg", "train/owl/1.jpg"]


def test_the_dropped_folder_names_the_ood_domain(upload, root):
    place_files(upload("s/fox/1.jpg", "s/owl/1.jpg"), root)
    drop = upload("Night shots/Fox/1.jpg", "Night shots/owl/1.jpg", "Night shots/bear/1.jpg")
    report = place_files(drop, root, "ood")
    assert images_in(root)[:2] == ["ood/Night shots/fox/1.jpg", "ood/Night shots/owl/1.jpg"]
    assert [path for path, _ in report.ignored] == ["Night shots/bear/"]
    assert "OOD domains: Night shots (2)." in report.understood


def test_a_domain_may_be_named_and_the_name_is_made_safe(upload, root):
    place_files(upload("s/fox/1.jpg", "s/owl/1.jpg"), root)
    place_files(upload("x/fox/1.jpg"), root, "ood", domain="../../ni:ght")
    assert [path for path in images_in(root) if path.startswith("ood/")] == [
        "ood/.._.._ni_ght/fox/1.jpg"
    ]


def test_ood_before_train_is_one_sentence(upload, root):
    with pytest.raises(UserError, match="add the training images first"):
        place_files(upload("night/fox/1.jpg"), root, "ood")


def test_test_images_may_come_later(upload, root):
    place_files(upload("s/fox/1.jpg", "s/owl/1.jpg"), root)
    place_files(upload("more/fox/9.jpg"), root, "test")
    assert "test/fox/9.jpg" in images_in(root)


def test_equal_names_survive_across_classes_and_inside_them(upload, root):
    drop = upload("s/fox/1.jpg", "s/owl/1.jpg", "s/fox/day/1.jpg", "s/fox/night/1.jpg")
    place_files(drop, root)
    assert images_in(root) == [
        "train/fox/1.jpg",
        "train/fox/day-1.jpg",
        "train/fox/night-1.jpg",
        "train/owl/1.jpg",
    ]


def test_a_taken_name_gets_a_number(upload, root):
    place_files(upload("s/fox/1.jpg", "s/owl/1.jpg"), root)
    place_files(upload("s/fox/1.jpg", "s/fox/1.JPG", "s/owl/2.jpg"), root)
    assert images_in(root) == [
        "train/fox/1-2.JPG",
        "train/fox/1-3.jpg",
        "train/fox/1.jpg",
        "train/owl/1.jpg",
        "train/owl/2.jpg",
    ]


def test_a_drop_that_comes_again_doubles_nothing(upload, root):
    drop = upload("s/fox/1.jpg", "s/owl/1.jpg")
    place_files(drop, root)
    report = place_files(drop, root)
    assert report.ignored == (
        ("s/fox/1.jpg", "it is there already"),
        ("s/owl/1.jpg", "it is there already"),
    )
    assert len(images_in(root)) == 2


def test_bad_files_are_named_once_and_good_ones_stay(upload, root):
    drop = upload("s/fox/1.jpg", "s/owl/1.jpg")
    drop += upload(("s/fox/empty.jpg", b""), ("s/owl/page.jpg", b"<html>"), ("s/a.txt", b"a"))
    report = place_files(drop, root)
    assert images_in(root) == ["train/fox/1.jpg", "train/owl/1.jpg"]
    assert dict(report.ignored)["s/fox/empty.jpg"] == "the file is empty"
    assert dict(report.ignored)["s/a.txt"] == "not an image (.txt)"
    assert "it is not a JPEG" in dict(report.ignored)["s/owl/page.jpg"]
    assert len(report.warnings) == 1
    assert "2 files were left out, such as 's/fox/empty.jpg'" in report.warnings[0]


def test_nothing_readable_is_one_sentence(upload, root):
    drop = upload(("s/fox/1.jpg", b""))
    with pytest.raises(UserError) as caught:
        place_files(drop, root)
    assert str(caught.value) == (
        "No image of the upload can be read: 's/fox/1.jpg': the file is empty."
    )


HOSTILE = [
    "../../evil.jpg",
    "s/../../../evil.jpg",
    "s/fox/../../evil.jpg",
    "..\\..\\evil.jpg",
    "s/..",
]


@pytest.mark.parametrize("rel", HOSTILE)
def test_a_path_that_climbs_is_refused(upload, root, tmp_path, rel):
    drop = upload("s/fox/1.jpg", "s/owl/1.jpg", rel)
    report = place_files(drop, root)
    assert report.ignored[0][1] == "its path leaves the folder"
    assert images_in(root) == ["train/fox/1.jpg", "train/owl/1.jpg"]
    assert not list(tmp_path.rglob("*evil*"))


ODD = {
    "/s/fox/1.jpg": "train/fox/1.jpg",
    "C:\\s\\fox\\1.jpg": "train/fox/1.jpg",
    "s/./fox//1.jpg": "train/fox/1.jpg",
    "s/fox /1.jpg": "train/fox/1.jpg",
    "s/CON/1.jpg": "train/_CON/1.jpg",
    "s/fo\u202ex\x00\n/1\x1b.jpg": "train/fox/1.jpg",
    's/a<b>:"|?*/1.jpg': "train/a_b______/1.jpg",
    "s/fox/" + "n" * 300 + ".jpg": f"train/fox/{'n' * 150}.jpg",
    "s/cre\u0300me/1.jpg": "train/crème/1.jpg",
    "s/🦊/👩\u200d🚀.jpg": "train/🦊/👩\u200d🚀.jpg",
    "s/=cmd()/-rf.jpg": "train/=cmd()/-rf.jpg",
}


@pytest.mark.parametrize("rel", ODD)
def test_an_odd_name_becomes_one_that_every_disk_takes(upload, root, rel):
    place_files(upload(rel), root)
    assert images_in(root) == [ODD[rel]]


def test_names_that_differ_in_the_encoding_of_accents_are_one_class(upload, root):
    """macOS sends decomposed accents; two classes of one name would be drawn apart."""
    place_files(upload("s/cre\u0300me/1.jpg", "s/cr\u00e8me/1.jpg", "s/owl/1.jpg"), root)
    assert images_in(root) == ["train/crème/1-2.jpg", "train/crème/1.jpg", "train/owl/1.jpg"]


def test_classes_that_only_differ_in_forbidden_characters_stay_two(upload, root):
    place_files(upload("s/fo?x/1.jpg", "s/fo*x/1.jpg"), root)
    assert images_in(root) == ["train/fo_x-2/1.jpg", "train/fo_x/1.jpg"]


@pytest.mark.parametrize("name", ["", ".", "..", "...", "\0", "\u202e", "   ", "a" * 999, "con.x"])
def test_a_safe_name_is_never_empty_or_special(name):
    safe = safe_name(name)
    assert safe
    assert safe not in (".", "..")
    assert len(safe.encode()) <= 160
    assert safe_name(safe) == safe


def test_the_drops_own_settings_are_taken_over_and_later_drops_add_to_them(upload, root):
    drop = upload("s/fox/1.jpg", "s/owl/1.jpg")
    text = b"title: Beasts\nclasses: {fox: red fox}\ntemplates: ['an icon of a {}.']\n"
    drop += upload(("s/dataset.yaml", text))
    place_files(drop, root)
    place_files(upload("t/brown_bear/1.jpg"), root)
    assert DatasetSettings.read(root / "dataset.yaml") == DatasetSettings(
        title="Beasts",
        classes={"fox": "red fox"},
        templates=("an icon of a {}.",),
    )


def test_wrong_settings_in_a_drop_are_said_and_the_images_stay(upload, root):
    drop = upload("s/fox/1.jpg", "s/owl/1.jpg", ("s/dataset.yaml", b"titel: x"))
    (warning,) = place_files(drop, root).warnings
    assert "was not used" in warning
    assert "Did you mean 'title'" in warning
    assert open_dataset(root).classes == ("fox", "owl")


def test_a_zip_is_placed_like_the_folder_it_holds(tree, root, tmp_path):
    source = tree({"fox": 2, "owl": 1}, name="beasts")
    for base, inner in ((source.parent, "beasts"), (source, ".")):
        archive = shutil.make_archive(str(tmp_path / "beasts"), "zip", base, inner)
        target = root / base.name
        place_zip(tmp_path / archive, target)
        assert len(images_in(target)) == 3
        assert "train/fox/img1.png" in images_in(target)
        assert open_dataset(target).title == "beasts"
    assert not list(root.rglob(".*"))


def test_an_ood_zip_of_bare_class_folders_is_named_after_itself(tree, upload, root, tmp_path):
    place_files(upload("s/fox/1.jpg", "s/owl/1.jpg"), root)
    source = tree({"fox": 1}, name="inner", start=900)
    archive = shutil.make_archive(str(tmp_path / "night"), "zip", source, ".")
    place_zip(tmp_path / archive, root, "ood")
    assert "ood/night/fox/img0.png" in images_in(root)


def test_a_hostile_zip_leaves_nothing_behind(root, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x05\x06" + b"\xff" * 18)
    with pytest.raises(UserError, match=r"'a.zip' was not unpacked"):
        place_zip(tmp_path / "a.zip", root)
    assert list(root.parent.iterdir()) == []


def test_a_full_disk_leaves_no_half_of_an_image(upload, root):
    place_files(upload("s/fox/1.jpg", "s/owl/1.jpg"), root)
    before = files_in(root)

    def write_half(source, target, name):
        target.write_bytes(source.read_bytes()[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        place_files(
            upload("s/fox/2.jpg", "s/owl/2.jpg"), root, handling=UploadHandling(bring=write_half)
        )
    assert files_in(root) == before
    assert list(root.parent.iterdir()) == [root]
