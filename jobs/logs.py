"""Logging of every process: lines for people on stderr, JSON lines in `HOME/logs` for programs.

`HOME/logs/PROCESS.jsonl` has one file for each kind of process, however many of them run. A line
that is logged while an attempt at a run is served names the run.
"""

import contextlib
import fcntl
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from core.printing import print_anything
from jobs.settings import Settings

log = logging.getLogger(__name__)

ROTATE_BYTES = 8 * 2**20
FILES_KEPT = 3
"""The number of full files kept for each kind of process."""
OUR_PACKAGES = ("core", "jobs", "studio")

_SHORTEST_SECRET = 4
"""Shorter ones would be found in every other word."""
_PASSWORD_IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s@]+(?=@)")

_Served = tuple[str, int]
_served_by_thread: ContextVar[_Served | None] = ContextVar("served", default=None)
_served_by_process: _Served | None = None


def set_up(settings: Settings, process: str, run: tuple[str, int] | None = None) -> None:
    """Log from now on as `process`; other packages from warnings upwards.

    `run` is the run's id and the attempt that a process serves which serves nothing else.
    """
    global _served_by_process
    _served_by_process = run
    print_anything()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    secrets = tuple(_secrets(settings))
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(_Human(process, secrets))
    handlers: list[logging.Handler] = [screen]
    with contextlib.suppress(OSError):  # what cannot be written to a file is still on stderr
        settings.logs.mkdir(mode=0o700, exist_ok=True)
        file = _SharedFile(settings.logs / f"{process}.jsonl")
        file.setFormatter(_Json(process, secrets))
        handlers.append(file)
    for handler in handlers:
        handler.addFilter(_name_run)
    logging.basicConfig(handlers=handlers, level=max(level, logging.WARNING), force=True)
    for package in OUR_PACKAGES:
        logging.getLogger(package).setLevel(level)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def adopt(package: str) -> None:
    """Have a package that set up its own logging log as everything else does."""
    logger = logging.getLogger(package)
    logger.handlers.clear()
    logger.propagate = True


@contextlib.contextmanager
def serving(run_id: str, attempt: int) -> Iterator[None]:
    """Mark everything that this thread logs in the block with this attempt at this run."""
    token = _served_by_thread.set((run_id, attempt))
    try:
        yield
    finally:
        _served_by_thread.reset(token)


def read_logs(settings: Settings, run_id: str) -> list[dict[str, Any]]:
    """Read everything that any process logged about one run, oldest first."""
    entries: list[dict[str, Any]] = []
    for path in settings.logs.glob("*.jsonl*"):
        with open(path, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                # A full disk leaves a half line. The cheap look first: most lines are not ours.
                with contextlib.suppress(ValueError):
                    if run_id in line and (entry := json.loads(line)).get("run") == run_id:
                        entries.append(entry)
    return sorted(entries, key=lambda entry: str(entry["time"]))


def _name_run(record: logging.LogRecord) -> bool:
    record.served = _served_by_thread.get() or _served_by_process
    return True


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, Exception):
        log.critical("an error that nobody caught", exc_info=(kind, error, trace))
    else:  # Ctrl-C is no news
        sys.__excepthook__(kind, error, trace)


def _log_uncaught_in_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value and failed.exc_type is not SystemExit:
        _log_uncaught(failed.exc_type, failed.exc_value, failed.exc_traceback)


def _secrets(settings: Settings) -> Iterator[str]:
    """Every password in the settings: that of a URL, or what follows the user's name, or all."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, SecretStr) and value != field.default:
            whole = value.get_secret_value()
            yield (urlsplit(whole).password or "") if "://" in whole else whole.split(":", 1)[-1]


class _Formatter(logging.Formatter):
    """Knows the process, and keeps secrets out of every line."""

    def __init__(self, process: str, secrets: Iterable[str]) -> None:
        super().__init__()
        self.process = process
        # The longest first: a password that is part of another leaves nothing of it.
        self._secrets = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len)[::-1]

    def clean(self, text: str) -> str:
        """The text without passwords."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return _PASSWORD_IN_URL.sub(r"\1***", text)

    def trace(self, record: logging.LogRecord) -> str | None:
        """The traceback, if there is one."""
        return self.clean(self.formatException(record.exc_info)) if record.exc_info else None


class _Human(_Formatter):
    """`12:00:01  worker   looking after lost runs failed  run=ft-… attempt=2`."""

    def format(self, record: logging.LogRecord) -> str:
        clock = self.formatTime(record, "%H:%M:%S")
        loud = f"{record.levelname}: " if record.levelno >= logging.WARNING else ""
        served: _Served | None = getattr(record, "served", None)
        about = f"  run={served[0]} attempt={served[1]}" if served else ""
        message = self.clean(record.getMessage())
        line = f"{clock}  {self.process:<9}  {loud}{message}{about}"
        return "\n".join(filter(None, (line, self.trace(record))))


class _Json(_Formatter):
    """One object a line: what `read_logs` reads."""

    def format(self, record: logging.LogRecord) -> str:
        served: _Served | None = getattr(record, "served", None)
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self.process,
            "pid": record.process,
            "logger": record.name,
            "run": served and served[0],
            "attempt": served and served[1],
            "message": self.clean(record.getMessage()),
            "traceback": self.trace(record),
        }
        return json.dumps({k: v for k, v in entry.items() if v is not None}, ensure_ascii=False)


class _SharedFile(logging.Handler):
    """A file that any number of processes append whole lines to, and one of them rotates.

    Nothing here waits for another process: one that was frozen while it held a lock would stop all
    the others. A line goes into the file that has the name at that moment, or had it just before.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._lock_path = path.with_name(f".{path.stem}.lock")

    def emit(self, record: logging.LogRecord) -> None:
        """Append one line with a single write."""
        try:
            line = self.format(record) + "\n"
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line.encode("utf-8", "backslashreplace"))
                full = os.fstat(file).st_size >= ROTATE_BYTES
            finally:
                os.close(file)
            if full:
                self._rotate()
        except OSError:
            pass  # a full disk must not end a run; the line is on stderr all the same
        except Exception:
            self.handleError(record)

    def _rotate(self) -> None:
        with open(self._lock_path, "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # another process is at it
            if self._path.stat().st_size < ROTATE_BYTES:
                return  # another process has just done it
            for number in range(FILES_KEPT - 1, 0, -1):
                with contextlib.suppress(FileNotFoundError):
                    os.replace(f"{self._path}.{number}", f"{self._path}.{number + 1}")
            os.replace(self._path, f"{self._path}.1")
