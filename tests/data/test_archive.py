"""Zips: good ones of every tool are unpacked, and hostile ones leave nothing on disk."""

import contextlib
import io
import os
import re
import stat
import struct
import zipfile

import pytest

from core.data.archive import unpack
from core.data.labels import LARGEST_BYTES
from core.data.limits import Limits
from core.errors import UserError

IMAGE = b"not decoded here"
GOOD = ("good/1.jpg", IMAGE)


def make_zip(path, members, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for name, data in members:
            file.writestr(name, data)
    return path


def everything_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def assert_refused(path, workspace, match, limits=None):
    with pytest.raises(UserError, match=match) as caught:
        unpack(path, workspace, limits)
    assert str(caught.value).startswith(f"'{path.name}' was not unpacked: ")
    assert str(path.parent) not in str(caught.value)
    assert not workspace.exists() or everything_below(workspace) == []


def assert_left_out(path, workspace, match):
    """Asserts that the bad file is named with its reason and the good one is unpacked."""
    unpacked = unpack(path, workspace)
    (reason,) = [reason for _, reason in unpacked.refused]
    assert re.search(match, reason)
    assert "good/1.jpg" in unpacked.paths
    assert [name for name in everything_below(unpacked.folder) if name.endswith("g")] == [
        "good/1.jpg"
    ]


def member(name, **fields):
    info = zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def test_images_labels_and_settings_are_written_and_the_rest_is_only_listed(tmp_path):
    names = ["fox/1.jpg", "dataset.yaml", "a.csv", "readme.txt", "__MACOSX/fox/._1.jpg"]
    path = make_zip(tmp_path / "a.zip", [(name, IMAGE) for name in names])
    unpacked = unpack(path, tmp_path / "work")
    assert unpacked.paths == tuple(names)
    assert everything_below(unpacked.folder) == ["a.csv", "dataset.yaml", "fox", "fox/1.jpg"]
    assert (unpacked.folder / "fox/1.jpg").read_bytes() == IMAGE


def test_files_of_labels_do_not_count_as_images_and_large_ones_are_left_packed(tmp_path):
    names = ["fox/1.jpg", *(f"fox/{n}.xml" for n in range(5))]
    path = make_zip(tmp_path / "a.zip", [(name, IMAGE) for name in names])
    assert unpack(path, tmp_path / "work", Limits(images=1)).paths == tuple(names)
    large = [("fox/1.jpg", IMAGE), ("all.csv", bytes(LARGEST_BYTES + 1))]
    unpacked = unpack(make_zip(tmp_path / "b.zip", large), tmp_path / "work")
    assert everything_below(unpacked.folder) == ["fox", "fox/1.jpg"]


def test_the_same_zip_is_unpacked_once(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", IMAGE)])
    first = unpack(path, tmp_path / "work")
    written = (first.folder / "fox/1.jpg").stat().st_mtime_ns
    again = unpack(path.rename(tmp_path / "b.zip"), tmp_path / "work")
    assert again == first
    assert (again.folder / "fox/1.jpg").stat().st_mtime_ns == written
    assert len(list((tmp_path / "work").iterdir())) == 1


@pytest.mark.parametrize("cut", [lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_a_copy_that_a_power_cut_spoiled_is_unpacked_again(tmp_path, cut):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", IMAGE), ("fox/2.jpg", IMAGE)])
    cut(unpack(path, tmp_path / "work").folder / "fox/1.jpg")
    assert (unpack(path, tmp_path / "work").folder / "fox/1.jpg").read_bytes() == IMAGE


def test_an_empty_folder_is_listed_and_a_filled_one_is_not(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("owl/", b""), ("fox/", b""), ("fox/1.jpg", IMAGE)])
    assert set(unpack(path, tmp_path / "work").paths) == {"owl/", "fox/1.jpg"}


def test_names_in_utf8_that_do_not_say_so_are_read_right(tmp_path):
    """A zip as macOS Finder writes it."""
    path = make_zip(tmp_path / "a.zip", [("cr\xe8me/1.jpg", IMAGE)])
    raw = path.read_bytes()
    for header, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = raw.index(header) + at
        (flags,) = struct.unpack_from("<H", raw, start)
        raw = raw[:start] + struct.pack("<H", flags & ~0x800) + raw[start + 2 :]
    path.write_bytes(raw)
    assert unpack(path, tmp_path / "work").paths == ("crème/1.jpg",)


def test_backslashes_of_old_windows_tools_are_folders(tmp_path):
    path = make_zip(
        tmp_path / "a.zip", [("fox\\", b""), ("fox\\1.jpg", IMAGE), ("./owl/1.jpg", IMAGE)]
    )
    assert unpack(path, tmp_path / "work").paths == ("fox/1.jpg", "owl/1.jpg")


OUTSIDE = [
    "../evil.jpg",
    "fox/../../evil.jpg",
    "fox/../evil.jpg",
    "/etc/evil.jpg",
    "//host/evil.jpg",
    "C:/evil.jpg",
    "C:evil.jpg",
    "..\\evil.jpg",
    "\\evil.jpg",
    "..",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_points_outside_is_left_out(tmp_path, name):
    path = make_zip(tmp_path / "a.zip", [GOOD, (name, IMAGE)])
    assert_left_out(path, tmp_path / "work", "points outside of the archive")
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("name", ["fox/a\nb.jpg", "fox/\x1b[2J.jpg", "fox/\x7f.jpg"])
def test_control_characters_are_left_out(tmp_path, name):
    path = make_zip(tmp_path / "a.zip", [(name, IMAGE), GOOD])
    assert_left_out(path, tmp_path / "work", "control characters")


@pytest.mark.parametrize("name", ["f" * 300 + ".jpg", "/".join(["fox"] * 400) + "/1.jpg"])
def test_a_name_that_no_disk_takes_is_left_out(tmp_path, name):
    path = make_zip(tmp_path / "a.zip", [(name, IMAGE), GOOD])
    assert_left_out(path, tmp_path / "work", "too long")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFBLK, stat.S_IFSOCK])
def test_links_and_devices_are_left_out(tmp_path, kind):
    link = member("fox/1.jpg", external_attr=(kind | 0o777) << 16, create_system=3)
    path = make_zip(tmp_path / "a.zip", [(link, b"/etc/passwd"), GOOD])
    assert_left_out(path, tmp_path / "work", "a link or a device")


def test_an_encrypted_zip_is_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", IMAGE)])
    raw = bytearray(path.read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(raw)
    assert_refused(path, tmp_path / "work", "is encrypted")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_bound_are_left_out(tmp_path, method):
    path = make_zip(tmp_path / "a.zip", [GOOD])
    with zipfile.ZipFile(path, "a", method) as file:
        file.writestr("fox/1.jpg", bytes(1000))
    assert_left_out(path, tmp_path / "work", "other than the usual")


def test_too_many_images_are_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [(f"fox/{n}.jpg", IMAGE) for n in range(6)])
    assert_refused(path, tmp_path / "work", "holds 6 images, at most 5", Limits(images=5))


def test_too_many_bytes_are_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", os.urandom(1001))])
    assert_refused(path, tmp_path / "work", "unpacks to", Limits(kept_bytes=1000))


def test_a_bomb_is_refused_by_its_ratio(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", bytes(70_000_000))])
    assert path.stat().st_size < 100_000
    assert_refused(path, tmp_path / "work", "times its size, more than 100 times")


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", bytes(5_000_000))])
    raw = path.read_bytes()
    path.write_bytes(raw.replace(struct.pack("<L", 5_000_000), struct.pack("<L", 100)))
    assert_refused(path, tmp_path / "work", "damaged")


def test_members_that_share_bytes_are_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", os.urandom(99)), ("fox/2.jpg", IMAGE)])
    raw = bytearray(path.read_bytes())
    second = raw.rindex(b"PK\x01\x02")
    raw[second + 42 : second + 46] = struct.pack("<L", 0)
    path.write_bytes(raw)
    assert_refused(path, tmp_path / "work", "overlaps|damaged")


def test_of_a_name_that_is_there_twice_the_first_is_used(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", IMAGE), ("fox/1.jpg", b"other")])
    unpacked = unpack(path, tmp_path / "work")
    assert unpacked.refused == (("fox/1.jpg", "it is in the zip twice; the first one is used"),)
    assert (unpacked.folder / "fox/1.jpg").read_bytes() == IMAGE


def test_a_file_that_is_also_a_folder_is_left_out(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox.jpg", IMAGE), ("fox.jpg/1.jpg", IMAGE)])
    unpacked = unpack(path, tmp_path / "work")
    assert unpacked.refused == (("fox.jpg", "it is a file and a folder at once"),)
    assert unpacked.paths == ("fox.jpg/1.jpg",)


def test_a_huge_table_of_contents_is_refused_before_it_is_read(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", IMAGE)])
    raw = bytearray(path.read_bytes())
    end = raw.rindex(b"PK\x05\x06")
    raw[end + 12 : end + 16] = struct.pack("<L", 2**31)
    path.write_bytes(raw)
    assert_refused(path, tmp_path / "work", "far more than")


def zip64(path, directory_bytes=None):
    """The same zip with the zip64 end record of large or streamed archives."""
    raw = path.read_bytes()
    end = raw.rindex(b"PK\x05\x06")
    entries, size, offset = struct.unpack_from("<HLL", raw, end + 10)
    size = size if directory_bytes is None else directory_bytes
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, entries, entries, size, offset
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    path.write_bytes(raw[:end] + record + locator + raw[end:])
    return path


def test_zip64_is_read(tmp_path):
    path = zip64(make_zip(tmp_path / "a.zip", [GOOD]))
    assert unpack(path, tmp_path / "work").paths == ("good/1.jpg",)


def test_a_huge_table_of_a_zip64_is_refused_before_it_is_read(tmp_path):
    path = zip64(make_zip(tmp_path / "a.zip", [GOOD]), directory_bytes=2**40)
    assert_refused(path, tmp_path / "work", "far more than")


def test_a_zip64_that_names_another_table_is_refused(tmp_path):
    path = zip64(make_zip(tmp_path / "a.zip", [GOOD]))
    raw = bytearray(path.read_bytes())
    raw[raw.rindex(b"PK\x06\x07") + 8] ^= 1
    path.write_bytes(raw)
    assert_refused(path, tmp_path / "work", "not where it says")


def whole_zip(tmp_path):
    return make_zip(tmp_path / "a.zip", [("fox/1.jpg", os.urandom(3000)), ("fox/2.jpg", IMAGE)])


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.95, 0.99])
def test_a_cut_zip_is_refused(tmp_path, keep):
    path = whole_zip(tmp_path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * keep)])
    assert_refused(path, tmp_path / "work", "not a whole zip file|damaged")


def test_a_flipped_bit_costs_its_own_file_only(tmp_path):
    path = whole_zip(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[1500] ^= 1
    path.write_bytes(raw)
    for _ in range(2):  # unpacked, then found unpacked
        unpacked = unpack(path, tmp_path / "work")
        ((name, reason),) = unpacked.refused
        assert name == "fox/1.jpg"
        assert "damaged" in reason
        assert unpacked.paths == ("fox/2.jpg",)
        assert not (unpacked.folder / "fox/1.jpg").exists()


def test_a_zip_of_which_no_file_is_left_is_refused(tmp_path):
    path = make_zip(tmp_path / "a.zip", [("fox/1.jpg", os.urandom(3000))])
    raw = bytearray(path.read_bytes())
    raw[1500] ^= 1
    path.write_bytes(raw)
    assert_refused(path, tmp_path / "work", r"'fox/1\.jpg': it is damaged")


def test_any_flipped_byte_is_unpacked_or_refused_and_never_crashes(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("fox/1.jpg", b"abc" * 20)
    raw, path, work = buffer.getvalue(), tmp_path / "a.zip", tmp_path / "work"
    for position in range(len(raw)):
        path.write_bytes(raw[:position] + bytes([raw[position] ^ 0xFF]) + raw[position + 1 :])
        with contextlib.suppress(UserError):
            unpack(path, work)
    assert not [name for name in everything_below(work) if "unpacking" in name]
    assert {entry.name for entry in tmp_path.iterdir()} == {"a.zip", "work"}
