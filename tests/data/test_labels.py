"""Label files next to the images: the label is the class, for every tool."""

import json
import random

import pytest

from core.data.labels import LARGEST_BYTES
from core.data.layout import Sidecars, read_layout, read_ood_layout
from core.errors import UserError

FILES = ["a0", "a1", "b0", "b1", "c0", "c1"]
CLASSES = {"a": "cat", "b": "red fox", "c": "owl"}
LABELS = {name: CLASSES[name[0]] for name in FILES}
NUMBERS = {name: "abc".index(name[0]) for name in FILES}


def read(tmp_path, files, images, ood=None):
    """The layout of `images` and of `files` (path to text, bytes or an object to write as JSON)."""
    for path, content in files.items():
        if not isinstance(content, str | bytes):
            content = json.dumps(content)
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / path).write_bytes(data)
    sidecars = Sidecars.below(tmp_path)
    if ood:
        return read_ood_layout([*files, *images], "my set", ood, sidecars=sidecars)
    return read_layout([*files, *images], "my set", sidecars=sidecars)


def classes_of(layout):
    """File name without its extension to class."""
    return {p.path.rpartition("/")[2].rpartition(".")[0]: p.class_name for p in layout.placed}


def said(layout):
    return " ".join((*layout.report.understood, *layout.report.warnings))


def table(row, head="", names=FILES):
    """One line per image: `{f}` is its name, `{l}` its label, `{n}` its number."""
    lines = [row.format(f=f, l=LABELS[f], n=NUMBERS[f]) for f in names]
    return "\n".join([*([head] if head else []), *lines, ""])


def lines(record):
    return "\n".join(json.dumps(record(f)) for f in FILES) + "\n"


IMAGES = [f"images/{f}.jpg" for f in FILES]
FLAT = [f"{f}.jpg" for f in FILES]
HOT = "\n".join(
    ["filename, cat, red fox, owl"]
    + [f"{f}.jpg, " + ", ".join(str(int(NUMBERS[f] == n)) for n in range(3)) for f in FILES]
)


def studio(f, **more):
    result = [{"type": "choices", "value": {"choices": [LABELS[f]]}}]
    return {
        "id": 1,
        "data": {"image": f"/data/upload/1/0a1b2c3d-{f}.jpg"},
        "annotations": [{"result": result, "was_cancelled": False}],
        **more,
    }


def via(f):
    return {
        "filename": f"{f}.jpg",
        "size": 9,
        "regions": [],
        "file_attributes": {"kind": LABELS[f]},
    }


def cvat(f):
    return (
        f'<image id="0" name="{f}.jpg" width="9" height="9"><tag label="{LABELS[f]}" '
        'source="manual"></tag></image>'
    )


