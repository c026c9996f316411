"""Other folder structures than splits and classes are read correctly, or give a warning."""

import random

import pytest

from core.data.layout import Sidecars, read_layout
from core.errors import UserError


def read(*paths, settings="", tmp_path=None, least_classes=2):
    """The layout of the paths; `settings` is what `dataset.yaml` says."""
    if not settings:
        return read_layout(paths, "my set", least_classes)
    (tmp_path / "dataset.yaml").write_text(settings)
    sidecars = Sidecars(lambda path: tmp_path / path if path == "dataset.yaml" else None)
    return read_layout([*paths, "dataset.yaml"], "my set", least_classes, sidecars)


def places(layout):
    """Path to `domain:class`."""
    prefix = f"{layout.base}/" if layout.base else ""
    return {prefix + p.path: f"{p.domain}:{p.class_name}" for p in layout.placed}


def said(layout):
    return " ".join((*layout.report.understood, *layout.report.warnings))


def warned(layout):
    return " ".join(layout.report.warnings)


def tree(pattern, outer, inner, count=2):
    """Paths of images by `pattern` (`{o}/{i}`) for every pair of outer and inner names."""
    return [
        f"{pattern.format(o=o, i=i)}/{n}.jpg" for o in outer for i in inner for n in range(count)
    ]


def domains_of(layout):
    return {p.domain for p in layout.placed}


TOOLS = ["hammer", "saw", "drill"]
DOMAINS = {
    "PACS": (tree("{o}/{i}", ["art_painting", "cartoon", "photo", "sketch"], TOOLS), "photo"),
    "Office-Home": (
        tree("{o}/{i}", ["Art", "Clipart", "Product", "Real World"], TOOLS),
        "Real World",
    ),
    "Office-31": (
        tree("amazon/images/{i}", [""], TOOLS, 5)
        + tree("{o}/images/{i}", ["dslr", "webcam"], TOOLS),
        "amazon",
    ),
    "DomainNet": (tree("{o}/{i}", ["clipart", "infograph", "quickdraw", "real"], TOOLS), "real"),
    "in a root folder": (tree("set/{o}/{i}", ["Photo", "Sketch"], TOOLS), "Photo"),
    "splits inside": (
        tree("{o}/train/{i}", ["photo", "sketch"], TOOLS)
        + tree("{o}/test/{i}", ["photo", "sketch"], TOOLS),
        "photo",
    ),
    "splits in one of them": (
        tree("photo/train/{i}", [""], TOOLS)
        + tree("photo/test/{i}", [""], TOOLS)
        + tree("sketch/{i}", [""], TOOLS),
        "photo",
    ),
    "splits around": (
        tree("train/{o}/{i}", ["photo", "sketch"], TOOLS)
        + tree("test/{o}/{i}", ["photo", "sketch"], TOOLS),
        "photo",
    ),
    "classes spelled otherwise": (
        ["photo/red fox/1.jpg", "photo/owl/1.jpg", "toy/Red_Fox/1.jpg", "toy/OWL/1.jpg"],
        "photo",
    ),
    "no known word": (
        tree("aa/{i}", [""], TOOLS, 3) + tree("{o}/{i}", ["bb", "cc"], TOOLS),
        "aa",
    ),
}


@pytest.mark.parametrize("shape", DOMAINS)
def test_domains_are_no_classes(shape):
    paths, reference = DOMAINS[shape]
    layout = read(*paths)
    assert len(layout.classes) == (2 if "spelled" in shape else 3)
    assert len(layout.placed) == len(paths)
    assert f"'{reference}' is trained on" in said(layout)
    assert all(
        (p.role == "ood") == (f"{reference}/" not in f"{layout.base}/{p.path}")
        for p in layout.placed
    )


def test_splits_of_the_reference_stay_splits_and_those_of_others_are_one_domain():
    for shape in ("splits inside", "splits around"):
        assert domains_of(read(*DOMAINS[shape][0])) == {"train", "test", "ood/sketch"}


def test_what_was_read_as_domains_says_how_to_choose_another():
    layout = read(*DOMAINS["PACS"][0])
    assert (
        "Read as 4 domains over 3 classes: 'photo' is trained on, art_painting, cartoon, sketch "
        "are OOD. To choose another, write 'reference: art_painting' into dataset.yaml."
    ) in layout.report.understood
    assert layout.report.warnings == ()


def test_folders_that_may_be_classes_are_warned_about():
    assert "write 'folders: classes'" in warned(read(*DOMAINS["no known word"][0]))


