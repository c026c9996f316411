"""The worker: answers the bell, claims a run, watches its process, cares for what was lost."""

import logging
import queue
import signal
import threading
import time
from collections.abc import Sequence
from types import FrameType

from jobs import logs
from jobs.ledger import Ledger
from jobs.ledger.database import WORKER_PATIENCE_SECONDS
from jobs.ledger.owner import this_process
from jobs.process.children import Nursery
from jobs.settings import Settings
from jobs.worker.attempt import Attempt
from jobs.worker.doorbell import Doorbell
from jobs.worker.reconcile import Reconciler

log = logging.getLogger(__name__)

RECONCILE_SECONDS = 1.0


class Worker:
    """Runs queued jobs, one at a time in each slot. A slot is a device, or all of them together."""

    def __init__(self, settings: Settings, devices: Sequence[str | None] = (None,)) -> None:
        """`devices`: one slot for each, as in CUDA_VISIBLE_DEVICES; None sees all that there is."""
        self._settings = settings
        self._ledger = Ledger(settings, WORKER_PATIENCE_SECONDS)
        self._doorbell = Doorbell(settings, self._answer)
        self._owner = this_process()
        self._signalled = False
        self._leaving = threading.Event()
        self._nurseries = [Nursery(settings, slot) for slot in devices]
        self._free: queue.SimpleQueue[Nursery] = queue.SimpleQueue()
        self._busy: set[str] = set()
        self._claiming = threading.Lock()
        for nursery in self._nurseries:
            self._free.put(nursery)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; the runs in hand go back to their place in the line."""
        for nursery in self._nurseries:
            nursery.replenish()
        reconciler = threading.Thread(target=self._reconcile, name="reconcile", daemon=True)
        reconciler.start()
        consumer = self._doorbell.consumer(len(self._nurseries))
        consumer.start()
        # Huey's own handlers wait for a task to finish, which is hours; ours makes the tasks end.
        # It only notes the signal: setting an Event could meet its own lock, held by the thread it
        # interrupts.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note_signal)
        try:
            while not self._signalled:
                time.sleep(0.2)
                consumer.check_worker_health()
        finally:
            self._leaving.set()
            consumer.stop(graceful=True)
            reconciler.join()
            for nursery in self._nurseries:
                nursery.close()
            self._doorbell.close()

    def _note_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._signalled = True

    def _answer(self, rung_by: str) -> None:
        """The bell rang: take whoever is first in the line. An empty line means that a ring came
        twice.
        """
        nursery = self._free.get()
        try:
            with self._claiming:
                job = None if self._leaving.is_set() else self._ledger.claim(self._owner)
                if job is None:
                    log.debug("%s rang, nobody waits", rung_by)
                    return
                self._busy.add(job.id)
            try:
                with logs.serving(job.id, job.attempt):
                    Attempt(self._settings, self._ledger, nursery, job, self._leaving).run()
                if self._ledger.get(job.id).state == "queued":
                    self._doorbell.ring(job.id)
            finally:
                self._busy.discard(job.id)
                nursery.replenish()
        finally:
            self._free.put(nursery)

    def _busy_with(self) -> frozenset[str]:
        with self._claiming:
            return frozenset(self._busy)

    def _reconcile(self) -> None:
        reconciler = Reconciler(
            self._ledger,
            self._doorbell,
            self._owner,
            self._busy_with,
            self._settings.lease_seconds,
            self._settings.wait_seconds,
        )
        while not self._leaving.is_set():
            try:
                reconciler.look()
            except Exception:  # a full disk or a locked database: the next look may do better
                log.exception("looking after lost runs failed")
            self._leaving.wait(RECONCILE_SECONDS)
        self._doorbell.close()