COCO = {
    "images": [{"id": n, "file_name": f"{f}.jpg"} for n, f in enumerate(FILES)],
    "annotations": [
        {"id": n, "image_id": n, "category_id": NUMBERS[f] + 5} for n, f in enumerate(FILES)
    ],
    "categories": [{"id": n + 5, "name": name} for n, name in enumerate(CLASSES.values())],
}
KINDS = {
    "Hugging Face CSV": {"metadata.csv": table("images/{f}.jpg,{l}", "file_name,label")},
    "Hugging Face JSONL": {
        "metadata.jsonl": lines(lambda f: {"file_name": f"images/{f}.jpg", "label": LABELS[f]})
    },
    "Hugging Face list": {
        "metadata.jsonl": lines(lambda f: {"file_name": f"images/{f}.jpg", "labels": [LABELS[f]]})
    },
    "base names": {"labels.csv": table("{f}.jpg,{l}", "filename,class")},
    "category": {"data.csv": table("1,{f}.jpg,{l}", "row,image,category")},
    "species": {"data.csv": table("{f}.jpg,{l},9.5", "photo,species,weight")},
    "Kaggle": {"labels.csv": table("{f},{l}", "id,breed")},
    "unknown names": {"my.csv": table("{f}.jpg;{l}", "Datei;Wert")},
    "label first": {"labels.csv": table("{l},{f}.jpg", "label,file")},
    "no header": {"labels.csv": table("{f}.jpg,{l}")},
    "semicolons": {"labels.csv": table("{f}.jpg;{l}", "file;label")},
    "tabs": {"labels.tsv": table("{f}.jpg\t{l}", "file\tlabel")},
    "quotes": {"labels.csv": table('"{f}.jpg","{l}"', '"file","label"')},
    "CRLF": {"labels.csv": table("{f}.jpg,{l}", "file,label").replace("\n", "\r\n")},
    "BOM": {"labels.csv": "\ufeff" + table("{f}.jpg,{l}", "file_name,label")},
    "UTF-16": {"labels.csv": table("{f}.jpg,{l}", "file,label").encode("utf-16")},
    "backslashes": {"labels.csv": table("C:\\data\\images\\{f}.jpg,{l}", "path,label")},
    "upper case": {"labels.csv": table("IMAGES/{f}.JPG,{l}", "Path,Label")},
    "other extension": {"labels.csv": table("{f}.png,{l}", "file,label")},
    "in a folder of its own": {"annotations/all.csv": table("{f}.jpg,{l}", "file,label")},
    "number and name": {"labels.csv": table("{f}.jpg,{n},{l}", "file,label,label_name")},
    "names of numbers": {
        "labels.csv": table("{f}.jpg,{n}", "file,label"),
        "classes.txt": "cat\nred fox\nowl\n",
    },
    "names with numbers": {
        "labels.csv": table("{f}.jpg,{n}.0", "file,label"),
        "names/labels.txt": "1 red fox\n0 cat\n2 owl\n",
    },
    "names as JSON": {
        "labels.csv": table("{f}.jpg,{n}", "file,target"),
        "class_to_idx.json": {"cat": 0, "red fox": 1, "owl": 2},
    },
    "list": {"all.txt": table("images/{f}.jpg {n}"), "classes.names": "cat\nred fox\nowl\n"},
    "list with commas": {"all.txt": table("images/{f}.jpg,{l}")},
    "one-hot": {"_classes.csv": HOT},
    "one-hot as decimals": {"truth.csv": HOT.replace(" 1", "1.0").replace(" 0", "0.0")},
    "Label Studio": {"export.json": [studio(f) for f in FILES]},
    "Label Studio, min": {
        "export.json": [
            {"image": f"/data/local-files/?d=set/images/{f}.jpg", "id": 1, "choice": LABELS[f]}
            for f in FILES
        ]
    },
    "Label Studio, CSV": {
        "export.csv": table(
            "x,2024-01-01,3,/data/upload/1/0a1b2c3d-{f}.jpg,{l}",
            "annotator,created_at,id,image,choice",
        )
    },
    "CVAT": {"annotations.xml": f"<annotations>{''.join(map(cvat, FILES))}</annotations>"},
    "VGG": {"via.json": {f"{f}.jpg9": via(f) for f in FILES}},
    "VGG project": {
        "via.json": {"_via_settings": {}, "_via_img_metadata": {f"{f}.jpg9": via(f) for f in FILES}}
    },
    "VGG CSV": {
        "via.csv": table(
            '{f}.jpg,9,"{{""kind"":""{l}""}}",0,0,"{{}}","{{}}"',
            "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
            "region_attributes",
        )
    },
    "VGG regions": {
        "via.csv": table(
            '{f}.jpg,9,"{{}}",1,0,"{{""name"":""rect""}}","{{""kind"":""{l}""}}"',
            "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
            "region_attributes",
        )
    },
    "FiftyOne": {"labels.json": {"classes": [*CLASSES.values()], "labels": NUMBERS}},
    "FiftyOne samples": {
        "samples.json": {
            "samples": [
                {"filepath": f"data/{f}.jpg", "tags": [], "ground_truth": {"label": LABELS[f]}}
                for f in FILES
            ]
        }
    },
    "SageMaker": {
        "output.manifest": lines(
            lambda f: {
                "source-ref": f"s3://bucket/x/{f}.jpg",
                "job": NUMBERS[f],
                "job-metadata": {"class-name": LABELS[f], "confidence": 0.9, "type": "groundtruth"},
            }
        )
    },
    "Vertex CSV": {"data.csv": table("gs://bucket/x/{f}.jpg,{l}")},
    "Vertex JSONL": {
        "data.jsonl": lines(
            lambda f: {
                "imageGcsUri": f"gs://bucket/x/{f}.jpg",
                "classificationAnnotation": {"displayName": LABELS[f]},
            }
        )
    },
    "Azure": {
        "labels.jsonl": lines(
            lambda f: {"image_url": f"AmlDatastore://store/x/{f}.jpg", "label": LABELS[f]}
        )
    },
    "Labelbox": {
        "export.ndjson": lines(
            lambda f: {
                "data_row": {"id": "x", "external_id": f"{f}.jpg"},
                "projects": {
                    "p": {
                        "labels": [
                            {
                                "annotations": {
                                    "classifications": [
                                        {"name": "kind", "radio_answer": {"name": LABELS[f]}}
                                    ]
                                }
                            }
                        ]
                    }
                },
            }
        )
    },
    "COCO": {"_annotations.coco.json": COCO},
    "image to class": {"labels.json": {f"{f}.jpg": LABELS[f] for f in FILES}},
    "class to images": {
        "labels.json": {
            name: [f"{f}.jpg" for f in FILES if LABELS[f] == name] for name in CLASSES.values()
        }
    },
    "an index before": {"labels.csv": table("{n},{f}.jpg,{l}", ",file,label")},
    "Excel": {"labels.csv": "sep=;\n" + table("{f}.jpg;{l}", "Datei;Klasse")},
    "spellings": {
        "labels.csv": table("{f}.jpg,{l}", "file,label", FILES).replace("c1.jpg,owl", "c1.jpg,owl ")
    },
    "boxes of one class each": {
        "_annotations.coco.json": {
            **COCO,
            "annotations": [{**mark, "bbox": [1, 2, 3, 4]} for mark in COCO["annotations"]],
        }
    },
    "records": {
        "x.json": {"annotations": [{"file": f"{f}.jpg", "class": LABELS[f]} for f in FILES]}
    },
}


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_read(tmp_path, kind):
    layout = read(tmp_path, KINDS[kind], IMAGES)
    assert classes_of(layout) == LABELS
    assert {p.domain for p in layout.placed} == {"train"}
    assert "Labels of 6 images were read from" in said(layout)
    assert layout.report.warnings == ()
    assert layout.base == ""


