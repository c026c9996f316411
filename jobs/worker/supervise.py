"""`evenkeel up`: a tree of processes that stands until it is told to stop, and mends itself."""

import fcntl
import logging
import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from core.errors import UserError
from jobs.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A process that lived so long is started again without a pause."""
HEAD_START_SECONDS = 6.0
"""On few cores the first program is up sooner when the others wait for it, but not for ever."""
FIRST_LOOK_SECONDS = 2.0
"""After it is up they wait for as long as a browser takes to draw its first page."""
STOP_SECONDS = 20.0
USER_ERROR = 2
"""Exit code of a process that has told the user what to mend. Starting it again would not help."""


@dataclass
class Program:
    """One process of the tree, and its history."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE_SECONDS
    start_at: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Start it. It ends when the pipe at its stdin closes, that is when this process does."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, env=self.environment, start_new_session=True
        )

    def look(self) -> int | None:
        """Start it if it is due. The exit code if it has just ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_at:
                self.start()
            return None
        code = self.process.poll()
        if code is None:
            return None
        self._let_go()
        if now - self.started >= STEADY_SECONDS:
            self.pause = FIRST_PAUSE_SECONDS
        self.start_at = now + self.pause
        log.warning("%s ended (%d), starting again in %.1f s", self.name, code, self.pause)
        self.pause = min(self.pause * 2, LONGEST_PAUSE_SECONDS)
        return code

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        if self.process:
            self.process.terminate()

    def end(self, deadline: float) -> None:
        """Wait until `deadline`, then kill."""
        if not self.process:
            return
        try:
            self.process.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            log.warning("%s did not stop, killing it", self.name)
            self.process.kill()
            self.process.wait()
        self._let_go()

    def _let_go(self) -> None:
        if self.process and self.process.stdin:
            self.process.stdin.close()
        self.process = None


class Tree:
    """Runs programs until SIGINT or SIGTERM; whatever ends by itself is started again."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = programs
        self._signalled = False

    def run(self, url: str, address: tuple[str, int]) -> int:
        """Blocks. Prints `url` once something listens at `address`. Returns the exit code."""
        before = {number: signal.signal(number, self._note) for number in _STOPPING}
        announced = math.inf
        started = time.monotonic()
        try:
            while not self._signalled:
                now = time.monotonic()
                all_go = now > min(started + HEAD_START_SECONDS, announced + FIRST_LOOK_SECONDS)
                for program in self._programs if all_go else self._programs[:1]:
                    if program.look() == USER_ERROR:
                        return USER_ERROR
                if announced == math.inf and _answers(address):
                    print(f"Evenkeel is at {url}", flush=True)
                    announced = now
                time.sleep(0.2)
        finally:
            self._stop()
            for number, handler in before.items():
                signal.signal(number, handler)
        return 0

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        self._signalled = True

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        for program in self._programs:
            program.ask_to_stop()
        for program in self._programs:
            program.end(deadline)


_STOPPING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the data folder; a `UserError` when another `evenkeel up` holds it."""
    with open(settings.home / "up.lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"Evenkeel is already up on {settings.home} (process {lock.read() or '?'}). "
                "Stop that one, or set EVENKEEL_HOME to another folder."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def check_port(host: str, port: int) -> None:
    """A `UserError` when nothing can listen there."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UserError(
            f"port: cannot listen on {host}:{port} ({error.strerror}). "
            "Choose another with --port, or stop what uses it."
        ) from None


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=0.5).close()
    except OSError:
        return False
    return True
