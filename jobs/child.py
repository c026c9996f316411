"""The process of one run: `python -m jobs.child`, then one line `RUN_ID ATTEMPT` on stdin.

It is started before there is a run, imports what takes seconds, and waits. It serves one run and
ends with one of the codes in `jobs.exits`. When its stdin closes, its worker is gone and it ends at
once.
"""

import errno
import faulthandler
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from core.errors import UserError
from core.runs import EventLog, RunFolder
from jobs import logs, traces
from jobs.exits import Exit
from jobs.lifeline import when_parent_ends
from jobs.settings import Settings


class Stopped(BaseException):
    """SIGTERM arrived.

    Raised wherever the run is, so that a long evaluation stops as fast as a step.
    """


def main() -> Exit:
    """Wait for a run, run it, and say how it went."""
    import core.pipeline  # noqa: F401  # the slow part, before anybody waits for it

    # Unbuffered: what comes after the line belongs to the lifeline.
    line = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False).readline()  # noqa: SIM115
    if not line:
        return Exit.PARENT_GONE
    run_id, attempt = line.decode().split()
    when_parent_ends(lambda: os._exit(Exit.PARENT_GONE))
    settings = Settings()
    logs.set_up(settings, "child", run=(run_id, int(attempt)))
    return _serve(settings, settings.run_folder(run_id), int(attempt))


def _serve(settings: Settings, folder: RunFolder, attempt: int) -> Exit:
    try:
        with traces.holding(folder, attempt), _output_into(traces.output_path(folder)):
            return _attempt(settings, folder, attempt)
    except traces.Superseded:
        return Exit.FENCED


def _attempt(settings: Settings, folder: RunFolder, attempt: int) -> Exit:
    try:
        signal.signal(signal.SIGTERM, _stop)
        _run(settings, folder)
    except Stopped:
        return Exit.STOPPED
    except UserError as error:
        traces.write_failure(folder, attempt, str(error))
        return Exit.REFUSED
    except Exception as error:
        traces.traceback_path(folder).write_text(traceback.format_exc(), "utf-8")
        traces.write_failure(folder, attempt, _last_line(error))
        return Exit.BROKEN
    return Exit.DONE


@contextmanager
def _output_into(path: Path) -> Iterator[None]:
    """What this process and its libraries print goes into a file, down to a crash in C."""
    with open(path, "w", encoding="utf-8") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
        faulthandler.enable()
        yield


def _run(settings: Settings, folder: RunFolder) -> None:
    from core import pipeline

    run = pipeline.run(folder.config(), folder.path, settings.cache)
    with closing(EventLog(folder)) as log, closing(run):
        for event in run:
            log.append(event)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # once: the run's `finally` blocks are not interrupted
    raise Stopped


def _last_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full. Free some space and start the run again."
    return traceback.format_exception_only(error)[-1].strip()


if __name__ == "__main__":
    _code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # All files are closed. Taking the interpreter and torch apart would take seconds, in which a
    # signal would make a finished run look like a killed one.
    os._exit(_code)