@pytest.mark.parametrize("kind", ["base names", "Kaggle", "Label Studio", "CVAT", "COCO"])
def test_images_that_lie_in_no_folder_are_read_as_well(tmp_path, kind):
    assert classes_of(read(tmp_path, KINDS[kind], FLAT)) == LABELS


def test_what_was_read_is_said(tmp_path):
    layout = read(tmp_path, KINDS["Hugging Face CSV"], IMAGES)
    assert layout.report.understood[0] == (
        "Labels of 6 images were read from 'metadata.csv' (column 'label')."
    )
    assert layout.report.ignored == ()


def test_rows_without_image_and_images_without_row_are_named(tmp_path):
    text = table("{f}.jpg,{l}", "file,label", FILES[1:]) + "gone.jpg,cat\n"
    layout = read(tmp_path, {"labels.csv": text}, IMAGES)
    assert (
        "1 row names no existing image, or more than one, in 'labels.csv', such as 'gone.jpg'."
        in said(layout)
    )
    assert "1 image such as 'images/a0.jpg' left out: no label in 'labels.csv'." in said(layout)
    assert ("images/a0.jpg", "no label in 'labels.csv'") in layout.report.ignored


def test_a_class_of_which_no_image_is_there_is_named(tmp_path):
    text = table("{f}.jpg,{l}", "file,label") + "x.jpg,elk\ny.jpg,elk\n"
    layout = read(tmp_path, {"labels.csv": text}, IMAGES)
    assert "1 class in 'labels.csv' without an existing image: elk." in layout.report.warnings


def test_two_spellings_of_a_label_are_one_class(tmp_path):
    text = table("{f}.jpg,{l}", "file,label").replace("a1.jpg,cat", "a1.jpg,Cat ")
    layout = read(tmp_path, {"labels.csv": text + "a2.jpg,cat\n"}, [*IMAGES, "images/a2.jpg"])
    assert layout.classes == ("cat", "owl", "red fox")
    assert "The label 'Cat' is read as 'cat'." in layout.report.understood


