"""The exit code of an attempt, and the files that it leaves next to the files of the run."""

import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from core.durable import file_sha256
from core.results.records import write_json
from core.results.runs import RunFolder
from jobs.ledger.job import Artifact
from jobs.ledger.owner import is_gone, this_process


class Exit(IntEnum):
    """The exit codes of a run's process. By them the worker decides what happens to the run.

    Every other code, and every signal, is a crash: the run is tried again.
    """

    DONE = 0
    REFUSED = 65
    """A `UserError`; the sentence is in the run's `failure.json`."""
    BROKEN = 70
    """Any other exception; its last line is in `failure.json`, the rest in `traceback.txt`."""
    TRY_LATER = 75
    """The disk is full; the sentence is in `failure.json` if there was room for it."""
    PARENT_GONE = 77
    FENCED = 78
    """A later attempt at this run has begun."""
    STOPPED = 128 + signal.SIGTERM
    """It was asked to end and ended in good order; its checkpoint says how far it got."""


def describe(code: int) -> str:
    """Describe a crash in words, such as `it was killed by SIGSEGV.`"""
    if code >= 0:
        return f"it ended with exit code {code}."
    name = signal.Signals(-code).name
    likely = " (perhaps the machine ran out of memory)" if name == "SIGKILL" else ""
    return f"it was killed by {name}{likely}."


class Superseded(Exception):
    """Raised when a later attempt at the same run has begun."""


@contextmanager
def holding(folder: RunFolder, attempt: int) -> Iterator[None]:
    """Lock the folder for this attempt, and delete the record and failure of an earlier one.

    The process of an earlier attempt may still run, when its worker was frozen or has just been
    killed. It is killed first, so that two processes never write to one folder.
    """
    with open(folder.path / "attempt.lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            _end(lock.read(), attempt)
            fcntl.flock(lock, fcntl.LOCK_EX)
        lock.truncate(0)
        lock.write(f"{attempt} {this_process()}")
        lock.flush()
        # The log stays. `core.results.runs.EventLog` cuts it back to where this attempt continues,
        # or starts a new one.
        for path in (folder.record_path, traceback_path(folder), failure_path(folder)):
            path.unlink(missing_ok=True)
        yield


def _end(holder: str, attempt: int) -> None:
    """Kill the holder if it is an earlier attempt; raise `Superseded` if it is a later one."""
    number, _, process = holder.partition(" ")
    if number and int(number) > attempt:
        raise Superseded
    if process and is_gone(process) is False:
        os.kill(int(process.split(":")[1]), signal.SIGKILL)


def published(folder: RunFolder) -> list[Artifact]:
    """The files of a finished run with their hashes and sizes, for the ledger."""
    found = []
    for role, name in {**folder.files(), "record": folder.record_path.name}.items():
        with open(folder.path / name, "rb") as file:
            digest = file_sha256(file)
            found.append(Artifact(role, name, digest, os.fstat(file.fileno()).st_size))
    return found


def failure_path(folder: RunFolder) -> Path:
    """The file with the reason of a failure, in one sentence."""
    return folder.path / "failure.json"


def traceback_path(folder: RunFolder) -> Path:
    """The file with the whole traceback, for a bug report."""
    return folder.path / "traceback.txt"


def output_path(folder: RunFolder) -> Path:
    """The file with everything that the process and its libraries printed."""
    return folder.path / "output.txt"


def write_failure(folder: RunFolder, attempt: int, sentence: str) -> None:
    """Write the reason of a failure for the worker."""
    write_json(failure_path(folder), {"attempt": attempt, "error": sentence})


def read_failure(folder: RunFolder, attempt: int) -> str | None:
    """The reason that this attempt wrote; None if it wrote none."""
    try:
        failure = json.loads(failure_path(folder).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return str(failure["error"]) if failure["attempt"] == attempt else None
