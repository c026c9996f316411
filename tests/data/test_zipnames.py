"""Names in a zip without a declared encoding are read as their author wrote them."""

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from core.data.archive import unpack
from core.data.assemble import place_zip
from core.data.curation import rename
from core.data.health import check
from core.data.ingest import open_dataset
from core.data.zipnames import ENCODINGS, ZipNames, other_readings
from core.errors import UserError


class Raw(zipfile.ZipInfo):
    """A zip entry whose name has exactly these bytes."""

    def __init__(self, raw, extra=b""):
        super().__init__(f"stand-in {raw.hex()}")
        self.raw, self.extra = raw, extra

    def _encodeFilenameFlags(self):
        return self.raw, 0


def picture(number):
    data = io.BytesIO()
    Image.new("RGB", (40, 40), (number % 256, number // 256, 9)).save(data, "PNG")
    return data.getvalue()


def make_zip(path, members):
    """`members` are (name, encoding); None is UTF-8 with its flag. All images differ."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, (name, encoding) in enumerate(members):
            info = zipfile.ZipInfo(name) if encoding is None else Raw(name.encode(encoding))
            archive.writestr(info, picture(number))
    return path


def zipped(path, classes, encoding):
    return make_zip(path, [(f"{name}/{n}.png", encoding) for name in classes for n in range(2)])


def field(raw, name, version=1, crc=None):
    """A Unicode Path field."""
    told = zlib.crc32(raw) if crc is None else crc
    data = struct.pack("<BL", version, told) + name
    return struct.pack("<HH", 0x7075, len(data)) + data


WRITTEN = {
    "cp932": (["犬", "猫", "鳥"], ["いぬ", "ネコ", "赤い車"], ["柴犬", "Tシャツ", "バス"]),
    "gb18030": (["苹果", "香蕉", "汽车"], ["向日葵", "玫瑰"], ["正常", "缺陷", "划痕"]),
    "big5": (["蘋果", "香蕉"], ["汽車", "腳踏車"], ["大象", "老虎", "熊貓"]),
    "euc_kr": (["고양이", "개", "새"], ["사과", "바나나"], ["정상", "불량"]),
    "cp866": (["кошка", "собака"], ["Дуб", "Ель"], ["брак", "норма"]),
    "cp1251": (["кошка", "собака"], ["Дуб", "Ель"], ["брак", "норма"]),
    "cp437": (["Bär", "Löwe"], ["éléphant", "chèvre"], ["pingüino", "niño"]),
    "cp850": (["Bär", "Löwe"], ["éléphant", "forêt"], ["leão", "cão", "maçã"]),
    "cp1252": (["Bär", "Löwe"], ["éléphant", "zèbre"], ["pingüino", "jalapeño"]),
    "latin-1": (["Übung", "Straße"], ["björn", "älg"], ["måke", "Ørn"]),
    "cp1250": (["żółw", "wąż", "łoś"],),
    "cp1253": (["σκύλος", "γάτα"],),
    "utf-8": (["żółw", "猫"], ["e\u0301le\u0301phant", "é"], ["кошка", "собака"]),
}


@pytest.mark.parametrize(
    ("encoding", "classes"), [(one, names) for one, sets in WRITTEN.items() for names in sets]
)
def test_names_are_read_in_the_encoding_that_they_were_written_in(tmp_path, encoding, classes):
    unpacked = unpack(zipped(tmp_path / "a.zip", classes, encoding), tmp_path / "work")
    assert {path.split("/")[0] for path in unpacked.paths} == set(classes)
    if encoding == "utf-8":
        assert unpacked.note is None
    else:
        assert "declares no encoding of names; read as " in unpacked.note
        assert all(name in unpacked.note for name in classes if not name.isascii())


def test_names_in_ascii_leave_nothing_to_guess(tmp_path):
    assert unpack(zipped(tmp_path / "a.zip", ["fox"], "cp437"), tmp_path / "work").note is None


def test_names_with_a_flag_are_what_they_say_beside_others(tmp_path):
    members = [
        ("żółw/1.png", None),
        ("犬/1.png", "cp932"),
        ("猫/2.png", "cp932"),
        ("é/3.png", None),
    ]
    unpacked = unpack(make_zip(tmp_path / "a.zip", members), tmp_path / "work")
    assert unpacked.paths == tuple(name for name, _ in members)
    assert "Shift-JIS (cp932): 犬, 猫." in unpacked.note


def test_two_tools_may_have_packed_one_zip(tmp_path):
    members = [("кошка/1.png", "utf-8"), ("собака/1.png", "cp866"), ("птица/1.png", "cp866")]
    unpacked = unpack(make_zip(tmp_path / "a.zip", members), tmp_path / "work")
    assert unpacked.paths == tuple(name for name, _ in members)


def test_the_unicode_path_field_counts_if_it_was_written_for_this_name():
    raw = "猫".encode("cp437", "replace")
    true = ZipNames([right := Raw(raw, field(raw, "猫".encode()))])
    right.orig_filename = raw.decode("cp437")
    assert true[right] == "猫"
    assert true.note is None
    wrong = {
        "another name's": field(raw, "猫".encode(), crc=7),
        "another version": field(raw, "猫".encode(), version=2),
        "no UTF-8": field(raw, b"\xff\xfe"),
        "cut": field(raw, "猫".encode())[:-1],
        "empty": field(raw, b""),
        "too short": struct.pack("<HHB", 0x7075, 1, 1),
    }
    for extra in wrong.values():
        info = Raw(raw, extra)
        info.orig_filename = raw.decode("cp437")
        assert ZipNames([info])[info] == "?"
    other = struct.pack("<HH4s", 0x5455, 4, b"time")
    info = Raw(raw, other + field(raw, "猫".encode()))
    info.orig_filename = raw.decode("cp437")
    assert ZipNames([info])[info] == "猫"


def test_a_person_may_know_the_encoding_better(tmp_path):
    path = zipped(tmp_path / "a.zip", ["犬", "猫"], "cp932")
    guessed, told = unpack(path, tmp_path), unpack(path, tmp_path, names="cp866")
    assert told.note is None
    assert told.folder != guessed.folder, "neither takes the other's files away"
    assert told.paths[0] == "犬".encode("cp932").decode("cp866") + "/0.png"
    assert unpack(path, tmp_path, names="Shift_JIS").paths == guessed.paths


@pytest.mark.parametrize("wrong", ["cp93", "rot13", "../x", "hex", ""])
def test_an_encoding_that_nobody_knows_is_one_sentence(tmp_path, wrong):
    path = zipped(tmp_path / "a.zip", ["犬"], "cp932")
    with pytest.raises(UserError, match="encoding: there is no "):
        unpack(path, tmp_path, names=wrong)


def test_every_encoding_that_is_guessed_is_one_that_python_knows():
    for encoding in ENCODINGS:
        assert ZipNames([], encoding).encoding


def test_a_data_set_and_an_upload_say_how_names_were_read(tmp_path):
    path = zipped(tmp_path / "pets.zip", ["犬", "猫"], "cp932")
    dataset = open_dataset(path, tmp_path / "work")
    assert dataset.classes == ("犬", "猫")
    assert "Shift-JIS" in dataset.report.warnings[0]
    assert dataset.notes == dataset.report.warnings[:1], "a run says it too"
    report = place_zip(path, tmp_path / "root")
    assert sorted(p.name for p in (tmp_path / "root/train").iterdir()) == ["犬", "猫"]
    assert "Shift-JIS" in report.warnings[0]


def test_thousands_of_names_are_read_at_once(tmp_path):
    members = [(f"犬{n % 7}/写真{n}.png", "cp932") for n in range(3000)]
    infos = []
    for name, encoding in members:
        info = Raw(name.encode(encoding))
        info.orig_filename = info.raw.decode("cp437")
        infos.append(info)
    names = ZipNames(infos)
    assert [names[info] for info in infos] == [name for name, _ in members]


def test_other_readings_are_offered_the_likeliest_first():
    misread = [name.encode("cp932").decode("cp1252") for name in ("ネコ", "トリ")]
    titles, texts = zip(*other_readings([*misread, "fox"], "cp1252"), strict=True)
    assert titles[0] == "Shift-JIS (cp932)"
    assert texts[0] == dict(zip(misread, ("ネコ", "トリ"), strict=True))
    assert other_readings(["fox", "red owl"], "cp932") == []
    assert other_readings(["ネコ renamed by hand ☃"], "cp932") == []


def test_an_upload_keeps_what_was_guessed_and_data_offers_the_rest(tmp_path):
    place_zip(zipped(tmp_path / "animals.zip", ("猫", "犬"), "cp932"), tmp_path / "set")
    dataset = open_dataset(tmp_path / "set")
    assert dataset.zip_names == "cp932"
    offered = [one for one in check(dataset).findings if one.kind.startswith("zip-names")]
    assert offered
    assert all(len(one.names) == 2 for one in offered)
    rename(dataset, {folder: "cat" for folder, _, _ in offered[0].names[:1]})
    rest = [f for f in check(open_dataset(tmp_path / "set")).findings if "zip-names" in f.kind]
    assert all(len(one.names) == 1 for one in rest)
