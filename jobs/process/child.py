"""The process of one run: `python -m jobs.process.child`, told `RUN_ID ATTEMPT` on its stdin.

The template is started before there is a run, imports what takes seconds, and waits for
`jobs.process.children` to ask for a child. That serves one run and ends with one of the codes in
`jobs.process.traces.Exit`. When its stdin closes, its worker is gone and it ends at once.
"""

import faulthandler
import gc
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType

from core.data.limits import MIB
from core.durable import crash_at, is_disk_full
from core.errors import DiskFull, UserError
from core.results.records import CombinedConfig
from core.results.runs import EventLog, RunFolder
from core.training.brake import Brake, Paused
from jobs import logs
from jobs.process import traces
from jobs.process.interpreter import lower_priority, when_parent_ends
from jobs.process.traces import Exit
from jobs.settings import Settings

_ADOPTION_LOOK_SECONDS = 0.001


class Stopped(BaseException):
    """SIGTERM arrived.

    Raised wherever the run is, so that a long evaluation stops as fast as a step.
    """


def main(lasting: bool) -> Exit:
    """Wait for a run, run it, and say how it went.

    `lasting`: run it in a child, and wait for the next; else in this process.
    """
    lower_priority()
    _import_what_runs_need()
    gc.collect()
    gc.freeze()  # children share these pages for as long as nobody writes to them
    control = socket.socket(fileno=sys.stdin.fileno())
    born = forked if lasting else became
    while line := _asked_on(control):
        with line:
            if not born(line):
                continue
            lower_priority()  # also in a session of its own
            os.dup2(line.fileno(), control.detach())
        return _run_of_stdin()
    return Exit.PARENT_GONE


def forked(line: socket.socket) -> bool:
    """Fork; True in the child. Its process id, and an end of line, are written to `line`.

    The child's parent ends at once, and the worker adopts it (`jobs.process.children`). The child
    writes when that has happened, so that the reader can wait for the child; and it writes all of
    it by itself, since its template may be killed at any moment.
    """
    if between := os.fork():
        os.waitpid(between, 0)
        return False
    os.setsid()
    parent = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == parent:
        time.sleep(_ADOPTION_LOOK_SECONDS)
    became(line)
    return True


def became(line: socket.socket) -> bool:
    """Where nobody can adopt: True, the process of the run is this one."""
    with suppress(BrokenPipeError):  # a worker that wants it no more; the line ends, as it will see
        line.sendall(f"{os.getpid()}\n".encode())
    return True


def _import_what_runs_need() -> None:
    """The slow part, before anybody waits for it, also of what runs import as they go."""
    import PIL.Image
    import sklearn.cluster
    import sklearn.decomposition
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401

    import core.run.combine
    import core.run.pipeline  # noqa: F401

    PIL.Image.init()


def _asked_on(control: socket.socket) -> socket.socket | None:
    """The line of the next child that the worker wants; None when there is no worker."""
    _, lines, _, _ = socket.recv_fds(control, 1, 1)
    return socket.socket(fileno=lines[0]) if lines else None


def _run_of_stdin() -> Exit:
    # Unbuffered: what comes after the line belongs to `when_parent_ends`.
    line = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False).readline()  # noqa: SIM115
    if not line:
        return Exit.PARENT_GONE
    run_id, attempt = line.decode().split()
    brake = Brake()
    when_parent_ends(lambda: os._exit(Exit.PARENT_GONE), lambda word: _heed(brake, word))
    crash_at("claim")
    settings = Settings()
    logs.set_up(settings, "child", run=(run_id, int(attempt)))
    return _serve(settings, settings.run_folder(run_id), int(attempt), brake)


def _heed(brake: Brake, word: str) -> None:
    """Do what the worker asks: `pause` or `stop`. Between trainings a pause loses nothing."""
    if word == "stop":
        brake.pull("stop")
    elif word == "pause":
        brake.pull("pause")
        if not brake.holds:
            os.kill(os.getpid(), signal.SIGTERM)


def _serve(settings: Settings, folder: RunFolder, attempt: int, brake: Brake) -> Exit:
    try:
        with traces.holding(folder, attempt), _output_into(traces.output_path(folder)):
            return _attempt(settings, folder, attempt, brake)
    except traces.Superseded:
        return Exit.FENCED


def _attempt(settings: Settings, folder: RunFolder, attempt: int, brake: Brake) -> Exit:
    try:
        signal.signal(signal.SIGTERM, _stop)
        _run(settings, folder, attempt, brake)
    except (Stopped, Paused):
        return Exit.STOPPED
    except Exception as error:
        return _failed(folder, attempt, error)
    crash_at("after-final")
    return Exit.DONE


def _failed(folder: RunFolder, attempt: int, error: Exception) -> Exit:
    """Leave the reason for the worker, where that can be written."""
    if is_disk_full(error) or isinstance(error, DiskFull):
        with suppress(OSError):
            traces.write_failure(folder, attempt, _last_line(error))
        return Exit.TRY_LATER
    if isinstance(error, UserError):
        traces.write_failure(folder, attempt, str(error))
        return Exit.REFUSED
    traces.traceback_path(folder).write_text(traceback.format_exc(), "utf-8")
    traces.write_failure(folder, attempt, _last_line(error))
    return Exit.BROKEN


@contextmanager
def _output_into(path: Path) -> Iterator[None]:
    """What this process and its libraries print goes into a file, down to a crash in C."""
    with open(path, "w", encoding="utf-8") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
        faulthandler.enable()
        yield


def _run(settings: Settings, folder: RunFolder, attempt: int, brake: Brake) -> None:
    from core.run import combine, pipeline
    from core.training.checkpoints import Keeping

    keeping = Keeping(
        attempt,
        settings.run_reserve_mib * MIB,
        settings.checkpoint_least_seconds,
        settings.checkpoint_most_seconds,
    )
    config = folder.config()
    if isinstance(config, CombinedConfig):
        run = combine.combine(config, folder.path, settings.cache)
    else:
        run = pipeline.run(config, folder.path, settings.cache, keeping, brake)
    with closing(EventLog(folder)) as log, closing(run):
        for event in run:
            log.append(event)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(
        signal.SIGTERM, signal.SIG_IGN
    )  # once: the run's `finally` blocks are not interrupted
    raise Stopped


def _last_line(error: Exception) -> str:
    if isinstance(error, UserError):
        return str(error)
    if is_disk_full(error):
        return "The disk is full. The run goes on when there is space again."
    return traceback.format_exception_only(error)[-1].strip()


if __name__ == "__main__":
    _code = main(lasting="--lasting" in sys.argv)
    sys.stdout.flush()
    sys.stderr.flush()
    # All files are closed. Taking the interpreter and torch apart would take seconds, in which a
    # signal would make a finished run look like a killed one.
    os._exit(_code)