def test_the_reference_is_chosen_in_dataset_yaml(tmp_path):
    layout = read(*DOMAINS["PACS"][0], settings="reference: Sketch", tmp_path=tmp_path)
    assert domains_of(layout) == {"train", "ood/art_painting", "ood/cartoon", "ood/photo"}
    assert all(p.path.startswith("sketch") for p in layout.placed if p.role == "train")


def test_a_reference_that_is_not_there_is_one_sentence_with_its_neighbour(tmp_path):
    with pytest.raises(UserError, match=r"reference: there is no 'skech'. Did you mean 'sketch'"):
        read(*DOMAINS["PACS"][0], settings="reference: skech", tmp_path=tmp_path)


def test_a_reference_without_domains_is_said(tmp_path):
    layout = read("fox/1.jpg", "owl/1.jpg", settings="reference: Photo", tmp_path=tmp_path)
    assert "asks for domains" in warned(layout)


def test_folders_are_classes_where_dataset_yaml_says_so(tmp_path):
    layout = read(*DOMAINS["PACS"][0], settings="folders: classes", tmp_path=tmp_path)
    assert layout.classes == ("art_painting", "cartoon", "photo", "sketch")


def test_classes_that_only_some_domains_have_follow_the_reference():
    layout = read(
        *tree("Photo/{i}", [""], ["fox", "owl", "elk"], 4),
        *tree("Sketch/{i}", [""], ["fox", "owl", "bear"]),
        *tree("Toy/{i}", [""], ["owl", "elk"]),
    )
    assert layout.classes == ("elk", "fox", "owl")
    assert "'bear' is not a class of the training data" in warned(layout)
    assert domains_of(layout) == {"train", "ood/Sketch", "ood/Toy"}


def test_a_folder_of_other_names_beside_domains_is_left_out_loudly():
    layout = read(*tree("{o}/{i}", ["photo", "toy"], TOOLS), "docs/shots/a/1.jpg", "x.jpg")
    assert len(layout.placed) == 12
    assert "'docs' is ignored" in warned(layout)
    assert "1 image outside of every folder left out" in warned(layout)


def test_ood_folders_beside_domains_stay():
    layout = read(*tree("{o}/{i}", ["photo", "toy"], TOOLS), *tree("ood/night/{i}", [""], TOOLS))
    assert domains_of(layout) == {"train", "ood/toy", "ood/night"}


CONDITIONS = {
    "views": tree("{o}/{i}", ["fox", "owl"], ["front", "side"]),
    "sessions": tree("{o}/{i}", ["fox", "owl"], ["session_1", "session_2"]),
    "numbers": tree("{o}/{i}", ["fox", "owl"], ["1", "2", "3"]),
    "dates": tree("{o}/{i}", ["fox", "owl"], ["2024-01-05", "2024-02-06"]),
    "what was done": tree("{o}/{i}", ["fox", "owl"], ["original", "augmented"]),
}


@pytest.mark.parametrize("shape", CONDITIONS)
def test_folders_inside_of_classes_are_no_classes_and_said(shape):
    layout = read(*CONDITIONS[shape])
    assert layout.classes == ("fox", "owl")
    assert "write 'folders: domains'" in warned(layout)


@pytest.mark.parametrize("wrapper", ["images", "img", "JPEGImages"])
def test_a_folder_that_only_wraps_the_images_of_a_class_is_nothing_to_speak_of(wrapper):
    layout = read(*tree(f"{{i}}/{wrapper}", [""], TOOLS))
    assert layout.classes == ("drill", "hammer", "saw")
    assert layout.report.warnings == ()
    assert len(layout.report.understood) == 2


def test_one_folder_of_another_name_in_each_class_is_no_class():
    layout = read("fox/a/1.jpg", "owl/b/1.jpg")
    assert layout.classes == ("fox", "owl")
    assert "'fox' holds a, as in 1 other folder" in said(layout)


def test_masks_beside_images_are_left_out():
    layout = read(*tree("{o}/{i}", TOOLS, ["images", "masks"]))
    assert layout.classes == ("drill", "hammer", "saw")
    assert len(layout.placed) == 6
    assert "'saw/masks' is ignored (2 images): it holds masks" in warned(layout)


def test_masks_beside_a_folder_of_all_images_are_left_out():
    layout = read(*tree("{o}/{i}", ["images", "masks"], TOOLS))
    assert layout.classes == ("drill", "hammer", "saw")
    assert layout.base == "images"


