"""Processes for runs: each serves one, and one spare has done its imports before anybody asks."""

import contextlib
import subprocess
import threading
from collections.abc import Mapping

from jobs.interpreter import command
from jobs.interpreter import environment as environment_of
from jobs.ledger import Job
from jobs.settings import Settings


class Child:
    """A `python -m jobs.child` in its own session: a Ctrl-C for the worker does not reach it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command("jobs.child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def serve(self, job: Job) -> None:
        """Tell it which run to do.

        It may still be importing: it reads the line when it is ready.
        """
        self.ask(f"{job.id} {job.attempt}")

    def ask(self, words: str) -> None:
        """Tell it something more: `pause` or `stop` its training at the next step's end."""
        assert self._process.stdin
        # A child that died while it waited has closed the pipe; its exit code will tell.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{words}\n".encode())
            self._process.stdin.flush()

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None if it still runs after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """Ask it to end in good order."""
        self._process.terminate()

    def kill(self) -> None:
        """End it now and clear up. Harmless when it has ended."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):
            if self._process.stdin:
                self._process.stdin.close()


class Nursery:
    """Hands out children of one device slot, and keeps one more ready."""

    def __init__(self, settings: Settings, devices: str | None = None) -> None:
        """`devices`: what the children may see, as in CUDA_VISIBLE_DEVICES; None leaves it as it
        is.
        """
        self._environment = environment_of(settings)
        if devices is not None:
            self._environment["CUDA_VISIBLE_DEVICES"] = devices
        self._keeps_spare = settings.spare
        self._spare: Child | None = None
        self._closed = False
        self._lock = threading.Lock()

    def take(self) -> Child:
        """The spare if it lives, else a child that is only starting."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare and spare.is_alive:
            return spare
        if spare:
            spare.kill()
        return Child(self._environment)

    def replenish(self) -> None:
        """Start the next spare unless there is one."""
        with self._lock:
            if self._keeps_spare and not self._spare and not self._closed:
                self._spare = Child(self._environment)

    def close(self) -> None:
        """End the spare."""
        with self._lock:
            self._closed = True
            spare, self._spare = self._spare, None
        if spare:
            spare.kill()