def test_images_that_are_called_by_numbers_are_not_mistaken_for_labels(tmp_path):
    images = [f"images/{n}.png" for n in range(6)]
    rows = "".join(f"{n}.png,{n % 3}\n" for n in range(6))
    expected = {str(n): str(n % 3) for n in range(6)}
    assert classes_of(read(tmp_path, {"labels.csv": f"file,label\n{rows}"}, images)) == expected
    assert classes_of(read(tmp_path, {"labels.csv": rows}, images)) == expected
    listed = rows.replace(",", " ")
    assert classes_of(read(tmp_path, {"labels.csv": "", "list.txt": listed}, images)) == expected


def test_boxes_are_no_classes(tmp_path):
    """A data set with boxes for `images/1.jpg` in `labels/1.txt`, and a file of class names."""
    images = [f"images/{n}.jpg" for n in range(4)]
    boxes = {f"labels/{n}.txt": f"{n % 2} 0.5 0.5 0.1 0.1\n" for n in range(4)}
    with pytest.raises(UserError, match="at least 2 classes are needed, got 0"):
        read(tmp_path, {**boxes, "classes.txt": "0 cat\n1 owl\n"}, images)


def test_boxes_of_parts_do_not_overrule_class_folders(tmp_path):
    parts = [
        {**mark, "bbox": [1, 2, 3, 4], "category_id": 5 + n % 2}
        for n, mark in enumerate(COCO["annotations"])
    ]
    layout = read(tmp_path, {"coco.json": {**COCO, "annotations": parts}}, FOLDERS)
    assert classes_of(layout) == LABELS


def test_a_spreadsheet_is_told_to_be_saved_as_csv(tmp_path):
    with pytest.raises(UserError, match=r"'labels.xlsx': it is a spreadsheet; save it as CSV"):
        read(tmp_path, {"labels.xlsx": b"PK"}, IMAGES)


SEVERAL = {
    "two rows": table("{f}.jpg,{l}", "file,label") + "a0.jpg,owl\n",
    "pipe": table("{f}.jpg,{l}", "file,label", FILES[1:]) + "a0.jpg,cat|owl\n",
    "semicolon": table("{f}.jpg,{l}", "file,label", FILES[1:]) + "a0.jpg,cat;owl\n",
    "list": table("{f}.jpg,{l}", "file,label", FILES[1:]) + 'a0.jpg,"[""cat"", ""owl""]"\n',
    "choices": table("{f}.jpg,{l}", "file,choice", FILES[1:])
    + 'a0.jpg,"{""choices"": [""cat"", ""owl""]}"\n',
}


@pytest.mark.parametrize("how", SEVERAL)
def test_an_image_with_several_labels_is_left_out(tmp_path, how):
    layout = read(tmp_path, {"labels.csv": SEVERAL[how]}, IMAGES)
    assert classes_of(layout) == {name: LABELS[name] for name in FILES[1:]}
    assert ("images/a0.jpg", "it has several labels in 'labels.csv'") in layout.report.ignored


def test_several_ones_are_several_labels(tmp_path):
    text = HOT.replace("a0.jpg, 1, 0, 0", "a0.jpg, 1, 1, 0").replace("a1.jpg, 1", "a1.jpg, 0")
    layout = read(tmp_path, {"_classes.csv": text}, IMAGES)
    assert classes_of(layout) == {name: LABELS[name] for name in FILES[2:]}
    assert "more than one label" in said(layout)
    assert "'images/a1.jpg' left out: no label" in said(layout)


def test_a_comma_in_a_name_is_no_second_label(tmp_path):
    text = table('{f}.jpg,"{l}, a kind of"', "file,label")
    assert "cat, a kind of" in read(tmp_path, {"labels.csv": text}, IMAGES).classes


