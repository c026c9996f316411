"""Kept hashes are those of the bytes, whatever happens to the files and the cache."""

import hashlib
import os
import subprocess
import sys
import time

import pytest

from core.data import hashes
from core.data.hashes import hash_files, place_of
from core.data.ingest import open_dataset

PATHS = ("a/1.png", "a/2.png", "b/ä 3.png")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "data"
    for number, path in enumerate(PATHS):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"%d" % number * 100)
    return folder


@pytest.fixture
def kept(root, tmp_path):
    return place_of(root, tmp_path / "work")


@pytest.fixture
def later(monkeypatch):
    """Moves the clock a minute ahead, so that files count as old enough to keep their hashes."""
    monkeypatch.setattr(hashes, "time_ns", lambda: time.time_ns() + 60 * 10**9)


def truth(root, paths=PATHS):
    return [hashlib.sha256((root / path).read_bytes()).hexdigest() for path in paths]


def read(monkeypatch):
    """A list that receives the name of every file that is read from now on."""
    seen = []
    real = hashes.file_sha256

    def digest(file):
        seen.append(os.path.basename(file.name))
        return real(file)

    monkeypatch.setattr(hashes, "file_sha256", digest)
    return seen


def edit(path, data=b"x" * 100):
    """Writes other bytes of the same length and restores the old times."""
    before = path.stat()
    time.sleep(0.02)  # the kernel's clock for files goes in steps of up to 10 ms
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def test_files_that_did_not_change_are_not_read_again(root, kept, later, monkeypatch):
    first = hash_files(root, PATHS, kept)
    assert first == truth(root) == hash_files(root, PATHS)
    seen = read(monkeypatch)
    assert hash_files(root, PATHS, kept) == first
    assert seen == []


def test_only_what_is_new_is_read(root, kept, later, monkeypatch):
    hash_files(root, PATHS[:2], kept)
    seen = read(monkeypatch)
    assert hash_files(root, PATHS, kept) == truth(root)
    assert seen == ["ä 3.png"]


def test_an_edit_of_the_same_size_is_seen(root, kept, later):
    hash_files(root, PATHS, kept)
    (root / PATHS[0]).write_bytes(b"x" * 100)
    assert hash_files(root, PATHS, kept) == truth(root)


@pytest.mark.skipif(sys.platform == "win32", reason="no time of an inode's change")
def test_an_edit_that_puts_the_old_time_back_is_seen(root, kept, later):
    hash_files(root, PATHS, kept)
    edit(root / PATHS[0])
    assert hash_files(root, PATHS, kept) == truth(root)


def test_another_file_with_the_same_size_and_time_is_seen(root, kept, later):
    hash_files(root, PATHS, kept)
    edit(root / PATHS[1], b"y" * 100)
    os.replace(root / PATHS[1], root / PATHS[0])
    (root / PATHS[1]).write_bytes(b"z")
    assert hash_files(root, PATHS, kept) == truth(root)


@pytest.mark.parametrize("is_young", [True, False])
def test_a_file_as_young_as_its_hash_is_not_trusted(root, kept, monkeypatch, is_young):
    now = time.time_ns()
    age = 0 if is_young else 10**10
    monkeypatch.setattr(hashes, "_state", lambda of: [of.st_size, now - age, now - age, 1])
    hash_files(root, PATHS, kept)
    (root / PATHS[0]).write_bytes(b"x" * 100)  # to these eyes the same state
    found = hash_files(root, PATHS, kept)
    assert (found == truth(root)) is is_young, "an old one shows that the rule is what counts"


def test_a_time_to_come_is_not_trusted(root, kept, later, monkeypatch):
    to_come = time.time_ns() + 10**15
    os.utime(root / PATHS[0], ns=(to_come, to_come))
    hash_files(root, PATHS, kept)
    seen = read(monkeypatch)
    hash_files(root, PATHS, kept)
    assert seen == ["1.png"]


