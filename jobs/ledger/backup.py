"""Backs up the data folder while Evenkeel runs, and restores it.

It leaves out everything that can be recreated: caches, exports, half-written files, and queue
messages, which workers can do without. It lists every file with its checksum, and a copy is there
whole or not at all.
"""

import json
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from core.durable import file_sha256, is_unchanged
from core.errors import UserError
from core.results.records import write_json
from jobs.settings import Settings

LIST_NAME = "backup.json"
_FORMAT = 1
_NOT_KEPT = ("cache", "exports", "logs", "tmp", "queue.db*", "studio.db", "studio.db-*")
"""In the data folder itself. `studio.db` only SQLite can copy while somebody writes to it."""
HALF_WRITTEN = (
    *("*.tmp", "*.partial", "*.part", ".*.old"),
    *(".unpacking-*", ".arriving-*", ".demo-*"),
)
"""The names of files that are still being written."""
_NOWHERE_KEPT = ("*.sock", "*.lock", *HALF_WRITTEN)


@dataclass(frozen=True)
class Backup:
    """The list of what a backup holds."""

    home: str
    """The data folder that it was taken of."""
    created: float
    """Seconds since 1970."""
    files: dict[str, str]
    """SHA-256 of every file by its path in the data folder."""
    format: int = _FORMAT


def back_up(settings: Settings, target: Path) -> Backup:
    """Copy the data folder to `target`, which must not exist or be empty.

    First the ledger, then the runs: a run that ends in between is one that the copy takes for
    running, and a worker finishes it again.
    """
    home, target = settings.home, Path(os.path.abspath(target.expanduser()))
    if target.is_relative_to(home):
        raise UserError(f"backup: {target} is in the data folder. Name a folder outside of it.")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"backup: {target} already holds something. Name a new folder.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        if settings.ledger_path.exists():
            _copy_ledger(settings.ledger_path, partial / settings.ledger_path.name)
        for path in _kept(home):
            with suppress(FileNotFoundError):  # deleted since it was listed
                _copy(path, partial / path.relative_to(home))
        copied = (path for path in partial.rglob("*") if path.is_file())
        files = {path.relative_to(partial).as_posix(): file_sha256(path) for path in copied}
        backup = Backup(str(home), time.time(), files)
        write_json(partial / LIST_NAME, asdict(backup))
        os.sync()
        partial.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise UserError(
            f"backup: nothing was kept, as {target} could not be written ({error}). "
            "`evenkeel doctor` looks at the data folder; else name a folder with more room."
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return backup


def restore(settings: Settings, source: Path) -> Backup:
    """Fill an empty data folder from a copy, after every file in it was found whole."""
    home, source = settings.home, source.expanduser()
    backup = _read_list(source)
    if found := next((path for path in home.rglob("*") if not path.is_dir()), None):
        raise UserError(
            f"restore: {home} must be empty and holds {found.relative_to(home)}. "
            "Move its contents away, or set EVENKEEL_HOME to another folder."
        )
    damaged = [n for n, stated in backup.files.items() if not is_unchanged(source / n, stated)]
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        raise UserError(
            f"restore: {source / damaged[0]}{more} is missing or damaged. Use another backup."
        )
    partial = home / "tmp" / "restoring"
    try:
        for name in backup.files:
            _copy(source / name, partial / name)
        os.sync()
        ledger = settings.ledger_path.name
        # The ledger last: without it there are no runs yet.
        for entry in sorted(partial.iterdir(), key=lambda path: path.name == ledger):
            if (there := home / entry.name).is_dir():
                shutil.rmtree(there)  # made by `Settings`, without a file in it
            entry.replace(there)
    except OSError as error:
        raise UserError(
            f"restore: {home} could not be filled ({error}). "
            "Make room, empty the folder and start again."
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return backup


def _kept(home: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(home, followlinks=True):  # `runs` may be on another disk
        left_out = (*_NOT_KEPT, *_NOWHERE_KEPT) if Path(folder) == home else _NOWHERE_KEPT
        folders[:] = [name for name in folders if not is_any(name, left_out)]
        yield from (Path(folder, name) for name in files if not is_any(name, left_out))


def is_any(name: str, patterns: Iterable[str]) -> bool:
    """True if a file's name matches one of the patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o600)


def _copy_ledger(path: Path, copy: Path) -> None:
    """Copy the database at one moment, while others write to it (SQLite's online backup)."""
    copy.touch(mode=0o600)
    source = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=30)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        [complaint] = target.execute("PRAGMA integrity_check(1)").fetchone()
        if complaint != "ok":
            raise sqlite3.DatabaseError(complaint)


def _read_list(source: Path) -> Backup:
    try:
        backup = Backup(**json.loads((source / LIST_NAME).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        raise UserError(
            f"restore: {source} is no backup, or only half of one: it has no {LIST_NAME} that can "
            "be read. Name a folder that `evenkeel backup` wrote."
        ) from None
    if backup.format != _FORMAT:
        raise UserError(f"restore: {source} was written by a newer Evenkeel. Restore it with that.")
    for name in map(PurePosixPath, backup.files):
        if name.is_absolute() or ".." in name.parts:
            raise UserError(f"restore: {source} lists {name}, which no backup does.")
    return backup