def test_an_older_encoding_is_read_and_said(tmp_path):
    text = table("{f}.jpg,{l}", "file,label").replace("owl", "hibou grand-duc d'Été")
    layout = read(tmp_path, {"labels.csv": text.encode("cp1252")}, IMAGES)
    assert "hibou grand-duc d'Été" in layout.classes
    assert layout.report.warnings == (
        "'labels.csv' is not UTF-8; read as Windows Western Europe (cp1252): hibou grand-duc d'Été."
        " If names look wrong, save it as UTF-8.",
    )


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1250", ("chłopiec", "żółw", "ptak")),
        ("cp1251", ("кошка", "собака", "сова")),
        ("cp932", ("犬", "猫", "鳥")),
        ("gb18030", ("狗", "猫", "鸟")),
    ],
)
@pytest.mark.parametrize("row", ["{f}.jpg;{l}", '"{f}.jpg","{l}"', "{f}.jpg\t{l}"])
def test_labels_in_the_encoding_of_their_country_are_read_and_said(tmp_path, encoding, names, row):
    text = table(row)
    for plain, name in zip(CLASSES.values(), names, strict=True):
        text = text.replace(plain, name)
    layout = read(tmp_path, {"labels.csv": text.encode(encoding)}, IMAGES)
    assert sorted(layout.classes) == sorted(names)
    (warning,) = layout.report.warnings
    assert f"({encoding}): " in warning
    assert all(name in warning for name in names if not name.isascii())


SPLITS = {
    "in each split": (
        {
            "train/metadata.csv": table("{f}.jpg,{l}", "file_name,label", ["a0", "b0", "c0"]),
            "test/metadata.csv": table("{f}.jpg,{l}", "file_name,label", ["a1", "b1", "c1"]),
        },
        "{split}/{f}.jpg",
    ),
    "in folders of images": (
        {
            "train/_classes.csv": "\n".join(HOT.split("\n")[::2]).replace("a1", "a0"),
            "labels.csv": table("{f}.jpg,{l}", "file,label"),
        },
        "{split}/images/{f}.jpg",
    ),
    "one table, folders of splits": (
        {"labels.csv": table("{f}.jpg,{l}", "file,label")},
        "{split}/{f}.jpg",
    ),
    "a column": (
        {
            "labels.csv": "file,label,split\n"
            + "".join(f"{f}.jpg,{LABELS[f]},{'TRAIN' if f[1] == '0' else 'Test'}\n" for f in FILES)
        },
        "images/{f}.jpg",
    ),
    "Vertex": (
        {
            "x.csv": "".join(
                f"{'TRAINING' if f[1] == '0' else 'TEST'},gs://b/{f}.jpg,{LABELS[f]}\n"
                for f in FILES
            )
        },
        "{f}.jpg",
    ),
    "Vertex JSONL": (
        {
            "x.jsonl": lines(
                lambda f: {
                    "imageGcsUri": f"gs://b/{f}.jpg",
                    "classificationAnnotation": {"displayName": LABELS[f]},
                    "dataItemResourceLabels": {
                        "aiplatform.googleapis.com/ml_use": "training" if f[1] == "0" else "test"
                    },
                }
            )
        },
        "{f}.jpg",
    ),
    "lists": (
        {
            "meta/train.txt": table("images/{f}.jpg {n}", names=["a0", "b0", "c0"]),
            "meta/test.txt": table("images/{f}.jpg {n}", names=["a1", "b1", "c1"]),
            "meta/classes.txt": "cat\nred fox\nowl\n",
        },
        "images/{f}.jpg",
    ),
    "tables called after splits": (
        {
            "trainLabels.csv": table("{f},{l}", "image,level", ["a0", "b0", "c0"]).replace(
                "level", "label"
            ),
            "test_labels.csv": table("{f},{l}", "image,label", ["a1", "b1", "c1"]),
        },
        "images/{f}.jpg",
    ),
    "CVAT subsets": (
        {
            "annotations.xml": "<annotations>"
            + "".join(
                cvat(f).replace("<image", f'<image subset="{"Train" if f[1] == "0" else "Test"}"')
                for f in FILES
            )
            + "</annotations>"
        },
        "images/{f}.jpg",
    ),
}


@pytest.mark.parametrize("kind", SPLITS)
def test_splits_of_labelled_images_are_read(tmp_path, kind):
    files, pattern = SPLITS[kind]
    split = {f: "train" if f[1] == "0" else "test" for f in FILES}
    layout = read(tmp_path, files, [pattern.format(f=f, split=split[f]) for f in FILES])
    assert classes_of(layout) == LABELS
    assert {p.path.rpartition("/")[2][:2]: p.domain for p in layout.placed} == split


