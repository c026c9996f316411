"""One attempt at a run: the worker's side. Watches the child, the ledger and the clock; decides
nothing else.
"""

import logging
import threading
import time
from enum import Enum, auto

from core.records import RunConfig
from core.runs import RunFolder
from jobs import traces
from jobs.children import Child, Nursery
from jobs.exits import Exit, describe
from jobs.ledger import Job, Ledger
from jobs.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""How often the cancel flag is read."""
GRACE_SECONDS = 10.0
"""How long a child may take to stop in good order before it is killed."""


class Stop(Enum):
    """Why the child was asked to end."""

    CANCELLED = auto()
    WORKER_LEAVES = auto()
    TAKEN_AWAY = auto()


class Attempt:
    """Runs one claimed job to its end and writes the outcome into the ledger."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        nursery: Nursery,
        job: Job,
        leaving: threading.Event,
    ) -> None:
        """`leaving` is set when the worker ends."""
        self._settings = settings
        self._ledger = ledger
        self._nursery = nursery
        self._job = job
        self._leaving = leaving
        self._folder: RunFolder = settings.run_folder(job.id)

    def run(self) -> None:
        """From the first line on stdin to the row in the ledger.

        The child never outlives this call.
        """
        # The row is the truth about the config: the file may be missing, or may have been edited.
        self._folder.create(RunConfig.model_validate(self._job.config))
        child = self._nursery.take()
        try:
            child.serve(self._job)
            log.info("%s: attempt %d in process %d", self._job.id, self._job.attempt, child.pid)
            code, stop = self._watch(child)
        finally:
            child.kill()
        self._conclude(code, stop)

    def _watch(self, child: Child) -> tuple[int, Stop | None]:
        """Beat until the child ends.

        Returns its exit code, and why it was asked to end if it was.
        """
        beaten = time.monotonic()
        stop: Stop | None = None
        deadline = float("inf")
        while (code := child.wait(LOOK_SECONDS)) is None:
            now = time.monotonic()
            if now - beaten >= self._settings.beat_seconds:
                self._job = self._ledger.beat(self._job) or self._job
                beaten = now
            if stop is None and (stop := self._reason_to_stop()):
                log.info("%s: stopping, %s", self._job.id, stop.name)
                child.stop()
                deadline = now + (0 if stop is Stop.TAKEN_AWAY else GRACE_SECONDS)
            if now >= deadline:
                child.kill()
        return code, stop

    def _reason_to_stop(self) -> Stop | None:
        row = self._ledger.get(self._job.id)
        if row.state != "running" or row.attempt != self._job.attempt:
            return Stop.TAKEN_AWAY
        if row.cancel_requested:
            return Stop.CANCELLED
        return Stop.WORKER_LEAVES if self._leaving.is_set() else None

    def _conclude(self, code: int, stop: Stop | None) -> None:
        """The outcome. A child that finished although it was asked to stop is done all the same."""
        job, ledger = self._job, self._ledger
        failure = traces.read_failure(self._folder, job.attempt)
        if code == Exit.DONE and self._folder.record_path.exists():
            ours = ledger.finish(job, "done")
        elif code in (Exit.REFUSED, Exit.BROKEN) and failure:
            ours = ledger.finish(job, "failed", failure)
        elif code == Exit.FENCED or stop is Stop.TAKEN_AWAY:
            ours = False
        elif stop is Stop.CANCELLED:
            ours = ledger.finish(job, "cancelled")
        elif stop is Stop.WORKER_LEAVES:
            ours = ledger.release(job)
        else:
            ours = ledger.crashed(job, describe(code)) is not None
        log.info("%s: exit code %d, now %s", job.id, code, ledger.get(job.id).state)
        if not ours:
            log.warning("%s: attempt %d had been taken away", job.id, job.attempt)
