"""The ledger: in which state every run is and who owns it. What stands here is true.

Every transition is one conditional UPDATE. It names the state, and for a running job the attempt,
that it starts from; when it changes no row somebody else was faster, and the caller has to stop.
"""

import re
import secrets
import time
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from core.errors import UserError, unknown
from core.records import RunConfig
from jobs.schema import job as table
from jobs.schema import open_database
from jobs.settings import Settings

State = Literal["queued", "running", "done", "failed", "cancelled"]
MAX_CRASHES = 3
"""A run whose process dies so often is not tried again."""

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Job:
    """One row: a run that was asked for."""

    id: str
    workspace: str | None
    """Whose it is; None is the owner of the studio."""
    state: State
    config: dict[str, Any]
    attempt: int
    crashes: int
    created: float
    """Seconds since 1970, as `started` and `finished`: shown, never compared to decide anything."""
    started: float | None
    finished: float | None
    owner: str | None
    beat: int
    """Counts up while the owner lives."""
    cancel_requested: bool
    error: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen any more."""
        return self.state in ("done", "failed", "cancelled")


Jobs = list[Job]  # inside `Ledger`, `list` is its method


class Ledger:
    """All jobs of one data folder. Safe to use from any thread and any process."""

    def __init__(self, settings: Settings) -> None:
        self._engine = open_database(settings.ledger_path)
        self._writing = self._engine.execution_options(writes=True)

    # --- what everybody may do -------------------------------------------------------------------

    def submit(self, config: RunConfig, workspace: str | None = None) -> Job:
        """A new queued job; its config can no longer change."""
        with self._writing.begin() as connection:
            row = connection.execute(
                sa.insert(table)
                .values(
                    id=new_id(config.method),
                    workspace=workspace,
                    state="queued",
                    config=config.model_dump(mode="json"),
                    created=time.time(),
                )
                .returning(*table.columns)
            ).one()
        return _job(row)

    def get(self, job_id: str) -> Job:
        """One job, or a `UserError` that names similar ones."""
        rows = self._select(table.c.id == job_id)
        if not rows:
            with self._engine.connect() as connection:
                known = connection.execute(sa.select(table.c.id)).scalars().all()
            if not known:
                raise UserError(f"job: there is no {job_id!r}, and no job at all yet.")
            raise unknown("job", job_id, known)
        return rows[0]

    def list(self, limit: int = 200) -> Jobs:
        """The newest jobs first."""
        query = sa.select(table).order_by(table.c.created.desc(), table.c.id).limit(limit)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(query)]

    def position(self, job_id: str) -> int | None:
        """Place in the line, 1 is next; None when the job does not wait."""
        line = [job.id for job in self.queued()]
        return line.index(job_id) + 1 if job_id in line else None

    def request_cancel(self, job_id: str) -> Job:
        """A queued job is cancelled at once, a running one is asked to stop; a `UserError` if it is
        over.
        """
        waits = table.c.state == "queued"
        changed = self._update(
            (table.c.id == job_id) & table.c.state.in_(("queued", "running")),
            state=sa.case((waits, "cancelled"), else_=table.c.state),
            finished=sa.case((waits, time.time()), else_=None),
            cancel_requested=True,
        )
        if changed:
            return changed
        job = self.get(job_id)
        raise UserError(f"job: {job_id} cannot be cancelled, it is already {job.state}.")

    # --- what workers do -------------------------------------------------------------------------

    def queued(self) -> Jobs:
        """Waiting jobs in the order in which they will be taken."""
        return self._select(table.c.state == "queued")

    def running(self) -> Jobs:
        """Jobs that have an owner."""
        return self._select(table.c.state == "running")

    def claim(self, owner: str) -> Job | None:
        """Take the first job in the line for `owner`; None when nobody waits."""
        first = (
            sa.select(table.c.id)
            .where(table.c.state == "queued")
            .order_by(table.c.created, table.c.id)
            .limit(1)
            .scalar_subquery()
        )
        return self._update(
            (table.c.id == first) & (table.c.state == "queued"),
            state="running",
            attempt=table.c.attempt + 1,
            owner=owner,
            beat=0,
            started=time.time(),
            finished=None,
            error=None,
        )

    def beat(self, job: Job) -> Job | None:
        """Say that the owner lives. The job as it stands now; None when it was taken away."""
        return self._update(_held(job), beat=table.c.beat + 1)

    def finish(self, job: Job, state: State, error: str | None = None) -> bool:
        """End a running job as done, failed or cancelled; False when it was taken away before."""
        values = {"state": state, "error": error, "finished": time.time(), "owner": None}
        return self._update(_held(job), **values) is not None

    def release(self, job: Job) -> bool:
        """Back to its place in the line, as its worker is going; False when it was taken away
        before.
        """
        asked = table.c.cancel_requested
        values = {
            "state": sa.case((asked, "cancelled"), else_="queued"),
            "finished": sa.case((asked, time.time()), else_=None),
            "owner": None,
        }
        return self._update(_held(job), **values) is not None

    def crashed(self, job: Job, reason: str) -> Job | None:
        """The job's process died: back in the line, but failed after `MAX_CRASHES`; None as above.

        `job.beat` counts too when the observer is not the owner (see `jobs.reconcile`): a job that
        gave a sign of life after it was looked at is left alone.
        """
        asked = table.c.cancel_requested
        crashes = table.c.crashes + 1
        poison = crashes >= MAX_CRASHES
        died = f"The process of this run died {MAX_CRASHES} times. The last time: {reason}"
        values = {
            "state": sa.case((asked, "cancelled"), (poison, "failed"), else_="queued"),
            "error": sa.case((asked, None), (poison, died), else_=reason),
            "finished": sa.case((asked | poison, time.time()), else_=None),
            "crashes": crashes,
            "owner": None,
        }
        return self._update(_held(job) & (table.c.beat == job.beat), **values)

    # ---------------------------------------------------------------------------------------------

    def _select(self, condition: sa.ColumnElement[bool]) -> Jobs:
        query = sa.select(table).where(condition).order_by(table.c.created, table.c.id)
        with self._engine.connect() as connection:
            return [_job(row) for row in connection.execute(query)]

    def _update(self, condition: sa.ColumnElement[bool], **values: Any) -> Job | None:
        query = sa.update(table).where(condition).values(**values).returning(*table.columns)
        with self._writing.begin() as connection:
            row = connection.execute(query).one_or_none()
        return _job(row) if row else None


def _held(job: Job) -> sa.ColumnElement[bool]:
    """The row, as long as this attempt is the one that runs it."""
    return (table.c.id == job.id) & (table.c.state == "running") & (table.c.attempt == job.attempt)


def _job(row: sa.Row[Any]) -> Job:
    return Job(**row._mapping)


def new_id(method: str) -> str:
    """`fd-align-20261123-0712-k3f9`: sorts by time within a method and can be said aloud."""
    word = re.sub(r"[^a-z0-9-]+", "", method.lower())[:32] or "run"
    tail = "".join(secrets.choice(_ALPHABET) for _ in range(4))
    return f"{word}-{time.strftime('%Y%m%d-%H%M')}-{tail}"
