"""Recovers what was lost: runs whose worker died, runs that wait, queue messages that got lost."""

import logging
import time
from collections.abc import Callable, Set
from typing import NamedTuple

from jobs.ledger import Job, Ledger
from jobs.ledger.owner import is_gone
from jobs.logs import serving
from jobs.worker.messages import UNREACHABLE, MessageQueue

log = logging.getLogger(__name__)

SEND_AGAIN_SECONDS = 5.0


class _SignOfLife(NamedTuple):
    """A beat of a run's worker, and when this observer first saw it, by its own clock."""

    attempt: int
    beat: int
    since: float


class Reconciler:
    """Watches the ledger for one worker process, and recovers lost runs of all workers.

    It measures time by its own monotonic clock only, so that no wrong clock ends a lease.
    """

    def __init__(
        self,
        ledger: Ledger,
        messages: MessageQueue,
        owner: str,
        busy_with: Callable[[], Set[str]],
        lease_seconds: float,
        wait_seconds: float,
    ) -> None:
        """`busy_with` returns the jobs that this process is working on at the moment."""
        self._ledger = ledger
        self._messages = messages
        self._owner = owner
        self._busy_with = busy_with
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._signs: dict[str, _SignOfLife] = {}
        self._waiting_since: dict[tuple[str, int], float] = {}
        self._queued_since: dict[str, float] = {}

    def look(self) -> None:
        """Check once: requeue runs that lost their worker or have waited, resend lost messages."""
        # Read the ledger before `busy_with`. A job that this process claims in between is then in
        # `busy` only, and cannot be mistaken for one that its worker lost.
        running = self._ledger.running()
        busy = self._busy_with()
        self._signs = {job.id: self._sign_of_life(job) for job in running}
        for job in running:
            if reason := self._death(job, busy):
                with serving(job.id, job.attempt):
                    log.warning("%s: %s", job.id, reason)
                freed = self._ledger.crashed(job, reason)
                if freed and freed.state == "queued":
                    self._messages.send(job.id)
        self._requeue_waiting()
        self._send_again()

    def _sign_of_life(self, job: Job) -> _SignOfLife:
        # The beat is a counter. An unchanged counter keeps the time of its first observation, so
        # silence is measured without comparing the clocks of two machines.
        seen = self._signs.get(job.id)
        if seen and (seen.attempt, seen.beat) == (job.attempt, job.beat):
            return seen
        return _SignOfLife(job.attempt, job.beat, time.monotonic())

    def _death(self, job: Job, busy: Set[str]) -> str | None:
        """The reason to treat the worker as dead; None if there is none."""
        if job.owner == self._owner:
            return None if job.id in busy else "its worker lost hold of it."
        # A process that ended on this machine is visible at once. The lease is for workers on
        # other machines and for frozen ones.
        if is_gone(job.owner or ""):
            return "its worker ended without a word."
        silent = time.monotonic() - self._signs[job.id].since
        if silent >= self._lease_seconds:
            return f"its worker gave no sign of life for {silent:.0f} seconds."
        return None

    def _requeue_waiting(self) -> None:
        now = time.monotonic()
        waiting = {(job.id, job.attempt): job for job in self._ledger.waiting()}
        self._waiting_since = {one: self._waiting_since.get(one, now) for one in waiting}
        for one, since in self._waiting_since.items():
            if now - since >= self._wait_seconds and self._ledger.waited(waiting[one]):
                self._messages.send(waiting[one].id)

    def _send_again(self) -> None:
        now = time.monotonic()
        queued = [job.id for job in self._ledger.queued()]
        self._queued_since = {name: self._queued_since.get(name, now) for name in queued}
        overdue = [name for name in queued if now - self._queued_since[name] > SEND_AGAIN_SECONDS]
        if not overdue:
            return
        try:
            unread = self._messages.unread()
        except UNREACHABLE:
            return  # the consumer logs it, and the next look finds these runs overdue again
        for name in overdue:
            if name not in unread:
                self._messages.send(name)
