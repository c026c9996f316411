"""Checkpoints on disk: whole or not at all, two of them, and a damaged one costs only itself."""

import json
import os
from pathlib import Path

import pytest
import torch

from core import durable
from core.errors import DiskFull
from core.results.records import RunConfig
from core.results.runs import KeptCheckpoint, RunFolder
from core.training.checkpoints import POSITION, SUMS, TENSORS, Checkpoints, Keeping, Position

CONFIG = RunConfig(data="here")
STATE = {"weight": torch.arange(6.0).reshape(2, 3), "draws": torch.arange(8, dtype=torch.uint8)}


def opened(folder, config=CONFIG, **keeping) -> Checkpoints:
    return Checkpoints(RunFolder(folder), config, Keeping(**{"reserve_bytes": 0, **keeping}))


@pytest.fixture
def two(tmp_path):
    """A folder with checkpoints at steps 10 and 20."""
    store = opened(tmp_path)
    for step in (10, 20):
        store.save(Position(step=step, parts=2, best=0.5), STATE, "images")
    store.close()
    return RunFolder(tmp_path)


def test_a_checkpoint_comes_back_as_it_was(two):
    found = opened(two.path).newest("images")
    assert (found.position.step, found.position.parts, found.position.best) == (20, 2, 0.5)
    assert found.state.keys() == STATE.keys()
    assert all(torch.equal(found.state[name], STATE[name]) for name in STATE)


def test_two_are_kept_and_later_attempts_come_first(two):
    store = opened(two.path)
    store.save(Position(step=15), STATE, "images")
    store.close()
    kept = [(each.attempt, each.step) for each in two.checkpoints()]
    assert kept == [(2, 15), (1, 20)]


def cut(path):
    file = path / TENSORS
    file.write_bytes(file.read_bytes()[:-1])


def flipped(path):
    file = path / TENSORS
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def moved_on(path):
    file = path / POSITION
    file.write_text(json.dumps({**json.loads(file.read_text()), "step": 99}))


def emptied(path):
    (path / POSITION).write_text("")


def without_checksums(path):
    (path / SUMS).unlink()


def without_tensors(path):
    (path / TENSORS).unlink()


@pytest.mark.parametrize(
    "damage", [cut, flipped, moved_on, emptied, without_checksums, without_tensors]
)
def test_of_a_damaged_one_it_is_said_and_the_one_before_is_taken(two, damage):
    newest: KeptCheckpoint = two.checkpoints()[0]
    damage(newest.path)
    store = opened(two.path)
    assert store.newest("images").position.step == 10
    [sentence] = store.complaints()
    assert sentence.startswith("The checkpoint attempts/1/checkpoints/0-00000020 was skipped: ")
    assert str(two.path) not in sentence
    assert not newest.path.exists()
    assert store.complaints() == []


def test_checkpoints_of_other_images_are_skipped_and_those_of_another_config_removed(two):
    store = opened(two.path)
    assert store.may_resume
    assert store.newest("other images") is None
    assert len(store.complaints()) == 2

    opened(two.path).save(Position(step=1), STATE, "images")
    other = opened(two.path, CONFIG.model_copy(update={"seed": 1}))
    assert not other.may_resume
    assert two.checkpoints() == []


def test_what_a_killed_writer_left_is_cleared_away(two):
    leftover = two.checkpoints()[0].path.with_name(".0-00000030.1.tmp")
    leftover.mkdir()
    (leftover / TENSORS).write_text("half")
    assert len(two.checkpoints()) == 2
    opened(two.path)
    assert not leftover.exists()


def test_a_disk_without_room_for_the_reserve_or_for_three_checkpoints_is_refused(tmp_path):
    opened(tmp_path).require_room(1000)
    with pytest.raises(DiskFull, match=r"needs 1048576\.0 GiB free"):
        opened(tmp_path, reserve_bytes=1 << 50).require_room()
    with pytest.raises(DiskFull):
        opened(tmp_path).require_room(1 << 50)


def test_epochs_get_a_checkpoint_unless_they_are_short_and_long_ones_several(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    store = opened(tmp_path)
    now[0] = 4.9
    assert not store.is_due(epoch_ended=True)
    now[0] = 5.1
    assert store.is_due(epoch_ended=True)
    assert not store.is_due(epoch_ended=False)
    now[0] = 301.0
    assert store.is_due(epoch_ended=False)


def test_what_is_slow_to_write_is_written_seldom(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    store = opened(tmp_path)
    monkeypatch.setattr(durable, "sync", lambda path: now.__setitem__(0, now[0] + 0.2))
    store.save(Position(step=1), STATE, "images")
    store.settle()
    written = now[0]
    assert written == pytest.approx(1.0)  # three files and two folders
    now[0] += 48
    assert not store.is_due(epoch_ended=True)
    now[0] += 2
    assert store.is_due(epoch_ended=True)


def test_everything_is_synced_and_renamed_in_this_order(tmp_path, monkeypatch, figure):
    said = []

    def tell(name, real):
        def call(path, *more):
            said.append((name, Path(path).name))
            return real(path, *more)

        return call

    monkeypatch.setattr(durable, "sync", tell("sync", durable.sync))
    monkeypatch.setattr(durable.os, "rename", tell("rename", durable.os.rename))
    store = opened(tmp_path)
    store.save(Position(step=7), STATE, "images")
    store.close()
    partial = f".0-00000007.{os.getpid()}.tmp"
    assert set(said[:3]) == {("sync", name) for name in (TENSORS, POSITION, SUMS)}
    assert said[3:] == [("sync", partial), ("rename", partial), ("sync", "checkpoints")]
    figure(" → ".join([f"sync {len(said) - 3} files", *(name for name, _ in said[3:])]))