def test_domains_inside_of_classes_are_domains():
    layout = read(*tree("{o}/{i}", TOOLS, ["photo", "sketch", "clipart"]))
    assert layout.classes == ("drill", "hammer", "saw")
    assert domains_of(layout) == {"train", "ood/sketch", "ood/clipart"}
    assert all("/photo/" in p.path for p in layout.placed if p.role == "train")


@pytest.mark.parametrize("inner", [["day", "night"], ["indoor", "outdoor"]])
def test_folders_that_may_be_domains_inside_of_classes_are_said(inner):
    layout = read(*tree("{o}/{i}", TOOLS, inner))
    assert layout.classes == ("drill", "hammer", "saw")
    assert "read as classes, with all that is in the folders inside" in warned(layout)


def test_thumbnails_beside_images_are_no_domain():
    layout = read(*tree("{o}/{i}", ["images", "thumbnails"], TOOLS))
    assert layout.base == "images"
    assert "'thumbnails' is ignored (6 images)" in warned(layout)


GROUPS = {
    "groups": ["mammal/cat/1.jpg", "mammal/dog/1.jpg", "bird/owl/1.jpg", "bird/tit/1.jpg"],
    "in splits": [
        f"{split}/{path}/1.jpg"
        for split in ("train", "val")
        for path in ("mammal/cat", "mammal/dog", "bird/owl", "bird/tit")
    ],
    "one class in a group": ["mammal/cat/1.jpg", "mammal/dog/1.jpg", "bird/owl/1.jpg"],
}


@pytest.mark.parametrize("shape", GROUPS)
def test_classes_in_groups_are_the_classes_and_the_other_reading_is_told(shape):
    layout = read(*GROUPS[shape])
    assert {"cat", "dog", "owl"} <= set(layout.classes)
    assert "mammal" not in layout.classes
    assert len(layout.placed) == len(GROUPS[shape])
    assert "write 'folders: classes'" in warned(layout)


def test_groups_are_classes_where_dataset_yaml_says_so(tmp_path):
    layout = read(*GROUPS["groups"], settings="folders: classes", tmp_path=tmp_path)
    assert layout.classes == ("bird", "mammal")
    sure = read(*GROUPS["groups"], settings="folders: groups", tmp_path=tmp_path)
    assert sure.classes == ("cat", "dog", "owl", "tit")
    assert sure.report.warnings == ()


def test_a_class_that_two_groups_have_is_two_classes():
    layout = read(
        "mammal/cat/1.jpg",
        "mammal/other/1.jpg",
        "mammal/elk/1.jpg",
        "bird/owl/1.jpg",
        "bird/other/1.jpg",
        "bird/tit/1.jpg",
    )
    assert {"mammal_other", "bird_other"} <= set(layout.classes)


def test_dates_inside_of_classes_are_no_groups():
    layout = read("fox/2024-01-02/1.jpg", "fox/2024-01-03/1.jpg", "owl/2024-05-05/1.jpg")
    assert layout.classes == ("fox", "owl")


def test_folds_of_classes_measure_on_the_last():
    layout = read(*tree("{o}/{i}", ["fold1", "fold2", "fold10"], TOOLS))
    assert layout.classes == ("drill", "hammer", "saw")
    assert {p.path.split("/")[0] for p in layout.placed if p.role == "test"} == {"fold10"}
    assert "Read as 3 folds: the last, 'fold10', is the test" in said(layout)


@pytest.mark.parametrize("name", ["fold_{}", "Fold-{}", "split{}", "cv {}", "kfold{}"])
def test_folds_that_are_whole_data_sets_are_read_one_at_a_time(name):
    folds = [name.format(n) for n in range(3)]
    layout = read(*tree("{o}/train/{i}", folds, TOOLS), *tree("{o}/test/{i}", folds, TOOLS))
    assert {p.path.split("/")[0] for p in layout.placed} == {folds[0]}
    assert domains_of(layout) == {"train", "test"}
    assert f"'{folds[0]}' is read" in warned(layout)
    assert {path for path, _ in layout.report.ignored} == {f"{folds[1]}/", f"{folds[2]}/"}


def test_parts_of_one_data_set_are_one():
    layout = read(*tree("{o}/{i}", ["part1", "part2"], TOOLS))
    assert layout.classes == ("drill", "hammer", "saw")
    assert {p.domain for p in layout.placed} == {"train"}
    assert "read as parts of one data set" in said(layout)


def test_flat_parts_are_warned_about():
    assert "do not look like names of classes" in warned(read("part1/1.jpg", "part2/1.jpg"))


