"""Unreadable images are left out of folders and uploads alike; each image is decoded once."""

import io

import pytest
from PIL import Image

from core.data import decodable
from core.data.assemble import place_files
from core.data.curation import exclude
from core.data.glance import Glance
from core.data.health import check
from core.data.ingest import open_dataset
from core.errors import UserError


def encoded(format, **options):
    noise = Image.effect_noise((256, 256), 90).convert("RGB")
    data = io.BytesIO()
    noise.save(data, format, **options)
    return data.getvalue()


JPEG, PNG, WEBP, BMP = (encoded(format) for format in ("JPEG", "PNG", "WEBP", "BMP"))
GIF = encoded("GIF", save_all=True, append_images=[Image.new("RGB", (256, 256))] * 2)
TIFF = encoded("TIFF", compression="tiff_lzw")


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


DAMAGED = {
    "empty.jpg": b"",
    "page.jpg": b"<!DOCTYPE html><html></html>",
    "zeros.jpg": bytes(5000),
    "pointer.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "head.jpg": JPEG[:400],
    "half.jpg": JPEG[: len(JPEG) // 2],
    "end.jpg": JPEG[:-10],
    "progressive.jpg": encoded("JPEG", progressive=True)[:-200],
    "half.png": PNG[: len(PNG) // 2],
    "checksum.png": flipped(PNG, 30),
    "data.png": flipped(PNG, PNG.index(b"IDAT") + 300),
    "half.webp": WEBP[: len(WEBP) // 2],
    "half.bmp": BMP[: len(BMP) // 2],
    "head.gif": GIF[: len(GIF) // 6],
    "half.tif": TIFF[: len(TIFF) // 2],
}
WHOLE = {"later.gif": GIF[:-1], "jpeg.png": JPEG, "more.jpg": JPEG + b"more"}


@pytest.fixture
def root(tree):
    root = tree({"fox": 2, "owl": 2})
    for name, data in {**DAMAGED, **WHOLE}.items():
        (root / "fox" / name).write_bytes(data)
    return root


def names(pairs):
    return {path.rpartition("/")[2] for path, _ in pairs}


def test_a_folder_and_an_upload_leave_out_the_same(root, tmp_path):
    dataset = open_dataset(root)
    assert names(dataset.unreadable) == set(DAMAGED)
    assert set(dataset.report.ignored) == set(dataset.unreadable)
    assert dataset.counts() == {"train": {"fox": 2 + len(WHOLE), "owl": 2}}
    sent = [(f"set/{p.relative_to(root)}", p) for p in sorted(root.rglob("*.*"))]
    report = place_files(sent, tmp_path / "home/data")
    assert {(path.removeprefix("set/"), why) for path, why in report.ignored} == set(
        dataset.report.ignored
    )


def test_they_are_named_in_one_warning_that_a_run_repeats(root):
    dataset = open_dataset(root)
    assert dataset.notes == dataset.report.warnings
    (warning,) = dataset.notes
    assert warning.startswith(f"{len(DAMAGED)} images cannot be read and are left out: 'fox/")
    assert warning.endswith(f", … {len(DAMAGED) - 5} more.")
    for name in [*DAMAGED][1:]:
        (root / "fox" / name).unlink()
    (warning,) = open_dataset(root).notes
    assert warning == "'fox/empty.jpg' cannot be read and is left out: the file is empty."


@pytest.fixture
def decoded(monkeypatch):
    """Names of the images that are decoded."""
    seen, real = [], decodable._decode

    def decode(path, name):
        seen.append(name)
        real(path, name)

    monkeypatch.setattr(decodable, "_decode", decode)
    return seen


def test_each_image_is_decoded_once_for_its_bytes(root, tmp_path, decoded):
    first = open_dataset(root, tmp_path / "work")
    assert len(decoded) == len(DAMAGED) + len(WHOLE) + 4 - 1, "one has nothing to decode"
    decoded.clear()
    assert open_dataset(root, tmp_path / "work") == first
    assert decoded == []
    (root / "owl/new.jpg").write_bytes(encoded("JPEG", quality=50))
    (root / "fox/half.jpg").write_bytes(encoded("JPEG", quality=60))
    (root / "fox/end.jpg").rename(root / "owl/end.jpg")
    again = open_dataset(root, tmp_path / "work")
    assert sorted(decoded) == ["fox/half.jpg", "owl/new.jpg"]
    assert names(again.unreadable) == set(DAMAGED) - {"half.jpg"}


def test_without_a_workspace_all_are_decoded_each_time(root, decoded):
    assert open_dataset(root) == open_dataset(root)
    assert decoded.count("owl/img0.png") == 2


def test_a_process_that_must_not_decode_believes_one_that_did(root, tmp_path, decoded):
    blind = open_dataset(root, tmp_path / "work", decode=False)
    assert decoded == []
    assert names(blind.unreadable) == {"empty.jpg"}
    open_dataset(root, tmp_path / "work")
    decoded.clear()
    assert names(open_dataset(root, tmp_path / "work", decode=False).unreadable) == set(DAMAGED)
    assert decoded == []


def test_a_damaged_memory_is_none(root, tmp_path, decoded):
    first = open_dataset(root, tmp_path / "work")
    (kept,) = (tmp_path / "work/decodable").iterdir()
    kept.write_bytes(kept.read_bytes()[:-3])
    decoded.clear()
    assert open_dataset(root, tmp_path / "work") == first
    assert decoded


def test_a_check_looks_at_what_was_opened_only_once(root, monkeypatch):
    glances: dict[str, Glance] = {}
    dataset = open_dataset(root, glances=glances)
    assert glances.keys() == {item.sha256 for item in dataset.items("train")}

    def look(path, name):
        raise AssertionError(f"{name} was seen already")

    report = check(dataset, look, glances=glances)
    found = {one.kind: one for one in report.findings}
    assert (
        found["unreadable"].title == f"All {len(dataset.items('train'))} other images can be read"
    )
    assert any("cannot be read and are left out" in one.title for one in report.findings)


def test_what_is_left_out_by_hand_is_not_decoded(root, tmp_path, decoded):
    exclude(open_dataset(root, decode=False), ["fox/half.png"])
    assert "half.png" not in names(open_dataset(root).unreadable)
    assert "fox/half.png" not in decoded


def test_a_data_set_without_one_whole_image_is_one_sentence(tree):
    root = tree({"fox": 1, "owl": 1})
    for path in root.rglob("*.png"):
        path.write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"No image of 'set' can be read: 'fox/img0.png': it is not"
    ):
        open_dataset(root)