def test_equal_names_in_two_splits_are_kept_apart(tmp_path):
    layout = read(
        tmp_path,
        {
            "train/metadata.csv": "file_name,label\n0.jpg,cat\n1.jpg,owl\n2.jpg,owl\n",
            "test/metadata.csv": "file_name,label\n0.jpg,owl\n1.jpg,cat\n",
        },
        ["train/0.jpg", "train/1.jpg", "test/0.jpg", "test/1.jpg", "test/2.jpg"],
    )
    assert {p.path: f"{p.domain}:{p.class_name}" for p in layout.placed} == {
        "train/0.jpg": "train:cat",
        "train/1.jpg": "train:owl",
        "test/0.jpg": "test:owl",
        "test/1.jpg": "test:cat",
    }


def test_a_name_that_two_images_share_is_matched_by_its_path_only(tmp_path):
    images = ["x/1.jpg", "y/1.jpg", "x/2.jpg"]
    layout = read(
        tmp_path, {"l.csv": "file,label\n/old/x/1.jpg,cat\n1.jpg,owl\n2.jpg,owl\n"}, images
    )
    assert {p.path: p.class_name for p in layout.placed} == {"x/1.jpg": "cat", "x/2.jpg": "owl"}


def test_domains_with_labels_are_domains(tmp_path):
    files = {
        f"{d}/metadata.csv": table("{f}.jpg,{l}", "file_name,label") for d in ("photo", "sketch")
    }
    images = [f"{d}/{f}.jpg" for d in ("photo", "sketch") for f in FILES]
    layout = read(tmp_path, files, images)
    assert {p.domain for p in layout.placed} == {"train", "ood/sketch"}
    both = "\n".join(["file,label"] + [f"{i},{LABELS[i[-6:-4]]}" for i in images])
    assert {p.domain for p in read(tmp_path, {"all.csv": both}, images).placed} == {
        "train",
        "ood/sketch",
    }


def test_ood_folders_beside_labelled_images_are_read(tmp_path):
    images = [*IMAGES, "ood/night/owl/1.jpg", "ood/fog/x.jpg"]
    text = table("{f}.jpg,{l}", "file,label") + "x.jpg,cat\n"
    layout = read(tmp_path, {"labels.csv": text}, images)
    ood = {p.domain: p.class_name for p in layout.placed if p.role == "ood"}
    assert ood == {"ood/night": "owl", "ood/fog": "cat"}


FOLDERS = [f"{LABELS[f]}/{f}.jpg" for f in FILES]
CODED = [f"n0{NUMBERS[f]}/{f}.jpg" for f in FILES]
IGNORED = {
    "the same": (table("{f}.jpg,{l}", "file,label"), FOLDERS),
    "the same under codes": (table("{f}.jpg,{l}", "file,label"), CODED),
    "EXIF": (
        "SourceFile,Make,Model\n" + "".join(f"{f}.jpg,Canon,EOS {f[1]}\n" for f in FILES),
        FOLDERS,
    ),
    "a camera": ("file,camera\n" + "".join(f"{f}.jpg,Canon{f[1]}\n" for f in FILES), FOLDERS),
    "one label for all": ("file,label\n" + "".join(f"{f}.jpg,face\n" for f in FILES), FOLDERS),
    "captions": (
        "file_name,text\n" + "".join(f"{f}.jpg,a photo number {f}\n" for f in FILES),
        FOLDERS,
    ),
    "no images": ("a,b\n1,2\n", FOLDERS),
}


@pytest.mark.parametrize("kind", IGNORED)
def test_class_folders_win_over_a_table_that_agrees_or_is_about_something_else(tmp_path, kind):
    text, images = IGNORED[kind]
    layout = read(tmp_path, {"table.csv": text}, images)
    assert {p.class_name for p in layout.placed} == {path.split("/")[0] for path in images}
    assert layout.report.ignored == (("table.csv", "not an image (.csv)"),)
    assert layout.report.warnings == ()


def test_labels_win_over_folders_that_say_something_else(tmp_path):
    images = [f"batch{f[1]}/{f}.jpg" for f in FILES]
    layout = read(tmp_path, {"labels.csv": table("{f}.jpg,{l}", "file,label")}, images)
    assert classes_of(layout) == LABELS