def test_a_file_that_changes_while_it_is_hashed_is_hashed_again(root, kept, later, monkeypatch):
    real = hashes.file_sha256

    def meanwhile(file):
        found = real(file)
        if file.name.endswith("1.png"):
            time.sleep(0.02)
            (root / PATHS[0]).write_bytes(b"x" * 100)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(hashes, "file_sha256", meanwhile)
        hash_files(root, PATHS, kept)
    assert hash_files(root, PATHS, kept) == truth(root)


def test_what_is_gone_or_empty_has_no_hash_and_is_forgotten(root, kept, later):
    hash_files(root, PATHS, kept)
    (root / PATHS[0]).unlink()
    (root / PATHS[1]).write_bytes(b"")
    (root / "a/link.png").symlink_to("nowhere")
    paths = (*PATHS, "a/link.png")
    assert hash_files(root, paths, kept) == [None, None, *truth(root, PATHS[2:]), None]
    assert list(hashes._known(kept)) == [PATHS[2]]


def test_a_folder_in_the_place_of_another_has_hashes_of_its_own(root, kept, later, tmp_path):
    hash_files(root, PATHS, kept)
    other = tmp_path / "other"
    root.rename(other)
    root.mkdir()
    for path in PATHS:
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(b"other")
    assert hash_files(other, PATHS, kept) == truth(other)
    assert hash_files(root, PATHS, kept) == truth(root)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"evenkeel hashes 1", b"evenkeel hashes 0"),
        lambda data: data[:-70] + bytes(70),
        lambda data: b"\n" + data,
        lambda data: data.replace(b'"],', b'0],', 1),
    ],
    ids=["empty", "torn", "another format", "zeros at the end", "no head", "another digit"],
)  # fmt: skip
def test_a_damaged_cache_is_ignored_and_made_again(root, kept, later, monkeypatch, damage):
    hash_files(root, PATHS, kept)
    whole = kept.read_bytes()
    assert damage(whole) != whole
    kept.write_bytes(damage(whole))
    seen = read(monkeypatch)
    assert hash_files(root, PATHS, kept) == truth(root)
    assert sorted(seen) == ["1.png", "2.png", "ä 3.png"]
    assert kept.read_bytes() == whole


def test_without_a_place_to_write_hashes_are_taken_each_time(root, later, tmp_path):
    (tmp_path / "work").write_text("a file where the folder should be")
    for _ in range(2):
        assert hash_files(root, PATHS, place_of(root, tmp_path / "work")) == truth(root)


def test_a_write_that_fails_leaves_nothing_behind(root, kept, later, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(hashes.os, "replace", full)
    assert hash_files(root, PATHS, kept) == truth(root)
    assert list(kept.parent.iterdir()) == []


OPEN_OFTEN = """
import sys
from core.data import hashes
hashes.YOUNG_SECONDS = -1000
from core.data.hashes import hash_files
from pathlib import Path
for turn in range(60):
    paths = [p for n, p in enumerate(sys.argv[3:]) if (n + turn) % 3]
    print(hash_files(Path(sys.argv[1]), paths, Path(sys.argv[2])) )
"""


def test_several_processes_at_once_agree(root, kept):
    command = [sys.executable, "-c", OPEN_OFTEN, str(root), str(kept), *PATHS]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate(timeout=120)[0] for process in running]
    right = list(enumerate(truth(root)))
    expected = [str([one for n, one in right if (n + turn) % 3]) for turn in range(60)]
    assert [text.splitlines() for text in said] == [expected] * 4
    assert list(kept.parent.iterdir()) == [kept]
    assert hashes._known(kept)


def test_a_data_set_is_the_same_with_kept_hashes(tree, tmp_path, later, monkeypatch):
    root, work = tree({"train/fox": 3, "train/owl": 2, "ood/ink/owl": 1}), tmp_path / "work"
    first = open_dataset(root, work)
    seen = read(monkeypatch)
    assert open_dataset(root, work) == first
    assert seen == []
    assert open_dataset(root) == first
    assert len(seen) == 6, "without a workspace nothing is kept"
    assert {path.name for path in work.iterdir()} == {"hashes", "decodable"}
