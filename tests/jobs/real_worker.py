"""A real worker process, how to look at what it does, and how to wait for it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from jobs.ledger import Job, Ledger
from jobs.process.interpreter import command, environment
from jobs.settings import Settings


def eventually(condition: Callable[[], object], seconds: float = 60.0) -> float:
    """Seconds until `condition` was true; fails when that takes too long."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it never happened"
        time.sleep(0.02)
    return time.monotonic() - started


class WorkerProcess:
    """A real `evenkeel worker`."""

    def __init__(self, settings: Settings) -> None:
        self.ledger = Ledger(settings)
        self.process = subprocess.Popen(command("studio", "worker"), env=environment(settings))

    def kill(self) -> None:
        """What the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait()

    def leave(self) -> None:
        """What a service manager does."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0


def child_of(job: Job, settings: Settings) -> int:
    """The process that works on a running job, from the lock in the run's folder."""
    lock = settings.run_folder(job.id).path / "attempt.lock"
    return pid_of(lock.read_text().split(" ")[1])


def pid_of(owner: str) -> int:
    """The process id in `boot:pid:start`."""
    return int(owner.split(":")[1])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"


def children_of(pid: int) -> set[int]:
    """The processes that a worker has started, the spare among them."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == pid:
            found.add(int(stat.parent.name))
    return found