def test_a_table_that_agrees_labels_the_images_outside_of_class_folders(tmp_path):
    images = [*(f"train/{path}" for path in CODED), "test/x.jpg"]
    text = table("{f}.jpg,{l}", "file,label") + "x.jpg,owl\n"
    layout = read(tmp_path, {"labels.csv": text}, images)
    assert classes_of(layout)["x"] == "n02"
    assert layout.classes == ("n00", "n01", "n02")


def test_a_few_other_labels_are_said_and_the_folder_is_used(tmp_path):
    images = [f"{name}/{n}{name}.jpg" for name in ("cat", "owl") for n in range(20)]
    rows = [f"{path},{path.split('/')[0]}" for path in images]
    rows[0] = f"{images[0]},owl"
    layout = read(tmp_path, {"l.csv": "\n".join(["file,label", *rows])}, images)
    assert {p.path: p.class_name for p in layout.placed}[images[0]] == "cat"
    assert "'l.csv' gives 1 image another class than the folder" in said(layout)


def test_a_submission_is_no_table_of_labels(tmp_path):
    files = {
        "labels.csv": table("{f},{l}", "id,breed"),
        "sample_submission.csv": "id,label\nx,cat\n",
    }
    layout = read(tmp_path, files, [*(f"train/{f}.jpg" for f in FILES), "test/x.jpg"])
    assert classes_of(layout) == LABELS


def test_names_that_no_folder_may_have_stay_apart_and_keep_their_words(tmp_path):
    text = "file,label\na0.jpg,<5\na1.jpg,>5\nb0.jpg,acne/rosacea\n"
    layout = read(tmp_path, {"labels.csv": text}, IMAGES[:3])
    assert layout.classes == ("_5", "_5-2", "acne_rosacea")
    assert layout.names == {"_5": "<5", "_5-2": ">5", "acne_rosacea": "acne/rosacea"}


@pytest.mark.parametrize("label", ["train", "test", "ood", "images"])
def test_a_label_that_is_called_like_a_split_is_a_class(tmp_path, label):
    text = table("{f}.jpg,{l}", "file,label").replace("owl", label)
    assert label in read(tmp_path, {"labels.csv": text}, IMAGES).classes


def test_folders_around_a_table_are_where_the_images_lie(tmp_path):
    files = {"images/shots/labels.csv": table("{f}.jpg,{l}", "file,label")}
    layout = read(tmp_path, files, [f"images/shots/{f}.jpg" for f in FILES])
    assert layout.base in ("", "images", "images/shots")
    assert f"{layout.base}/{layout.placed[0].path}".strip("/") == "images/shots/a0.jpg"


def test_labels_of_a_drop_of_ood_images_are_read(tmp_path):
    files = {"night/metadata.csv": table("{f}.jpg,{l}", "file_name,label")}
    layout = read(tmp_path, files, [f"night/{f}.jpg" for f in FILES], ood=["cat", "red_fox"])
    assert classes_of(layout) == {f: LABELS[f].replace(" ", "_") for f in FILES[:4]}
    assert {p.domain for p in layout.placed} == {"ood/night"}


