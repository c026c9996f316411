"""Writes files completely or not at all, even if the power fails. Imports no torch."""

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable
from io import BufferedReader, FileIO
from pathlib import Path

_CRASH_AT = os.environ.get("EVENKEEL_CRASH_AT")
"""Where a test makes the process die, such as `mid-epoch`; nowhere otherwise."""
_crashes_left_out = int(os.environ.get("EVENKEEL_CRASH_SKIP", "0"))
"""The number of times that the process passes that place first."""


def crash_at(place: str) -> None:
    """Kills this process as a power cut would, if a test asked for it at this place."""
    global _crashes_left_out
    if place != _CRASH_AT:
        return
    if _crashes_left_out == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _crashes_left_out -= 1


def publish(path: Path, write: Callable[[Path], object]) -> None:
    """Replaces the file at `path` by the one that `write` makes at the path it is given.

    Readers see the old file or the new one, never a part. The order is: write, sync, rename, sync
    the folder. So after a power cut, a file published earlier is never missing while a later one
    is there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(partial)
        sync(partial)
        crash_at("before-rename")
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def publish_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Does the same for a new folder; `write` makes its files in the folder it is given."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        write(partial)
        for file in partial.iterdir():
            sync(file)
        sync(partial)
        crash_at("before-rename")
        os.rename(partial, path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    sync(path.parent)


def discard_folder(path: Path) -> None:
    """Removes a folder. Renaming it first means that nobody sees it half removed."""
    doomed = path.with_name(f".{path.name}.{os.getpid()}.old")
    with contextlib.suppress(OSError):
        os.rename(path, doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def sync(path: Path) -> None:
    """Forces a file's bytes, or a folder's list of names, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_sha256(source: Path | BufferedReader | FileIO) -> str:
    """SHA-256 of a file's bytes, in hex. Of an open file, which it leaves at its end: from where
    it stands."""
    if isinstance(source, Path):
        with open(source, "rb") as file:
            return file_sha256(file)
    return hashlib.file_digest(source, "sha256").hexdigest()


def is_unchanged(path: Path, stated: str) -> bool:
    """True for a file that is there and has this SHA-256."""
    return path.is_file() and file_sha256(path) == stated


def is_disk_full(error: BaseException) -> bool:
    """True if a write failed because the disk, or the user's quota, is full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, sqlite3.OperationalError) and "disk is full" in str(error)
