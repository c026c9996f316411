"""Checks of the data folder: permissions, free disk space, and the two databases."""

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from core.data.limits import MIB
from jobs.doctor.results import CheckResult, address, fail, gibibytes, ok, warn
from jobs.ledger.backup import HALF_WRITTEN, is_any
from jobs.ledger.schema import VERSION
from jobs.settings import Settings

HALF_WRITTEN_SECONDS = 86_400
"""No write takes so long: what is half-written and older was left by a process that ended."""
TIMEOUT_SECONDS = 2


def named_home() -> Path:
    """The path of the data folder. Unlike `Settings()`, this does not create it."""
    default = Settings.model_fields["home"].get_default(call_default_factory=True)
    return Path(os.environ.get("EVENKEEL_HOME", default)).expanduser().absolute()


def mode_of(path: Path) -> int | None:
    """The permission bits; None when it is not there."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def is_open(home: Path, mode: int) -> str:
    """The sentence about a data folder that other users can read."""
    return f"{home} is open to other users (mode {mode:04o}): they may read runs and data sets."


def data_folder(settings: Settings, mode_before: int | None) -> CheckResult:
    """Check that the data folder can be written, and only by its owner.

    `mode_before` is from before `Settings()`, which makes the folder.
    """
    home = settings.home
    try:
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"evenkeel")
            probe.flush()
    except OSError as error:
        return fail(
            f"{home} cannot be written ({error.strerror}).",
            "Give the folder to this user, or set EVENKEEL_HOME to another.",
        )
    if mode_before is None:
        return ok(f"{home} did not exist and has just been made; there are no runs yet.")
    if mode_before & 0o077:
        return warn(is_open(home, mode_before), f"Unless that is meant: chmod 700 {home}")
    databases = [p for name in ("studio.db*", "queue.db*") for p in home.glob(name)]
    if open_to_others := [p.name for p in databases if (mode_of(p) or 0) & 0o077]:
        return warn(
            f"{home} is 0700, but other users may read {', '.join(open_to_others)} in it.",
            f"chmod 600 {' '.join(str(home / name) for name in open_to_others)}",
        )
    return ok(f"{home}, for its owner alone (0700).")


def disk(settings: Settings) -> CheckResult:
    """Check that there is disk space for the next checkpoint."""
    free = shutil.disk_usage(settings.home).free
    sentence = f"{gibibytes(free)} free where {settings.home} lies."
    advice = f"Delete exports and old runs in the studio, or all of {settings.cache}."
    runs, uploads = settings.run_reserve_mib * MIB, settings.upload_reserve_mib * MIB
    if free < runs:
        return fail(f"{sentence} Runs wait below {gibibytes(runs)}.", advice)
    if free < uploads:
        return warn(f"{sentence} Visitors' uploads are refused below {gibibytes(uploads)}.", advice)
    return ok(sentence)


def database(settings: Settings) -> CheckResult:
    """Check that the ledger opens, is undamaged, and has a version that this Evenkeel knows."""
    if url := address(settings, "database"):
        return _server(url)
    path = settings.ledger_path
    if not path.exists():
        return ok("None yet; the first run makes it.")
    try:
        with closing(_read_only(path)) as connection:
            [complaint] = connection.execute("PRAGMA integrity_check(1)").fetchone()
            [version] = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        complaint, version = str(error), 0
    if "locked" in complaint:
        return warn(f"{path} is being written ({complaint}).", "Look again in a minute.")
    if complaint != "ok":
        return fail(
            f"{path} is damaged ({complaint}).",
            "Stop Evenkeel, move the file away and put the copy of your last backup in its place. "
            f"The runs in {settings.home / 'runs'} are untouched.",
        )
    if version > VERSION:
        return fail(
            f"{path} has version {version}; this Evenkeel reads up to {VERSION}.",
            "It was used with a newer Evenkeel: install that one again.",
        )
    later = "; the next start migrates it" if version < VERSION else ""
    return ok(f"{path.name} is whole, version {version}{later}.")


def queue(settings: Settings) -> CheckResult:
    """Check that the queue can be read, and count its unread messages."""
    if (url := address(settings, "queue")) != "sqlite":
        return _redis(url)
    path = settings.queue_path
    if not path.exists():
        return ok("None yet; the first run makes it.")
    try:
        with closing(_read_only(path)) as connection:
            [complaint] = connection.execute("PRAGMA quick_check(1)").fetchone()
            [unread] = connection.execute("SELECT count(*) FROM task").fetchone()
    except sqlite3.DatabaseError as error:
        complaint, unread = str(error), 0
    if "locked" in complaint:
        return warn(f"{path} is being written ({complaint}).", "Look again in a minute.")
    if complaint != "ok":
        return warn(
            f"{path} is damaged ({complaint}).",
            "Nothing is lost: the next worker starts an empty one and finds what waits by itself.",
        )
    return ok(f"{path.name} is whole, {unread} unheard.")


def half_written(settings: Settings) -> CheckResult:
    """Check for files that a killed process left half-written."""
    left = sorted(map(str, _half_written(settings.home)))
    if not left:
        return ok("Nothing half-written is left over.")
    more = f" and {len(left) - 3} more" if len(left) > 3 else ""
    return warn(
        f"Half-written and older than a day: {', '.join(left[:3])}{more}.",
        "Whoever wrote it has ended: it can be deleted.",
    )


def _half_written(home: Path) -> Iterator[Path]:
    oldest = time.time() - HALF_WRITTEN_SECONDS
    for folder, folders, files in os.walk(home):
        for name in (*folders, *files):
            if is_any(name, HALF_WRITTEN):
                path = Path(folder, name)
                if path.lstat().st_mtime < oldest:
                    yield path
        folders[:] = [name for name in folders if not is_any(name, HALF_WRITTEN)]


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=TIMEOUT_SECONDS)


def _server(url: str) -> CheckResult:
    shown = sa.make_url(url).render_as_string(hide_password=True)
    arguments: dict[str, Any] = {"connect_timeout": TIMEOUT_SECONDS}
    try:
        with sa.create_engine(url, connect_args=arguments).connect() as connection:
            version = connection.dialect.server_version_info or ()
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        return fail(
            f"{shown} does not answer ({_first_line(error)}).",
            "Start the server, or mend EVENKEEL_DATABASE; `pip install 'evenkeel[scale]'` brings "
            "the driver.",
        )
    return ok(f"{shown} answers, version {'.'.join(map(str, version))}.")


def _redis(url: str) -> CheckResult:
    shown = sa.make_url(url).render_as_string(hide_password=True)
    try:
        import redis

        with closing(redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_SECONDS)) as client:
            client.ping()
    except Exception as error:  # redis raises its own and the socket's; without it, ImportError
        return fail(
            f"{shown} does not answer ({_first_line(error)}).",
            "Start Redis, or mend EVENKEEL_QUEUE. No run is lost: workers look at the ledger.",
        )
    return ok(f"{shown} answers.")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