SPLITS = {
    "imagenet100": (
        [f"train.X{n}/n0{n}{c}/1.jpg" for n in (1, 2, 3, 4) for c in "ab"] + ["val.X/n01a/2.jpg"],
        {"train", "val"},
    ),
    "year": (["train2017/fox/1.jpg", "train2017/owl/1.jpg", "val2017/fox/1.jpg"], {"train", "val"}),
    "set": (
        ["training_set/fox/1.jpg", "training_set/owl/1.jpg", "test_set/fox/1.jpg"],
        {"train", "test"},
    ),
    "prefix": (
        [
            "seg_train/seg_train/sea/1.jpg",
            "seg_train/seg_train/ice/1.jpg",
            "seg_test/seg_test/sea/1.jpg",
        ],
        {"train", "test"},
    ),
    "images inside": (
        ["train/images/fox/1.jpg", "train/images/owl/1.jpg", "test/images/fox/1.jpg"],
        {"train", "test"},
    ),
}


@pytest.mark.parametrize("shape", SPLITS)
def test_splits_with_more_in_their_names_are_splits(shape):
    paths, domains = SPLITS[shape]
    layout = read(*paths)
    assert domains_of(layout) == domains
    assert len(layout.placed) == len(paths)


GONE = {
    "Class 'rat' has no image: '{}rat' is empty.": ["rat/"],
    "Class 'rat' has no image that can be read: '{}rat' holds 2 files (HEIC) such as": [
        "rat/1.HEIC",
        "rat/2.HEIC",
    ],
    "(MP4) such as '{}rat/1.mp4', not an image (.mp4).": ["rat/1.mp4"],
    "Class 'rat' has no image that can be read: '{}rat' holds 1 file (AVIF)": ["rat/far/1.avif"],
}


@pytest.mark.parametrize("sentence", GONE)
@pytest.mark.parametrize("prefix", ["", "set/"])
def test_a_class_without_images_is_named(sentence, prefix):
    layout = read(*(prefix + path for path in ("fox/1.jpg", "owl/1.jpg", *GONE[sentence])))
    assert sentence.format(prefix) in warned(layout)
    assert layout.classes == ("fox", "owl")


def test_a_class_without_images_in_one_split_is_named():
    layout = read(
        "train/fox/1.jpg",
        "train/owl/1.jpg",
        "train/rat/",
        "test/rat/1.jpg",
        "val/fox/1.heic",
        "val/owl/1.jpg",
    )
    assert "Class 'rat' has no image: 'train/rat' is empty." in layout.report.warnings
    assert "'rat' is not a class of the training data" in warned(layout)
    assert "'val/fox' holds 1 file (HEIC)" in warned(layout)


def test_a_class_without_images_in_a_domain_is_named():
    layout = read("fox/1.jpg", "owl/1.jpg", "ood/night/fox/1.jpg", "ood/night/owl/")
    assert "Class 'owl' has no image: 'ood/night/owl' is empty." in layout.report.warnings


@pytest.mark.parametrize("path", ["docs/readme.txt", "labels/1.txt", ".git/x", "__MACOSX/a/._1"])
def test_a_folder_of_papers_is_no_class_that_is_gone(path):
    assert read("fox/1.jpg", "owl/1.jpg", path).report.warnings == ()


def test_one_class_left_is_an_error_that_names_those_that_are_gone():
    with pytest.raises(UserError, match=r"got 1 \('fox'\). Class 'rat' has no image that can be"):
        read("fox/1.jpg", "rat/1.heic")


WORDS = ["train", "val", "test", "ood", "fox", "owl", "photo", "sketch", "images", "masks", "fold1"]
WORDS += ["fold2", "part1", "part2", "front", "day", "a b", "mammal", "seg_train", "seg_test", "1"]


@pytest.mark.parametrize("block", range(4))
def test_any_tree_is_read_without_a_loss_or_is_an_error(block):
    """Random trees of names that have a meaning: every image has one place or one reason."""
    for seed in range(block * 500, block * 500 + 500):
        draw = random.Random(seed)
        names = draw.sample(WORDS, draw.randint(2, 8))
        depth = draw.randint(1, 4)
        paths = {
            "/".join([*draw.choices(names, k=draw.randint(depth - 1, depth)), f"{n % 4}.jpg"])
            for n in range(draw.randint(1, 25))
        }
        try:
            layout = read(*paths)
        except UserError:
            continue
        placed = list(places(layout))
        ignored = [path for path, _ in layout.report.ignored]
        assert len(placed) == len(set(placed))
        for path in paths:
            out = any(path == i or (i.endswith("/") and path.startswith(i)) for i in ignored)
            assert out != (path in placed), (seed, path)
        assert {p.class_name for p in layout.placed} <= set(layout.classes)
