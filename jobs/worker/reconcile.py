"""Makes up for what was lost: runs whose owner died, runs that wait, bells that nobody heard."""

import logging
import time
from collections.abc import Callable, Set
from typing import NamedTuple

from jobs.ledger import Job, Ledger
from jobs.ledger.owner import is_gone
from jobs.logs import serving
from jobs.worker.doorbell import OUT_OF_REACH, Doorbell

log = logging.getLogger(__name__)

RING_AGAIN_SECONDS = 5.0


class _Seen(NamedTuple):
    """A sign of life, and when this observer first saw it by its own clock."""

    attempt: int
    beat: int
    since: float


class Reconciler:
    """One observer of the ledger.

    Compares no clocks but its own: a wrong clock takes nothing away.
    """

    def __init__(
        self,
        ledger: Ledger,
        doorbell: Doorbell,
        owner: str,
        busy_with: Callable[[], Set[str]],
        lease_seconds: float,
        wait_seconds: float,
    ) -> None:
        """`busy_with` says which jobs the observer's own process is really working on."""
        self._ledger = ledger
        self._doorbell = doorbell
        self._owner = owner
        self._busy_with = busy_with
        self._lease_seconds = lease_seconds
        self._wait_seconds = wait_seconds
        self._seen: dict[str, _Seen] = {}
        self._waiting_since: dict[tuple[str, int], float] = {}
        self._queued_since: dict[str, float] = {}

    def look(self) -> None:
        """One look: free what died, let try again what waited, ring for what nobody heard."""
        # `running` first: a job claimed in between is then in neither list, never taken for dead.
        running = self._ledger.running()
        busy = self._busy_with()
        self._seen = {job.id: self._sign_of_life(job) for job in running}
        for job in running:
            if reason := self._death(job, busy):
                with serving(job.id, job.attempt):
                    log.warning("%s: %s", job.id, reason)
                freed = self._ledger.crashed(job, reason)
                if freed and freed.state == "queued":
                    self._doorbell.ring(job.id)
        self._let_try_again()
        self._ring_again()

    def _sign_of_life(self, job: Job) -> _Seen:
        seen = self._seen.get(job.id)
        if seen and (seen.attempt, seen.beat) == (job.attempt, job.beat):
            return seen
        return _Seen(job.attempt, job.beat, time.monotonic())

    def _death(self, job: Job, busy: Set[str]) -> str | None:
        """Why the owner counts as dead; None while it does not."""
        if job.owner == self._owner:
            return None if job.id in busy else "its worker lost hold of it."
        if is_gone(job.owner or ""):
            return "its worker ended without a word."
        silent = time.monotonic() - self._seen[job.id].since
        if silent >= self._lease_seconds:
            return f"its worker gave no sign of life for {silent:.0f} seconds."
        return None

    def _let_try_again(self) -> None:
        now = time.monotonic()
        waiting = {(job.id, job.attempt): job for job in self._ledger.waiting()}
        self._waiting_since = {one: self._waiting_since.get(one, now) for one in waiting}
        for one, since in self._waiting_since.items():
            if now - since >= self._wait_seconds and self._ledger.waited(waiting[one]):
                self._doorbell.ring(waiting[one].id)

    def _ring_again(self) -> None:
        now = time.monotonic()
        queued = [job.id for job in self._ledger.queued()]
        self._queued_since = {name: self._queued_since.get(name, now) for name in queued}
        overdue = [name for name in queued if now - self._queued_since[name] > RING_AGAIN_SECONDS]
        if not overdue:
            return
        try:
            rung = self._doorbell.rung()
        except OUT_OF_REACH:
            return  # Huey's consumer has said so, and these runs are overdue at the next look too
        for name in overdue:
            if name not in rung:
                self._doorbell.ring(name)
