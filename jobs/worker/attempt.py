"""One attempt at a run: the worker's side. Watches the child, the ledger and the clock; decides
nothing else.
"""

import logging
import threading
import time
from collections.abc import Callable
from enum import IntEnum, auto

from core.results.records import read_config
from core.results.runs import RunFolder
from jobs.ledger import Job, Ledger
from jobs.process import traces
from jobs.process.children import Child, Nursery
from jobs.process.traces import Exit, describe
from jobs.progress.pulse import Pulse
from jobs.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""How often the cancel flag is read."""
GRACE_SECONDS = 10.0
"""How long a child may take to stop in good order before it is killed."""
PAUSE_SECONDS = 8.0
"""How long it may take to reach the end of its step and keep where it is, before it must stop."""


class Stop(IntEnum):
    """Why the child was asked to end; a greater reason is the more urgent."""

    PAUSED = auto()
    WORKER_LEAVES = auto()
    CANCELLED = auto()
    HANGS = auto()
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
        self._reached = self._furthest()
        self._silence = 0.0
        log = self._folder.events_path
        self._pulse = Pulse(log, settings.hang_seconds, settings.hang_steps)

    def run(self) -> None:
        """From the first line on stdin to the row in the ledger.

        The child never outlives this call.
        """
        if self._folder.record_path.exists():  # an attempt died between its last file and the row
            self._conclude(Exit.DONE, None)
            return
        # The row is the truth about the config: the file may be missing, or may have been edited.
        self._folder.create(read_config(self._job.config))
        child = self._nursery.take()
        try:
            child.serve(self._job)
            log.info("%s: attempt %d", self._job.id, self._job.attempt)
            code, stop = self._watch(child)
        finally:
            child.kill()
        self._note_progress()
        self._conclude(code, stop)

    def _watch(self, child: Child) -> tuple[int, Stop | None]:
        """Beat until the child ends.

        Returns its exit code, and why it was asked to end if it was.
        """
        beaten = time.monotonic()
        stop: Stop | None = None
        told_to_finish = False
        measures: list[tuple[float, Callable[[], None]]] = []
        while (code := child.wait(LOOK_SECONDS)) is None:
            now = time.monotonic()
            if now - beaten >= self._settings.beat_seconds:
                self._job = self._ledger.beat(self._job) or self._job
                self._note_progress()
                beaten = now
            row = self._ledger.get(self._job.id)
            reason = self._reason_to_stop(row)
            if reason and (stop is None or reason > stop):
                log.info("%s: stopping, %s", self._job.id, reason.name)
                stop, measures = reason, _measures(child, reason, now)
            if row.asked == "stop" and not told_to_finish:
                child.ask("stop")
                told_to_finish = True
            while measures and now >= measures[0][0]:
                measures.pop(0)[1]()
        return code, stop

    def _reason_to_stop(self, row: Job) -> Stop | None:
        if row.state != "running" or row.attempt != self._job.attempt:
            return Stop.TAKEN_AWAY
        if silence := self._pulse.silence():
            self._silence = silence
            return Stop.HANGS
        if row.asked == "cancel":
            return Stop.CANCELLED
        if self._leaving.is_set():
            return Stop.WORKER_LEAVES
        return Stop.PAUSED if row.asked == "pause" else None

    def _furthest(self) -> tuple[int, int]:
        """Phase and step of the checkpoint that is furthest on."""
        kept = ((each.phase, each.step) for each in self._folder.checkpoints())
        return max(kept, default=(0, 0))

    def _note_progress(self) -> None:
        """A run that got further than ever before may crash as often as a new one."""
        if (reached := self._furthest()) > self._reached:
            self._reached = reached
            self._job = self._ledger.progressed(self._job) or self._job

    def _conclude(self, code: int, stop: Stop | None) -> None:
        """The outcome. A child that finished although it was asked to stop is done all the same."""
        job, ledger = self._job, self._ledger
        failure = traces.read_failure(self._folder, job.attempt)
        if self._folder.record_path.exists():  # the last file of all: whatever the code says
            ours = ledger.finish(job, "done", artifacts=traces.published(self._folder))
        elif code in (Exit.REFUSED, Exit.BROKEN) and failure:
            ours = ledger.finish(job, "failed", failure)
        elif code == Exit.FENCED or stop is Stop.TAKEN_AWAY:
            ours = False
        elif stop is Stop.HANGS:
            problem = f"it took no step for {self._silence:.0f} seconds."
            ours = ledger.crashed(job, problem) is not None
        elif stop is Stop.CANCELLED:
            ours = ledger.finish(job, "cancelled")
        elif code == Exit.TRY_LATER:
            ours = ledger.wait(job, failure or "The disk is full.")
        elif stop is Stop.PAUSED:
            ours = ledger.paused(job)
        elif stop is Stop.WORKER_LEAVES:
            ours = ledger.release(job)
        else:
            ours = ledger.crashed(job, describe(code)) is not None
        log.info("%s: exit code %d, now %s", job.id, code, ledger.get(job.id).state)
        if not ours:
            log.warning("%s: attempt %d had been taken away", job.id, job.attempt)


def _measures(child: Child, reason: Stop, now: float) -> list[tuple[float, Callable[[], None]]]:
    """What to do to the child, and when, as long as it does not end."""
    if reason in (Stop.HANGS, Stop.TAKEN_AWAY):
        return [(now, child.kill)]
    if reason is Stop.CANCELLED:
        return [(now, child.stop), (now + GRACE_SECONDS, child.kill)]
    late = now + PAUSE_SECONDS
    ask = lambda: child.ask("pause")  # noqa: E731
    return [(now, ask), (late, child.stop), (late + GRACE_SECONDS, child.kill)]
