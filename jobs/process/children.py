"""Processes for runs. Each serves one, and is born in milliseconds of a template that has done the
imports.
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

BIRTH_SECONDS = 2.0
"""How long a child may take to tell of itself once its template is gone, most often no time."""
_PR_SET_CHILD_SUBREAPER = 36


class Template:
    """A `jobs.process.child` in its own session: a Ctrl-C for the worker does not reach it."""

    def __init__(self, environment: Mapping[str, str], lasts: bool) -> None:
        """`lasts`: it forks for each run, instead of becoming the process of the first."""
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

    def give(self, line: socket.socket) -> None:
        """Ask for a child that listens to `line`, and first writes its process id there.

        It may still be importing: it answers when it is ready.
        """
        with suppress(ConnectionError):  # it has died; its exit code will tell
            socket.send_fds(self._control, [b"\0"], [line.fileno()])

    def exit_code(self) -> int | None:
        """None as long as it lives."""
        return self._process.poll()

    def end(self) -> None:
        """End it now. Those it was forked for live on."""
        self._process.kill()
        self._process.wait()
        self._control.close()


class Child:
    """The process of one run; before it is born, its template stands for it."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._process: psutil.Process | None = None
        self._unsaid: list[str] = []
        self._line, theirs = socket.socketpair()
        with theirs:
            template.give(theirs)

    @property
    def pid(self) -> int | None:
        """Its process id; None while it is not born."""
        return self._process.pid if self._process else None

    def serve(self, job: Job) -> None:
        """Tell it which run to do."""
        self.ask(f"{job.id} {job.attempt}")

    def ask(self, words: str) -> None:
        """Tell it something more: `pause` or `stop` its training at the next step's end.

        One that is not born hears it as soon as it is; one that will not be wanted never acts.
        """
        self._unsaid.append(words)
        if self._is_born(0):
            self._speak()

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None if it still runs after `seconds`."""
        if not self._process:
            if not self._is_born(seconds):
                return self._template.exit_code()
            self._speak()
            return None
        try:
            return self._process.wait(seconds)
        except psutil.TimeoutExpired:
            return None

    def stop(self) -> None:
        """Ask it to end in good order."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now and clear up. Harmless when it has ended."""
        self._signal(signal.SIGKILL)
        if self._process:
            self._process.wait()
        if not self._template.lasts:
            self._template.end()
        self._line.close()

    def _signal(self, number: signal.Signals) -> None:
        if not self._is_born(0):
            self._template.end()  # nobody but a child in birth can hold the line any longer
        if self._is_born(BIRTH_SECONDS):
            assert self._process
            with suppress(psutil.NoSuchProcess):
                self._process.send_signal(number)

    def _is_born(self, seconds: float) -> bool:
        """Whether its process id has come, waiting for it up to `seconds`."""
        if not self._process and select.select([self._line], [], [], seconds)[0]:
            with suppress(ConnectionError), self._line.makefile("rb") as heard:
                if said := heard.readline():
                    self._process = psutil.Process(int(said))
                    log.info("a run has process %d", self._process.pid)
        return self._process is not None

    def _speak(self) -> None:
        # One that has died since has closed the line; its exit code will tell.
        with suppress(ConnectionError):
            self._line.sendall("".join(f"{words}\n" for words in self._unsaid).encode())
        self._unsaid.clear()


class Nursery:
    """Hands out children of one device slot, of a template that is kept ready."""

    def __init__(self, settings: Settings, devices: str | None = None) -> None:
        """`devices`: what the children may see, as in CUDA_VISIBLE_DEVICES; None leaves it as it
        is.
        """
        self._environment = environment_of(settings)
        if devices is not None:
            self._environment["CUDA_VISIBLE_DEVICES"] = devices
        self._keeps_spare = settings.spare
        self._forks = settings.spare and _adopts()
        self._template: Template | None = None
        self._closed = False
        self._lock = threading.Lock()

    def take(self) -> Child:
        """A child of the template that is ready, else of one that is only starting."""
        with self._lock:
            template = self._living()
            if not template.lasts:
                self._template = None
        return Child(template)

    def replenish(self) -> None:
        """Start the next template unless there is one."""
        with self._lock:
            if self._keeps_spare and not self._closed:
                self._living()

    def close(self) -> None:
        """End the template."""
        with self._lock:
            self._closed = True
            if self._template:
                self._template.end()

    def _living(self) -> Template:
        if not self._template or self._template.exit_code() is not None:
            self._template = Template(self._environment, self._forks)
        return self._template


def _adopts() -> bool:
    """Make this process the parent of those its descendants leave behind, where Linux can.

    The child of a template is left behind at once, so that its worker can wait for it.
    """
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
