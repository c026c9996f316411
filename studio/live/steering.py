"""The actions that a run allows in its state, for the queue and for the Live run tab."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs import queueing
from jobs.ledger.job import Job
from jobs.settings import Settings
from studio.frame.view import Handler
from studio.live import words
from studio.workspace import Workspace
from studio.workspace.session import Session

_VERBS: Mapping[str, Callable[[Settings, str], Job]] = {
    "advance": queueing.advance,
    "pause": queueing.pause,
    "resume": queueing.resume,
    "stop": queueing.stop,
    "retry": queueing.retry,
    "cancel": queueing.cancel,
}


@dataclass(frozen=True)
class Verb:
    """A button: its action, its label, and the question to confirm it."""

    do: str
    title: str
    sure: str


def offered(mine: Workspace, job: Job) -> list[Verb]:
    """The actions that would have an effect on `job` now; cancelling comes last."""
    return [
        Verb(do, words.Steer.titles[do], words.Steer.sure.get(do, "")) for do in _fit(mine, job)
    ]


def steering() -> dict[str, Handler]:
    """A handler for each action; `id` in the detail names the run."""
    return {do: _handler(verb) for do, verb in _VERBS.items()}


def _handler(verb: Callable[[Settings, str], Job]) -> Handler:
    def handle(session: Session, detail: Mapping[str, Any]) -> None:
        mine = session.mine
        verb(mine.studio.settings, mine.runs.find(detail.get("id")).id)

    return handle


def _fit(mine: Workspace, job: Job) -> tuple[str, ...]:
    if mine.is_read_only:
        return ()
    match job.state:
        case "queued":  # the queue is shared: only the owner may reorder it
            first = not mine.is_owner or mine.runs.position(job.id) in (None, 1)
            return ("pause", "cancel") if first else ("advance", "pause", "cancel")
        case "running":
            return _FIT_WHEN_ASKED[job.asked]
        case "paused" | "waiting":
            return ("resume", "cancel")
        case "failed" | "cancelled":
            return ("retry",)
    return ()


_FIT_WHEN_ASKED: Mapping[str | None, tuple[str, ...]] = {
    None: ("pause", "stop", "cancel"),
    "pause": ("resume", "stop", "cancel"),
    "stop": ("cancel",),
    "cancel": (),
}
