"""One attempt at a run, on the worker's side: its process is started, watched and judged here."""

import logging
import threading
import time
from collections.abc import Callable
from enum import IntEnum, auto

from core.results.records import read_config
from core.results.runs import RunFolder
from jobs.ledger import Job, Ledger
from jobs.process import traces
from jobs.process.children import DeviceSlot, RunProcess
from jobs.process.traces import Exit, describe
from jobs.progress.pulse import Pulse
from jobs.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""The interval at which the worker reads what was asked of the run."""
GRACE_SECONDS = 10.0
"""The time after SIGTERM until a process that still runs is killed."""
PAUSE_SECONDS = 8.0
"""The time that a pause may take to finish its step and write a checkpoint, before SIGTERM."""


class Stop(IntEnum):
    """The reason why a process is asked to end. A greater value is more urgent."""

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
        slot: DeviceSlot,
        job: Job,
        leaving: threading.Event,
    ) -> None:
        """`leaving` is set when the worker is asked to end."""
        self._settings = settings
        self._ledger = ledger
        self._slot = slot
        self._job = job
        self._leaving = leaving
        self._folder: RunFolder = settings.run_folder(job.id)
        self._reached = self._furthest()
        self._silence = 0.0
        log = self._folder.events_path
        self._pulse = Pulse(log, settings.hang_seconds, settings.hang_steps)

    def run(self) -> None:
        """Run the job in a process and write the outcome. The process has ended on return."""
        # The record is the last file of a run: the attempt that wrote it died before its row said
        # done. The run is finished, and only the row is missing.
        if self._folder.record_path.exists():
            self._conclude(Exit.DONE, None)
            return
        # Write the config again from the ledger: the file may be missing or edited.
        self._folder.create(read_config(self._job.config))
        process = self._slot.take()
        try:
            process.serve(self._job)
            log.info("%s: attempt %d", self._job.id, self._job.attempt)
            code, stop = self._watch(process)
        finally:
            process.kill()
        self._note_progress()
        self._conclude(code, stop)

    def _watch(self, process: RunProcess) -> tuple[int, Stop | None]:
        """Send beats until the process ends.

        Returns the exit code, and the reason if the process was asked to end.
        """
        beaten = time.monotonic()
        stop: Stop | None = None
        told_to_finish = False
        steps: list[tuple[float, Callable[[], None]]] = []
        while (code := process.wait(LOOK_SECONDS)) is None:
            now = time.monotonic()
            if now - beaten >= self._settings.beat_seconds:
                self._job = self._ledger.beat(self._job) or self._job
                self._note_progress()
                beaten = now
            row = self._ledger.get(self._job.id)
            reason = self._reason_to_stop(row)
            # Only a more urgent reason replaces one: a cancel hurries a pause, never the reverse.
            if reason and (stop is None or reason > stop):
                log.info("%s: stopping, %s", self._job.id, reason.name)
                stop, steps = reason, _steps_to_end(process, reason, now)
            if row.asked == "stop" and not told_to_finish:
                process.ask("stop")
                told_to_finish = True
            while steps and now >= steps[0][0]:
                steps.pop(0)[1]()
        return code, stop

    def _reason_to_stop(self, row: Job) -> Stop | None:
        # Another worker took the run over, or it was freed after a silence of this worker.
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
        """Phase and step of the latest checkpoint; (0, 0) without one."""
        kept = ((each.phase, each.step) for each in self._folder.checkpoints())
        return max(kept, default=(0, 0))

    def _note_progress(self) -> None:
        """Reset the count of crashes if the run got further than ever before.

        Only a run that crashes again and again at the same place must fail.
        """
        if (reached := self._furthest()) > self._reached:
            self._reached = reached
            self._job = self._ledger.progressed(self._job) or self._job

    def _conclude(self, code: int, stop: Stop | None) -> None:
        """Write the outcome into the ledger.

        The order of the cases matters. A process that finished although it was asked to stop is
        done. A process that was taken away must not change the row, which has a new owner.
        """
        job, ledger = self._job, self._ledger
        failure = traces.read_failure(self._folder, job.attempt)
        if self._folder.record_path.exists():  # the last file: done whatever the code is
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


def _steps_to_end(
    process: RunProcess, reason: Stop, now: float
) -> list[tuple[float, Callable[[], None]]]:
    """The (time, action) pairs that end a process, each harder than the one before."""
    if reason in (Stop.HANGS, Stop.TAKEN_AWAY):
        return [(now, process.kill)]
    if reason is Stop.CANCELLED:
        return [(now, process.stop), (now + GRACE_SECONDS, process.kill)]
    late = now + PAUSE_SECONDS
    pause = lambda: process.ask("pause")  # noqa: E731
    return [(now, pause), (late, process.stop), (late + GRACE_SECONDS, process.kill)]
