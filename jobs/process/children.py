"""The worker's side of the processes that run.

Each run has a process of its own. On Linux it is forked from a prepared process that has done the
imports, so that it is there in milliseconds.
"""

import ctypes
import logging
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

import psutil

from jobs.ledger import Job
from jobs.process.interpreter import command
from jobs.process.interpreter import environment as environment_of
from jobs.settings import Settings

log = logging.getLogger(__name__)

PROCESS_ID_SECONDS = 2.0
"""The time to wait for a process id after its prepared process has ended."""
_PR_SET_CHILD_SUBREAPER = 36


class PreparedProcess:
    """A `jobs.process.child` that has done the imports and waits for runs.

    It has its own session, so that a Ctrl-C for the worker does not reach it.
    """

    def __init__(self, environment: Mapping[str, str], lasts: bool) -> None:
        """`lasts`: it forks a process for each run, instead of becoming the first run's process."""
        self.lasts = lasts
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                command("jobs.process.child", *(["--lasting"] if lasts else [])),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )

    def give(self, channel: socket.socket) -> None:
        """Ask for a run process that writes its process id to `channel`, then listens there.

        A prepared process that is still importing answers when it is ready.
        """
        with suppress(ConnectionError):  # it has died; the caller sees its exit code
            socket.send_fds(self._control, [b"\0"], [channel.fileno()])

    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def end(self) -> None:
        """Kill it. The processes that it forked go on."""
        self._process.kill()
        self._process.wait()
        self._control.close()


class RunProcess:
    """The process of one run.

    Its process id is not known at first: it may not be forked yet. Until then the state of the
    prepared process stands for it, and words to it are kept.
    """

    def __init__(self, prepared: PreparedProcess) -> None:
        self._prepared = prepared
        self._process: psutil.Process | None = None
        self._unsent: list[str] = []
        self._channel, theirs = socket.socketpair()
        with theirs:
            prepared.give(theirs)

    @property
    def pid(self) -> int | None:
        """The process id; None while it is not known."""
        return self._process.pid if self._process else None

    def serve(self, job: Job) -> None:
        """Tell it which run to do."""
        self.ask(f"{job.id} {job.attempt}")

    def ask(self, words: str) -> None:
        """Ask it to `pause` or `stop` its training at the end of the next step.

        A process that is not known yet hears it as soon as it is there. One that is killed before
        that never hears it, and so never starts the run.
        """
        self._unsent.append(words)
        if self._is_known(0):
            self._send_unsent()

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None if it still runs after `seconds`."""
        if not self._process:
            if not self._is_known(seconds):
                return self._prepared.exit_code()
            self._send_unsent()
            return None
        try:
            return self._process.wait(seconds)
        except psutil.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ask it to end in good order."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and release what it held. Does nothing if it has ended."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait()
        if not self._prepared.lasts:
            self._prepared.end()
        self._channel.close()

    def _signal(self, number: signal.Signals) -> None:
        if not self._is_known(0):
            # After this only a process that is being forked can hold the other end of the channel.
            self._prepared.end()
        if self._is_known(PROCESS_ID_SECONDS):
            assert self._process
            with suppress(psutil.NoSuchProcess):
                self._process.send_signal(number)

    def _is_known(self, seconds: float) -> bool:
        """Wait up to `seconds` for the process id; True if it is known."""
        if not self._process and select.select([self._channel], [], [], seconds)[0]:
            with suppress(ConnectionError), self._channel.makefile("rb") as heard:
                if said := heard.readline():
                    self._process = psutil.Process(int(said))
                    log.info("a run has process %d", self._process.pid)
        return self._process is not None

    def _send_unsent(self) -> None:
        # If it has died it has closed the channel; the caller sees its exit code.
        with suppress(ConnectionError):
            self._channel.sendall("".join(f"{words}\n" for words in self._unsent).encode())
        self._unsent.clear()


class DeviceSlot:
    """A slot of a worker: starts one run process at a time, and keeps one process prepared."""

    def __init__(self, settings: Settings, devices: str | None = None) -> None:
        """`devices`: the GPUs of this slot, as in CUDA_VISIBLE_DEVICES; None leaves it as it is."""
        self._environment = environment_of(settings)
        if devices is not None:
            self._environment["CUDA_VISIBLE_DEVICES"] = devices
        self._keeps_spare = settings.spare
        self._forks = settings.spare and _becomes_subreaper()
        self._prepared: PreparedProcess | None = None
        self._closed = False
        self._lock = threading.Lock()

    def take(self) -> RunProcess:
        """A process for a run, from the prepared process, or from one that is started now."""
        with self._lock:
            prepared = self._living()
            if not prepared.lasts:
                self._prepared = None
        return RunProcess(prepared)

    def prepare(self) -> None:
        """Start a prepared process unless one is running."""
        with self._lock:
            if self._keeps_spare and not self._closed:
                self._living()

    def close(self) -> None:
        """End the prepared process."""
        with self._lock:
            self._closed = True
            if self._prepared:
                self._prepared.end()

    def _living(self) -> PreparedProcess:
        if not self._prepared or self._prepared.exit_code() is not None:
            self._prepared = PreparedProcess(self._environment, self._forks)
        return self._prepared


def _becomes_subreaper() -> bool:
    """Make this process adopt orphans among its descendants; True if the system can (Linux).

    A prepared process orphans each run process at once. The worker, its new parent, can then wait
    for the run itself, and the prepared process may die without ending any run.
    """
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
