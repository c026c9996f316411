"""A run that was asked for, as the ledger keeps it, and what has happened to it."""

import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

from jobs.ledger.owner import is_gone

State = Literal["queued", "running", "paused", "waiting", "done", "failed", "cancelled"]
"""`paused` until somebody resumes it; `waiting` for room on the disk or in memory."""
OVER: tuple[State, ...] = ("done", "failed", "cancelled")
ASIDE: tuple[State, ...] = ("queued", "paused", "waiting")
"""Neither over nor running."""

Ask = Literal["cancel", "pause", "stop"]
"""A request to a running job's worker; `stop` ends it now and keeps the best weights so far."""

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Job:
    """One row: a run that was asked for."""

    id: str
    seq: int
    """Counts the jobs as they came; the clock is not asked."""
    workspace: str | None
    """Whose it is; None is the owner of the studio."""
    key: str | None
    """The key of the submission: a second submission with it gives this job."""
    state: State
    asked: Ask | None
    priority: int
    """A higher one is taken first."""
    place: int
    """The order in the queue among jobs of one priority."""
    config: dict[str, Any]
    attempt: int
    crashes: int
    """Since the run last got further."""
    created: float
    """Seconds since 1970, as `started` and `finished`: shown, never compared to decide anything."""
    started: float | None
    finished: float | None
    owner: str | None
    beat: int
    """Counts up while the owner lives."""
    error: str | None
    """The reason why it failed, waits, or had to be tried again."""
    about: dict[str, Any] | None = None
    """Name, note and tags that a person gave it: see `jobs.ledger.about.About`."""

    @property
    def is_over(self) -> bool:
        """True if the job has ended."""
        return self.state in OVER

    @property
    def is_interrupted(self) -> bool:
        """True if its process or worker died and no other worker has taken it over.

        This can be seen only on the machine of the worker.
        """
        if self.state == "running":
            return is_gone(self.owner or "") is True
        return self.state == "queued" and self.crashes > 0


@dataclass(frozen=True)
class Entry:
    """One line of a job's history."""

    seq: int
    job: str
    attempt: int
    time: float
    """Seconds since 1970, for people; `seq` orders."""
    kind: str
    data: dict[str, Any]
    """The state that the job came to, and what else there is to say."""


@dataclass(frozen=True)
class Artifact:
    """A file that a finished run published."""

    role: str
    path: str
    """Relative to the run's folder."""
    sha256: str
    size_bytes: int


def new_id(method: str) -> str:
    """`fd-align-20261123-0712-k3f9wz`: sorts by time within a method and can be said aloud."""
    word = re.sub(r"[^a-z0-9-]+", "", method.lower())[:32] or "run"
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    return f"{word}-{time.strftime('%Y%m%d-%H%M')}-{tail}"
