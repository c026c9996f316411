"""What faults are done to: real workers, their processes, and the files of a home folder."""

import os
import signal
import subprocess
from contextlib import suppress

from core.results.records import RunConfig
from jobs.ledger import Job, Ledger
from jobs.process.interpreter import command, environment
from jobs.queueing import submit
from jobs.settings import Settings


class Scene:
    """Workers over one home folder, kept alive as a service manager would."""

    def __init__(self, settings: Settings, workers: int) -> None:
        self.settings = settings
        self.ledger = Ledger(settings)
        self.keys: dict[str, str] = {}
        """Job to the key that it was submitted with."""
        self._count = workers
        self._workers: list[subprocess.Popen[bytes]] = []

    def submit(self, config: RunConfig, key: str) -> Job:
        """Queue a run as the page does it."""
        job = submit(self.settings, config, key=key)
        self.keys[job.id] = key
        return job

    def tend(self) -> None:
        """Start as many workers as are missing."""
        self._workers = [worker for worker in self._workers if worker.poll() is None]
        while len(self._workers) < self._count:
            self._workers.append(
                subprocess.Popen(
                    command("studio", "worker"),
                    env=environment(self.settings),
                    stderr=subprocess.DEVNULL,
                )
            )

    def close(self) -> None:
        """Ask the workers to leave, and wait."""
        for worker in self._workers:
            worker.send_signal(signal.SIGCONT)
            worker.terminate()
        for worker in self._workers:
            worker.wait(60)

    def worker_of(self, job: Job) -> int | None:
        """The process id of the worker that a running job belongs to, if it is one of ours."""
        pid = _pid(job.owner or "")
        return pid if pid in {worker.pid for worker in self._workers} else None

    def child_of(self, job: Job) -> int | None:
        """The process id of the child that works on a job, from the lock in the run's folder."""
        try:
            lock = (self.settings.run_folder(job.id).path / "attempt.lock").read_text()
        except FileNotFoundError:
            return None
        attempt, _, owner = lock.partition(" ")
        return _pid(owner) if attempt == str(job.attempt) else None


def send(pid: int | None, number: signal.Signals) -> bool:
    """Send a signal; False when there is no such process any more."""
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, number)
            return True
    return False


def _pid(owner: str) -> int | None:
    """The process id in `boot:pid:start`."""
    parts = owner.split(":")
    return int(parts[1]) if len(parts) == 3 else None
