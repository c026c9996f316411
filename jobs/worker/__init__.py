"""The worker: claims runs, watches their processes, and recovers runs that other workers lost."""

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
from jobs.process.children import DeviceSlot
from jobs.settings import Settings
from jobs.worker.attempt import Attempt
from jobs.worker.messages import MessageQueue
from jobs.worker.reconcile import Reconciler

log = logging.getLogger(__name__)

RECONCILE_SECONDS = 1.0


class Worker:
    """Runs queued jobs, one at a time in each slot. A slot is one device or all devices."""

    def __init__(self, settings: Settings, devices: Sequence[str | None] = (None,)) -> None:
        """`devices` has one entry for each slot, as in CUDA_VISIBLE_DEVICES; None sees all."""
        self._settings = settings
        self._ledger = Ledger(settings, WORKER_PATIENCE_SECONDS)
        self._messages = MessageQueue(settings, self._take_next)
        self._owner = this_process()
        self._signalled = False
        self._leaving = threading.Event()
        self._slots = [DeviceSlot(settings, each) for each in devices]
        self._free: queue.SimpleQueue[DeviceSlot] = queue.SimpleQueue()
        self._busy: set[str] = set()
        self._claiming = threading.Lock()
        for slot in self._slots:
            self._free.put(slot)

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. Unfinished runs then return to the queue."""
        for slot in self._slots:
            slot.prepare()
        reconciler = threading.Thread(target=self._reconcile, name="reconcile", daemon=True)
        reconciler.start()
        consumer = self._messages.consumer(len(self._slots))
        consumer.start()
        # Huey's own handlers wait until the task is finished, which can take hours; ours ends the
        # tasks. The handler only sets a flag: `Event.set` takes a lock, which the interrupted
        # thread may hold at that moment.
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
            for slot in self._slots:
                slot.close()
            self._messages.close()

    def _note_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self._signalled = True

    def _take_next(self, named: str) -> None:
        """Run the first job in the queue. `named` is the job in the message, for the log only.

        An empty queue means that a message came twice, or that another worker was faster.
        """
        slot = self._free.get()
        try:
            with self._claiming:
                job = None if self._leaving.is_set() else self._ledger.claim(self._owner)
                if job is None:
                    log.debug("message for %s, the queue is empty", named)
                    return
                self._busy.add(job.id)
            try:
                with logs.serving(job.id, job.attempt):
                    Attempt(self._settings, self._ledger, slot, job, self._leaving).run()
                if self._ledger.get(job.id).state == "queued":
                    self._messages.send(job.id)
            finally:
                self._busy.discard(job.id)
                slot.prepare()
        finally:
            self._free.put(slot)

    def _busy_with(self) -> frozenset[str]:
        with self._claiming:
            return frozenset(self._busy)

    def _reconcile(self) -> None:
        reconciler = Reconciler(
            self._ledger,
            self._messages,
            self._owner,
            self._busy_with,
            self._settings.lease_seconds,
            self._settings.wait_seconds,
        )
        while not self._leaving.is_set():
            try:
                reconciler.look()
            except Exception:  # a full disk or a locked database: try again at the next look
                log.exception("looking after lost runs failed")
            self._leaving.wait(RECONCILE_SECONDS)
        self._messages.close()
