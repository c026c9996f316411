import json
import os
import shutil
import sqlite3
import threading

import pytest

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.ledger.backup import LIST_NAME, back_up, restore
from jobs.queueing import submit
from jobs.settings import Settings

CONFIG = RunConfig(data="/images")


@pytest.fixture
def job(settings):
    """A run, images whose class has an unlucky name, and what need not be copied."""
    job = submit(settings, CONFIG)
    (settings.run_folder(job.id).path / "classifier.safetensors").write_bytes(b"weights" * 1000)
    images = settings.home / "datasets" / "wood" / "train" / "logs"
    images.mkdir(parents=True)
    (images / "1.png").write_bytes(b"image")
    for name in ("cache/a", "exports/b", "tmp/c", "up.lock", "runs/.record.json.7.tmp"):
        (settings.home / name).write_text("not needed")
    return job


@pytest.fixture
def elsewhere(tmp_path):
    return Settings(home=tmp_path / "elsewhere")


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_comes_back_is_what_was_there_and_nothing_that_can_be_made_again(
    settings, job, elsewhere, tmp_path
):
    made = back_up(settings, tmp_path / "copy")
    restore(elsewhere, tmp_path / "copy")
    run = f"runs/{job.id}"
    kept = {"datasets/wood/train/logs/1.png", f"{run}/classifier.safetensors", f"{run}/config.json"}
    assert files_in(elsewhere.home) == set(made.files) == kept | {"studio.db"}
    for name in kept:
        assert (elsewhere.home / name).read_bytes() == (settings.home / name).read_bytes()
    assert Ledger(elsewhere).list() == Ledger(settings).list() == [job]
    assert submit(elsewhere, CONFIG).state == "queued"


def test_a_copy_is_for_its_owner_alone(settings, job, elsewhere, tmp_path):
    back_up(settings, tmp_path / "copy")
    restore(elsewhere, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    assert elsewhere.ledger_path.stat().st_mode & 0o077 == 0


def test_a_copy_that_is_taken_while_runs_are_queued_is_one_moment_of_the_ledger(
    settings, job, elsewhere, tmp_path
):
    ledger, stop = Ledger(settings), threading.Event()

    def write() -> None:
        while not stop.is_set():
            ledger.submit(CONFIG)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        before = len(ledger.list(10_000))
        back_up(settings, tmp_path / "copy")
    finally:
        stop.set()
        writer.join()
    restore(elsewhere, tmp_path / "copy")
    copied = Ledger(elsewhere).list(10_000)
    assert before <= len(copied) <= len(ledger.list(10_000))
    assert {job.id for job in copied} <= {job.id for job in ledger.list(10_000)}


def flip(copy):
    path = next(copy.rglob("classifier.safetensors"))
    path.write_bytes(b"W" + path.read_bytes()[1:])


def lose(copy):
    (copy / "studio.db").unlink()


def lose_the_list(copy):
    (copy / LIST_NAME).unlink()


def cut_the_list(copy):
    (copy / LIST_NAME).write_text((copy / LIST_NAME).read_text()[:-20])


def climb(copy):
    backup = json.loads((copy / LIST_NAME).read_text())
    backup["files"]["../escaped"] = ""
    (copy / LIST_NAME).write_text(json.dumps(backup))


@pytest.mark.parametrize("harm", [flip, lose, lose_the_list, cut_the_list, climb])
def test_a_copy_that_is_not_whole_is_refused_and_nothing_written(
    settings, job, elsewhere, tmp_path, harm
):
    back_up(settings, tmp_path / "copy")
    harm(tmp_path / "copy")
    with pytest.raises(UserError, match="restore: "):
        restore(elsewhere, tmp_path / "copy")
    assert not files_in(elsewhere.home)


def test_a_home_that_holds_anything_is_left_as_it_is(settings, job, elsewhere, tmp_path):
    back_up(settings, tmp_path / "copy")
    other = submit(elsewhere, CONFIG)
    with pytest.raises(UserError, match="must be empty"):
        restore(elsewhere, tmp_path / "copy")
    assert [job.id for job in Ledger(elsewhere).list()] == [other.id]


def test_a_folder_that_holds_something_or_lies_in_the_home_is_refused(settings, job, tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "mine").write_text("")
    for target in (tmp_path / "copy", settings.home / "copy"):
        with pytest.raises(UserError, match="backup: "):
            back_up(settings, target)
    assert files_in(tmp_path / "copy") == {"mine"}


def test_a_damaged_ledger_makes_no_backup(settings, job, tmp_path):
    settings.ledger_path.write_bytes(b"this is no database" * 1000)
    with pytest.raises(UserError, match="evenkeel doctor"):
        back_up(settings, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_disk_that_fills_up_leaves_nothing_half(settings, job, tmp_path, monkeypatch):
    def full(_source: object, _target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(UserError, match="No space left"):
        back_up(settings, tmp_path / "copy")
    assert not {name for name in os.listdir(tmp_path) if "copy" in name}


def test_runs_that_lie_on_another_disk_are_copied_too(settings, job, tmp_path):
    (settings.home / "runs").rename(tmp_path / "big-disk")
    (settings.home / "runs").symlink_to(tmp_path / "big-disk")
    assert f"runs/{job.id}/config.json" in back_up(settings, tmp_path / "copy").files


def test_the_ledger_is_copied_with_what_is_still_in_its_log(settings, job, tmp_path):
    with sqlite3.connect(settings.ledger_path) as held:
        held.execute("SELECT count(*) FROM job").fetchall()  # keeps the log from being merged
        late = Ledger(settings).submit(CONFIG)
        assert settings.ledger_path.with_name("studio.db-wal").stat().st_size
        back_up(settings, tmp_path / "copy")
    held.close()
    with sqlite3.connect(tmp_path / "copy" / "studio.db") as copy:
        ids = {row[0] for row in copy.execute("SELECT id FROM job")}
    copy.close()
    assert ids == {job.id, late.id}