REFUSED = {
    "a,b,c\n1.jpg,4,5\n2.jpg,6,7\n": "none of its columns ('b', 'c') is called label, class",
    "file,label\nx.jpg,cat\ny.jpg,dog\n": "names an existing image",
    "file_name\n1.jpg\n2.jpg\n": "names an existing image, with a label",
    "file_name,text\n1.jpg,a cat\n2.jpg,a dog\n": "none of its columns ('text')",
    "": "it is empty",
    "\0\1\2": "it is not text",
    "file,label\n1.jpg,a|b\n2.jpg,b|a\n": "all its images have more than one label",
    "file,label\n1.jpg,\n2.jpg,\n": "none of its rows has a label",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_table_that_is_not_understood_is_one_sentence_about_it(tmp_path, text):
    with pytest.raises(UserError) as caught:
        read(tmp_path, {"train/metadata.csv": text}, ["train/1.jpg", "train/2.jpg"])
    assert "no labels were read from 'train/metadata.csv'" in str(caught.value)
    assert REFUSED[text] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_class_in_a_table_is_an_error_that_names_the_table(tmp_path):
    with pytest.raises(UserError, match=r"got 1 \('cat'\), by the labels in 'labels.csv'"):
        read(tmp_path, {"labels.csv": table("{f}.jpg,cat", "file,label")}, IMAGES)


HOSTILE = {
    "entities.xml": b'<!DOCTYPE a [<!ENTITY b "c">]><annotations><image name="1.jpg"/></a>',
    "utf16.xml": '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>'.encode("utf-16"),
    "deep.json": b"[" * 100_000,
    "deep_objects.json": b'{"a":' * 100_000,
    "deep.jsonl": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "cut.json": b'[{"file": "1.jpg"',
    "digits.json": b"[" + b"9" * 10_000 + b"]",
    "odd.json": b'{"images": [], "annotations": 3, "labels": {}}',
    "null.jsonl": b'null\n{"data": null, "annotations": null}\n',
    "wide.csv": b"," * 200_000,
    "padded.csv": b"file,label\n" + b"1.jpg,cat\n" * 50_000 + b"," * 4_000 + b"\n",
    "wider.csv": b"1.jpg" + b",cat" * 1_000_000 + b"\n" + b"2.jpg,owl\n" * 100_000,
    "many.json": b"["
    + b"{}," * 300_000
    + b'{"'
    + b'":1,"'.join(b"k%d" % n for n in range(300))
    + b'":1}]',
    "classes.txt": b"a" + b" " * 1_000_000 + b"b\n",
    "long.csv": b"file,label\n" + b"x" * 200_000 + b",cat\n",
    "quote.csv": b'file,label\n"1.jpg,cat\n2.jpg,owl\n',
    "nul.csv": b"file,label\n1.jpg\0,cat\n",
    "code.csv": b"file,label\n1.jpg,__import__('os').system('false')\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_of_labels_change_nothing(tmp_path, name):
    images = ["cat/1.jpg", "owl/2.jpg"]
    layout = read(tmp_path, {name: HOSTILE[name]}, images)
    assert {p.path: p.class_name for p in layout.placed} == {"cat/1.jpg": "cat", "owl/2.jpg": "owl"}


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / "labels.csv", "wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(UserError, match=r"'labels.csv': it is larger than 32 MiB"):
        read_layout(["labels.csv", "1.jpg", "2.jpg"], "my set", sidecars=Sidecars.below(tmp_path))


def test_files_of_one_image_each_are_not_read(tmp_path):
    images = [f"{name}/{n}.jpg" for name in ("cat", "owl") for n in range(40)]

    def never(path):
        raise AssertionError(f"{path} was read")

    many = [f"labels/{n}.txt" for n in range(100)]
    layout = read_layout([*images, *many], "my set", sidecars=Sidecars(never))
    assert len(layout.placed) == 80


def test_any_table_of_any_tree_loses_no_image(tmp_path):
    """Random trees and tables with gaps: every image has one place or one reason."""
    words = ["train", "test", "ood", "images", "photo", "sketch", "cat", "owl", "night"]
    for seed in range(400):
        draw = random.Random(seed)
        names = draw.sample(words, draw.randint(1, 5))
        drawn = {
            "/".join([*draw.choices(names, k=draw.randint(0, 3)), f"{n % 6}.jpg"])
            for n in range(draw.randint(2, 20))
        }
        paths = sorted(drawn)
        rows = [f"{draw.choice([p, p.split('/')[-1]])},{draw.choice(['cat', 'owl', 'a|b', ''])}"
                for p in paths if draw.random() < 0.8]  # fmt: skip
        folder = draw.choice(["", *(f"{p.rpartition('/')[0]}/" for p in paths if "/" in p)])
        try:
            text = "\n".join(["file,label", *rows])
            layout = read(tmp_path, {f"{folder}labels{seed}.csv": text}, paths)
        except UserError:
            continue
        prefix = f"{layout.base}/" if layout.base else ""
        placed = [prefix + p.path for p in layout.placed]
        ignored = [path for path, _ in layout.report.ignored]
        assert len(placed) == len(set(placed))
        for path in paths:
            out = any(path == i or (i.endswith("/") and path.startswith(i)) for i in ignored)
            assert out != (path in placed), (seed, path)
