"""The same folder as a folder, a zip and an upload gives the same images of each class."""

import shutil

import pytest

from core.data.assemble import place_files, place_zip
from core.data.ingest import open_dataset
from core.data.listing import list_files

NAMES = ["a0", "a1", "b0", "b1"]
ROWS = "".join(f"{name}.png,{'<5 mm' if name[0] == 'a' else 'crème brûlée'}\n" for name in NAMES)
COCO = """{"images": [{"id": 1, "file_name": "img0.png"}, {"id": 2, "file_name": "img1.png"}],
"annotations": [{"image_id": 1, "category_id": 1}, {"image_id": 2, "category_id": 2}],
"categories": [{"id": 1, "name": "fox"}, {"id": 2, "name": "owl"}]}"""
SETS = {
    "domains": ({f"{d}/{c}": 2 for d in ("Photo", "Sketch", "Toy") for c in ("fox", "owl")}, {}),
    "another reference": (
        {f"{d}/{c}": 2 for d in ("Photo", "Sketch") for c in ("fox", "owl")},
        {"dataset.yaml": "reference: Sketch\n"},
    ),
    "domains with splits": (
        {f"{d}/{s}/{c}": 1 for d in ("real", "art") for s in ("train", "test") for c in "xyz"},
        {},
    ),
    "groups": ({"mammal/cat": 1, "mammal/dog": 2, "bird/owl": 3, "bird/tit": 1}, {}),
    "folds": ({f"fold{n}/{c}": 1 for n in (1, 2, 3) for c in ("fox", "owl")}, {}),
    "a table": ({"images": 4}, {"labels.csv": "file,label\n" + ROWS}),
    "a table without a row": ({"images": 4}, {"labels.csv": "file,label\n" + ROWS[:-22]}),
    "tables in splits": (
        {"train": 4, "test": 4},
        {f"{s}/metadata.csv": f"file_name,label\n{ROWS}" for s in ("train", "test")},
    ),
    "COCO in splits": (
        {"train": 2, "valid": 2},
        {f"{s}/_annotations.coco.json": COCO for s in ("train", "valid")},
    ),
}


def written(tree, kind):
    counts, files = SETS[kind]
    root = tree(counts)
    for folder in counts:
        if any(path.endswith(".csv") for path in files):
            for n, name in enumerate(NAMES[: counts[folder]]):
                (root / folder / f"img{n}.png").rename(root / folder / f"{name}.png")
    for path, text in files.items():
        (root / path).write_text(text, "utf-8")
    return root


@pytest.mark.parametrize("kind", SETS)
def test_every_way_in_reads_the_same(tree, tmp_path, kind):
    root = written(tree, kind)
    folder = open_dataset(root, tmp_path / "work")
    zipped = shutil.make_archive(str(tmp_path / "set"), "zip", tmp_path, "set")
    place_files(((f"set/{path}", root / path) for path in list_files(root)), tmp_path / "up")
    place_zip(tmp_path / "set.zip", tmp_path / "zip")
    for other in (
        open_dataset(zipped, tmp_path / "work"),
        open_dataset(tmp_path / "up"),
        open_dataset(tmp_path / "zip"),
    ):
        assert other.classes == folder.classes
        assert other.names == folder.names
        assert other.counts() == folder.counts()


def test_names_are_as_the_table_writes_them(tree):
    dataset = open_dataset(written(tree, "a table"))
    assert dataset.classes == ("_5 mm", "crème brûlée")
    assert dataset.names == ("<5 mm", "crème brûlée")
    assert dataset.counts() == {"train": {"_5 mm": 2, "crème brûlée": 2}}


def test_a_class_that_loses_all_images_on_the_way_in_is_named(tree, tmp_path):
    root = tree({"fox": 2, "owl": 2, "elk": 1})
    (root / "elk/img0.png").write_bytes(b"no picture")
    files = ((f"set/{path}", root / path) for path in list_files(root))
    report = place_files(files, tmp_path / "up")
    assert "Class 'elk' has no image in train that can be read." in report.warnings
