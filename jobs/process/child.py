"""The process of one run: `python -m jobs.process.child`, told `RUN_ID ATTEMPT` on its stdin.

The worker starts this module before there is a run. As a prepared process it does the slow imports
and waits until `jobs.process.children` asks for a run process. A run process serves one run and
ends with one of the codes in `jobs.process.traces.Exit`. When its stdin closes, its worker has
ended, and so it ends at once.
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

    It is raised wherever the run is, so that a long evaluation stops as fast as a step.
    """


def main(lasting: bool) -> Exit:
    """Do the imports, wait for a run, and run it. Returns the exit code.

    `lasting`: fork a process for each run and wait for the next; else this process runs it.
    """
    lower_priority()
    _import_what_runs_need()
    gc.collect()
    # The collector would write to the pages of all objects, which forks otherwise share.
    gc.freeze()
    control = socket.socket(fileno=sys.stdin.fileno())
    becomes_run = fork_run_process if lasting else announce
    while channel := _next_request(control):
        with channel:
            if not becomes_run(channel):
                continue
            lower_priority()  # again: a fork leads a new session
            os.dup2(channel.fileno(), control.detach())
        return _run_of_stdin()
    return Exit.PARENT_GONE


def _import_what_runs_need() -> None:
    """Import all that is slow, also what a run would import later, before a run waits for it."""
    import PIL.Image
    import sklearn.cluster
    import sklearn.decomposition
    import sklearn.ensemble
    import sklearn.linear_model  # noqa: F401

    import core.run.combine
    import core.run.pipeline  # noqa: F401

    PIL.Image.init()


def _next_request(control: socket.socket) -> socket.socket | None:
    """Wait for the channel of the next run process; None when the worker has ended."""
    _, channels, _, _ = socket.recv_fds(control, 1, 1)
    return socket.socket(fileno=channels[0]) if channels else None


def fork_run_process(channel: socket.socket) -> bool:
    """Fork a run process, which writes its process id to `channel`; True in that process.

    It forks twice, and the process in between ends at once. So the run process becomes an orphan
    that the worker adopts (`jobs.process.children`). It writes its id only after the adoption, when
    the worker can wait for it, and writes it itself, because the prepared process may be killed at
    any moment.
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
    return announce(channel)


def announce(channel: socket.socket) -> bool:
    """Write the id of this process to `channel`. Always True: this process is the run process."""
    with suppress(BrokenPipeError):  # the worker no longer wants it; the closed stdin will end it
        channel.sendall(f"{os.getpid()}\n".encode())
    return True


def _run_of_stdin() -> Exit:
    # Unbuffered: `when_parent_ends` reads what comes after this line.
    line = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False).readline()  # noqa: SIM115
    if not line:
        return Exit.PARENT_GONE
    run_id, attempt = line.decode().split()
    brake = Brake()
    when_parent_ends(lambda: os._exit(Exit.PARENT_GONE), lambda word: _obey(brake, word))
    crash_at("claim")
    settings = Settings()
    logs.set_up(settings, "child", run=(run_id, int(attempt)))
    return _serve(settings, settings.run_folder(run_id), int(attempt), brake)


def _obey(brake: Brake, word: str) -> None:
    """Do what the worker asks: `pause` or `stop`.

    Outside a training there is no step to finish, so a pause ends the process at once.
    """
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
    """Write the reason into the run's folder, if the disk allows it. Returns the exit code."""
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
    """Send the output of this process to a file: also of C libraries, and the trace of a crash."""
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
    # Ignore further signals: they must not interrupt the `finally` blocks of the run.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
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
    # All files are closed. A regular exit would take seconds to tear down torch; a signal during
    # that time would make a finished run look like a killed one.
    os._exit(_code)
