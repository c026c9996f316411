"""Every sensible folder structure is read, and the report says how."""

import random
import unicodedata

import pytest

from core.data.layout import read_layout, read_ood_layout
from core.data.names import natural_key
from core.errors import UserError


def read(*paths, least_classes=2):
    return read_layout(paths, "my.zip", least_classes)


def places(layout):
    """Path to `domain:class` of all images."""
    prefix = f"{layout.base}/" if layout.base else ""
    return {prefix + p.path: f"{p.domain}:{p.class_name}" for p in layout.placed}


def words(layout):
    return " ".join((*layout.report.understood, *layout.report.warnings))


FOX_OWL = {"fox/1.jpg": "train:fox", "owl/1.jpg": "train:owl"}
SHAPES = {
    "plain": FOX_OWL,
    "split": {
        "train/fox/1.jpg": "train:fox",
        "train/owl/1.jpg": "train:owl",
        "val/fox/1.jpg": "val:fox",
        "test/owl/1.jpg": "test:owl",
    },
    "split, spelled otherwise": {
        "Training/fox/1.jpg": "train:fox",
        "Training/owl/1.jpg": "train:owl",
        "VALIDATION/fox/1.jpg": "val:fox",
        "Eval/owl/1.jpg": "test:owl",
    },
    "valid and testing": {
        "train/fox/1.jpg": "train:fox",
        "train/owl/1.jpg": "train:owl",
        "valid/fox/1.jpg": "val:fox",
        "testing/owl/1.jpg": "test:owl",
    },
    "dev is val": {**{f"train/{p}": d for p, d in FOX_OWL.items()}, "dev/fox/1.jpg": "val:fox"},
    "with ood": {
        "train/fox/1.jpg": "train:fox",
        "train/owl/1.jpg": "train:owl",
        "ood/sketch/fox/1.jpg": "ood/sketch:fox",
        "ood/night photos/owl/1.jpg": "ood/night photos:owl",
    },
    "plain with ood": {**FOX_OWL, "OOD/sketch/fox/1.jpg": "ood/sketch:fox"},
    "out-of-distribution": {**FOX_OWL, "out_of_distribution/s/fox/1.jpg": "ood/s:fox"},
    "plain with test": {**FOX_OWL, "test/fox/2.jpg": "test:fox"},
    "ood without a domain level": {**FOX_OWL, "ood/fox/2.jpg": "ood/unnamed:fox"},
    "ood with splits inside": {**FOX_OWL, "ood/sketch/test/fox/2.jpg": "ood/sketch:fox"},
    "a domain called like a class": {**FOX_OWL, "ood/owl/fox/2.jpg": "ood/owl:fox"},
    "root folder": {f"my set/{path}": place for path, place in FOX_OWL.items()},
    "root folder with splits": {f"set/train/{p}": d for p, d in FOX_OWL.items()},
    "two root folders": {f"a/b/train/{p}": d for p, d in FOX_OWL.items()},
    "nested inside a class": {**FOX_OWL, "fox/close up/day/2.jpg": "train:fox"},
    "split inside the class": {
        "fox/train/1.jpg": "train:fox",
        "fox/test/2.jpg": "test:fox",
        "owl/train/1.jpg": "train:owl",
    },
    "class variants": {
        "train/red_fox/1.jpg": "train:red_fox",
        "train/owl/1.jpg": "train:owl",
        "test/Red Fox/1.jpg": "test:red_fox",
        "ood/s/RED-FOX/1.jpg": "ood/s:red_fox",
    },
    "a class of trains": {"train/1.jpg": "train:train", "bus/1.jpg": "train:bus"},
    "a class of nested trains": {
        "train/steam/1.jpg": "train:train",
        "bus/1.jpg": "train:bus",
        "car/1.jpg": "train:car",
    },
    "a class called test, with folders": {
        "test/blood/1.jpg": "train:test",
        "scan/1.jpg": "train:scan",
        "form/1.jpg": "train:form",
    },
    "numbers": {"train/0/1.jpg": "train:0", "train/10/1.jpg": "train:10"},
    "unicode": {"crème/1.jpg": "train:crème", "狐/1.jpg": "train:狐"},
    "upper-case extensions": {"fox/1.JPG": "train:fox", "owl/1.PNG": "train:owl"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_is_understood(shape):
    layout = read(*SHAPES[shape])
    assert places(layout) == SHAPES[shape]
    assert layout.report.ignored == ()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_order_of_listing_changes_nothing(shape):
    paths = list(SHAPES[shape])
    expected = read(*paths)
    for seed in range(3):
        random.Random(seed).shuffle(paths)
        assert read(*paths) == expected


STRAYS = {
    "readme.txt": "not an image (.txt)",
    "fox/labels.csv": "not an image (.csv)",
    "LICENSE": "not an image",
    ".DS_Store": "hidden",
    "fox/.1.jpg.swp": "hidden",
    ".git/fox/1.jpg": "hidden",
    "__MACOSX/fox/._1.jpg": "macOS archive metadata",
    "fox/Thumbs.db": "made by the operating system",
    "fox/desktop.ini": "made by the operating system",
    "bear/": "empty folder",
    "cover.jpg": "in no class folder",
    "fox/2.heic": "HEIC pictures are not read; save it as JPEG or PNG",
    "fox/" + "deep/" * 40 + "1.jpg": "more than 32 folders deep",
}


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_file_is_left_out_with_its_reason(stray):
    layout = read(*FOX_OWL, stray)
    assert places(layout) == FOX_OWL
    assert layout.report.ignored == ((stray, STRAYS[stray]),)


def test_strays_do_not_hide_a_root_folder():
    paths = [f"set/train/{path}" for path in FOX_OWL]
    layout = read(*paths, "readme.md", "preview.png", "docs/shot.png", "__MACOSX/set/._a.jpg")
    assert layout.base == "set"
    assert len(layout.placed) == 2
    assert {path for path, _ in layout.report.ignored} == {
        "readme.md",
        "preview.png",
        "docs/",
        "__MACOSX/set/._a.jpg",
    }


def test_dataset_yaml_is_no_stray():
    assert read(*FOX_OWL, "dataset.yaml").report.ignored == ()
    assert read(*FOX_OWL, "dataset.yaml").report.warnings == ()


@pytest.mark.parametrize(
    "path", ["dataset.yml", "Dataset.YAML", "dataset.yaml.txt", "fox/dataset.yaml"]
)
def test_settings_that_are_not_read_are_a_warning(path):
    (warning,) = read(*FOX_OWL, path).report.warnings
    assert warning == f"'{path}' is not read: settings are read from 'dataset.yaml' only."


def test_settings_above_the_data_set_are_a_warning_unless_they_are_a_system_s():
    inner = [f"set/{path}" for path in FOX_OWL]
    hidden = ("__MACOSX/dataset.yml", ".old/dataset.yml", "set/._dataset.yml")
    assert read(*inner, "set/dataset.yaml", *hidden).report.warnings == ()
    (warning,) = read(*inner, "dataset.yaml").report.warnings
    assert "settings are read from 'set/dataset.yaml' only" in warning


def test_phone_pictures_that_are_not_read_are_a_warning():
    assert "save them as JPEG" in words(read(*FOX_OWL, "fox/2.heic", "fox/3.heic"))


def test_an_extra_ood_class_is_left_out_and_its_neighbour_named():
    layout = read(*FOX_OWL, "ood/sketch/fox/1.jpg", "ood/sketch/foxx/1.jpg")
    reason = "'foxx' is not a class of the training data; did you mean 'fox'?"
    assert layout.report.ignored == (("ood/sketch/foxx/", reason),)
    assert f"'ood/sketch/foxx' is ignored (1 image): {reason}" in layout.report.warnings
    assert len(layout.placed) == 3


def test_an_extra_test_class_never_becomes_a_training_class():
    paths = [f"train/{path}" for path in FOX_OWL]
    layout = read(*paths, "test/fox/1.jpg", "test/wolverine/1.jpg")
    assert layout.classes == ("fox", "owl")
    reason = "'wolverine' is not a class of the training data"
    assert layout.report.ignored == (("test/wolverine/", reason),)


def test_an_ood_domain_without_class_folders_is_left_out_loudly():
    layout = read(*FOX_OWL, "ood/sketch/1.jpg", "ood/night/fox/1.jpg")
    assert [path for path, _ in layout.report.ignored] == ["ood/sketch/"]
    assert "'ood/sketch' is ignored" in words(layout)


def test_a_flat_test_folder_never_becomes_a_class():
    layout = read(*FOX_OWL, "test/1.jpg")
    assert layout.classes == ("fox", "owl")
    assert layout.report.ignored == (("test/", "its images are in no class folder"),)


def test_flat_ood_images_never_become_a_class():
    for paths in (FOX_OWL, [f"train/{path}" for path in FOX_OWL]):
        layout = read(*paths, "ood/1.jpg")
        assert layout.classes == ("fox", "owl")
        assert layout.report.ignored == (("ood/", "its images are in no class folder"),)


def test_a_class_without_training_images_is_left_out_of_its_splits_too():
    layout = read("fox/train/1.jpg", "owl/train/1.jpg", "bear/test/1.jpg")
    assert layout.classes == ("fox", "owl")
    assert layout.report.ignored == (("bear/", "none of its images are for training"),)


def test_a_domain_beside_train_is_told_where_it_belongs():
    layout = read(*[f"train/{path}" for path in FOX_OWL], "sketch/fox/1.jpg")
    assert "move an OOD domain to ood/sketch" in words(layout)


def test_what_lies_beside_train_is_left_out_loudly():
    layout = read(*[f"train/{path}" for path in FOX_OWL], "bear/1.jpg")
    assert layout.classes == ("fox", "owl")
    assert "'bear' is ignored (1 image): it lies next to 'train'." in layout.report.warnings


def test_a_variant_is_said():
    layout = read("train/red_fox/1.jpg", "train/owl/1.jpg", "test/Red fox/1.jpg")
    assert "'test/Red fox' is read as class 'red_fox'." in layout.report.understood


def test_a_variant_of_two_classes_is_no_match():
    layout = read("train/Fox/1.jpg", "train/fox/1.jpg", "test/FOX/1.jpg")
    assert layout.classes == ("Fox", "fox")
    assert [p.domain for p in layout.placed] == ["train", "train"]
    assert "'Fox' and 'fox' are two classes" in words(layout)


def test_decomposed_accents_of_a_mac_are_the_same_class():
    decomposed = unicodedata.normalize("NFD", "crème")
    layout = read("train/crème/1.jpg", "train/fox/1.jpg", f"test/{decomposed}/1.jpg")
    assert layout.classes == ("crème", "fox")
    assert places(layout)[f"test/{decomposed}/1.jpg"] == "test:crème"


def test_train_and_training_are_one_split():
    layout = read("train/fox/1.jpg", "train/owl/1.jpg", "training/fox/2.jpg")
    assert [p.domain for p in layout.placed] == ["train"] * 3
    assert "'training' is the train split." in layout.report.understood


def test_a_test_folder_inside_a_class_is_warned_about():
    layout = read(*FOX_OWL, "fox/test/2.jpg")
    assert places(layout)["fox/test/2.jpg"] == "train:fox"
    assert "use test/fox instead" in words(layout)


def test_what_was_understood_is_said():
    paths = [f"set/train/{path}" for path in FOX_OWL]
    said = read(*paths, "set/ood/sketch/fox/1.jpg").report.understood
    assert said == (
        "The data set lies in the folder 'set'.",
        "2 classes (fox, owl): 2 train images.",
        "No val and no test folder: their images are cut from train.",
        "OOD domains: sketch (1).",
    )


ERRORS = {
    (): "'my.zip' is empty. Put the images of each class into a folder.",
    ("fox/",): "'my.zip' is empty. Put the images of each class into a folder.",
    ("a.txt", "b.txt"): (
        "'my.zip' has no images, only 2 files such as 'a.txt' (not an image (.txt)). "
        "JPEG, PNG, WebP, BMP, GIF and TIFF files are read, in one folder per class."
    ),
    ("fox/1.jpg",): (
        "'my.zip': at least 2 classes are needed, got 1 ('fox'). "
        "Put the images of each class into a folder named after it."
    ),
    ("train/fox/1.jpg", "test/fox/1.jpg"): (
        "'my.zip': at least 2 classes are needed, got 1 ('fox'). "
        "Put the images of each class into a folder named after it."
    ),
    ("train/fox/1.jpg", "test/1.jpg"): (
        "'my.zip': at least 2 classes are needed, got 1 ('fox'). "
        "Put the images of each class into a folder named after it."
    ),
    ("1.jpg", "2.jpg"): (
        "'my.zip': at least 2 classes are needed, got 0: no image is in a class folder. "
        "Put the images of each class into a folder named after it."
    ),
    ("test/fox/1.jpg", "test/owl/1.jpg"): (
        "'my.zip' has no training images, only test. Add train/<class>/*."
    ),
    ("ood/s/fox/1.jpg", "ood/s/owl/1.jpg"): (
        "'my.zip' has no training images, only ood. Add train/<class>/*."
    ),
}


@pytest.mark.parametrize("paths", ERRORS)
def test_nothing_to_train_on_is_one_sentence(paths):
    with pytest.raises(UserError) as caught:
        read(*paths)
    assert str(caught.value) == ERRORS[paths]


def test_one_class_will_do_where_more_may_follow():
    assert read("fox/1.jpg", least_classes=1).classes == ("fox",)


@pytest.mark.parametrize(
    ("paths", "domain", "expected"),
    [
        (["sketches/fox/1.jpg"], None, "ood/sketches:fox"),
        (["sketches/Fox/1.jpg"], None, "ood/sketches:fox"),
        (["fox/1.jpg"], None, "ood/unnamed:fox"),
        (["fox/1.jpg"], "night", "ood/night:fox"),
        (["all/sketches/fox/1.jpg"], None, "ood/sketches:fox"),
        (["all/ood/sketches/fox/1.jpg"], None, "ood/sketches:fox"),
        (["sketches/test/fox/1.jpg"], None, "ood/sketches:fox"),
        (["sketches/fox/1.jpg"], "night", "ood/night:fox"),
    ],
)
def test_an_ood_drop_is_named_after_its_folder(paths, domain, expected):
    layout = read_ood_layout(paths, "drop", ["fox", "owl"], domain)
    assert list(places(layout).values()) == [expected]


def test_an_ood_drop_of_other_classes_is_an_error_that_names_ours():
    with pytest.raises(UserError, match=r"no folder is named like a class .*\(fox, owl\)"):
        read_ood_layout(["sketches/bear/1.jpg"], "drop", ["fox", "owl"])


def test_natural_order_counts():
    ordered = ["", "9" * 5000, "a", "IMG1.jpg", "img002.jpg", "img2.jpg", "img10.jpg", "z", "é"]
    assert sorted(sorted(ordered), key=natural_key) == ordered


def test_any_paths_give_a_layout_or_a_sentence():
    """Random trees of confusing names: no crash, nothing placed twice, nothing lost."""
    words = ["train", "training", "test", "val", "ood", "fox", "Fox", "owl", "sketch", ".x", "a b"]
    for seed in range(1500):
        draw = random.Random(seed)
        names = draw.sample(words, draw.randint(2, len(words)))
        paths = {
            "/".join([*draw.choices(names, k=draw.randint(0, 4)), f"{n}.jpg"])
            for n in range(draw.randint(0, 9))
        }
        try:
            layout = read(*paths) if seed % 4 else read_ood_layout(paths, "", ["fox", "owl"])
        except UserError:
            continue
        placed = list(places(layout))
        assert len(placed) == len(set(placed))
        ignored = [path for path, _ in layout.report.ignored]
        lost = [
            path
            for path in paths.difference(placed)
            if not any(path == i or (i.endswith("/") and path.startswith(i)) for i in ignored)
        ]
        assert not lost
        assert {p.class_name for p in layout.placed} <= set(layout.classes)
