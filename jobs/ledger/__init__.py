"""The ledger: the state and the owner of every run. If anything disagrees, the ledger is right.

Every transition is one conditional UPDATE, with its line in the job's history in the same
transaction. It names the state, and for a running job the attempt, that it starts from; when it
changes no row, another process was faster, and the caller has to stop.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import sqlalchemy as sa

from core.errors import UserError, unknown
from core.results.records import RunConfig
from jobs.ledger import rows, schema
from jobs.ledger.about import About
from jobs.ledger.database import open_database
from jobs.ledger.job import OVER, Artifact, Entry, Job, State, new_id
from jobs.ledger.rows import Condition
from jobs.ledger.schema import job as table
from jobs.settings import Settings

__all__ = ["MAX_CRASHES", "Artifact", "Entry", "Job", "Ledger", "State", "new_id"]

MAX_CRASHES = 3
"""A run whose process dies so often without getting further is not tried again."""

Jobs = list[Job]  # inside `Ledger`, `list` is its method
Entries = list[Entry]
Artifacts = list[Artifact]


class Ledger:
    """All jobs of one studio. Safe to use from any thread and any process."""

    def __init__(self, settings: Settings, patience_seconds: float | None = None) -> None:
        self._settings = settings
        self._engine = open_database(settings, patience_seconds)
        self._writing = self._engine.execution_options(writes=True)

    # --- what everybody may do -------------------------------------------------------------------

    def submit(
        self, config: RunConfig, workspace: str | None = None, key: str | None = None
    ) -> Job:
        """A new queued job; its config can no longer change.

        With a `key` that this workspace has used before, the job of that time. A `UserError` when
        too many wait already.
        """
        known_as = None if key is None else json.dumps([workspace, key])
        with self._writing.begin() as connection:
            if known_as and (known := rows.one(connection, table.c.key == known_as)):
                return known
            self._make_room(connection, workspace)
            values = {
                "id": new_id(config.method),
                "seq": rows.next_number(connection, table.c.seq),
                "workspace": workspace,
                "key": known_as,
                "state": "queued",
                "place": rows.next_number(connection, table.c.place),
                "config": config.model_dump(mode="json"),
                "created": time.time(),
            }
            row = connection.execute(sa.insert(table).values(values).returning(*table.columns))
            return rows.note(connection, rows.job_of(row.one()), "submitted")

    def get(self, job_id: str, workspace: str | None = None) -> Job:
        """One job, or a `UserError` that names similar ones.

        To a workspace, what belongs to another does not exist.
        """
        with self._engine.connect() as connection:
            if found := rows.one(connection, (table.c.id == job_id) & rows.of_workspace(workspace)):
                return found
            ids = sa.select(table.c.id).where(rows.of_workspace(workspace))
            known = connection.execute(ids).scalars().all()
        if known:
            raise unknown("job", job_id, known)
        raise UserError(f"job: there is no {job_id!r}, and no job at all yet.")

    def list(
        self,
        limit: int = 200,
        workspace: str | None = None,
        data: Path | None = None,
        state: State | None = None,
        downwards: bool = False,
    ) -> Jobs:
        """The newest jobs first: everybody's or those of one workspace, on all data or on that in
        one folder, in any state or in one. `downwards` in the order of the queue instead.
        """
        wanted = rows.of_workspace(workspace)
        if data is not None:
            wanted &= table.c.config["data"].as_string() == str(data)
        if state is not None:
            wanted &= table.c.state == state
        order = rows.DOWNWARDS if downwards else (table.c.seq.desc(),)
        return self._select(wanted, order, limit)

    def position(self, job_id: str) -> int | None:
        """The position in the queue, 1 for the next job; None if the job does not wait."""
        waiting = [job.id for job in self.queued()]
        return waiting.index(job_id) + 1 if job_id in waiting else None

    def history(self, job_id: str) -> Entries:
        """The history of a job, oldest entry first."""
        query = sa.select(schema.event).where(schema.event.c.job == job_id)
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(schema.event.c.seq))
            return [Entry(**row._mapping) for row in found]

    def artifacts(self, job_id: str) -> Artifacts:
        """The files that a finished job published."""
        columns = (schema.artifact.c[name] for name in ("role", "path", "sha256", "size_bytes"))
        query = sa.select(*columns).where(schema.artifact.c.job == job_id)
        with self._engine.connect() as connection:
            found = connection.execute(query.order_by(schema.artifact.c.role))
            return [Artifact(**row._mapping) for row in found]

    def request_cancel(self, job_id: str) -> Job:
        """A waiting job is cancelled at once, a running one is asked to stop; a `UserError` if it
        is over.
        """
        at_once = {"state": "cancelled", "asked": None, "finished": time.time()}
        return self._first(
            job_id,
            "cancelled",
            (rows.ASIDE, "cancelled", at_once),
            (rows.RUNNING, "asked", {"asked": "cancel"}),
        )

    def request_pause(self, job_id: str) -> Job:
        """A waiting job is laid aside at once, a running one is asked to keep where it is first."""
        return self._first(
            job_id,
            "paused",
            (table.c.state.in_(("queued", "waiting")), "paused", {"state": "paused"}),
            (rows.RUNNING & rows.not_asked_or("pause"), "asked", {"asked": "pause"}),
        )

    def request_stop(self, job_id: str) -> Job:
        """A running job is asked to end now and keep what is best so far."""
        willing = rows.RUNNING & rows.not_asked_or("pause", "stop")
        return self._first(job_id, "stopped", (willing, "asked", {"asked": "stop"}))

    def resume(self, job_id: str) -> Job:
        """Put a paused or waiting job back into its place in the queue."""
        aside = table.c.state.in_(("paused", "waiting"))
        pausing = rows.RUNNING & (table.c.asked == "pause")
        return self._first(
            job_id,
            "resumed",
            (aside, "resumed", {"state": "queued", "error": None}),
            (pausing, "resumed", {"asked": None}),
        )

    def retry(self, job_id: str) -> Job:
        """Put a failed or cancelled job at the end of the queue; its attempts go on counting."""
        job = self.get(job_id)
        with self._writing.begin() as connection:
            self._make_room(connection, job.workspace)
            again = rows.change(
                connection,
                (table.c.id == job_id) & table.c.state.in_(("failed", "cancelled")),
                "retried",
                state="queued",
                place=rows.next_number(connection, table.c.place),
                crashes=0,
                finished=None,
                error=None,
            )
        return again or self._refuse(job_id, "retried")

    def prioritise(self, job_id: str, priority: int) -> Job:
        """A job with a higher priority is taken first; all begin with 0."""
        values = {"priority": priority}
        return self._first(
            job_id, "prioritised", (rows.ASIDE | rows.RUNNING, "prioritised", values)
        )

    def move(self, job_id: str, before: str | None = None) -> Job:
        """Move a job before another one in the queue, or to its end.

        The job takes the priority of its new place.
        """
        with self._writing.begin() as connection:
            if before is None:
                lowest = sa.select(sa.func.min(table.c.priority)).where(rows.ASIDE)
                priority = connection.execute(lowest).scalar_one()
                place = rows.next_number(connection, table.c.place)
            else:
                other = rows.one(connection, (table.c.id == before) & rows.ASIDE)
                if other is None:
                    self._refuse(before, "a place in the queue")
                priority, place = other.priority, other.place
                # Make room for one number: all jobs from here on move one place back.
                behind = table.c.state.not_in(OVER) & (table.c.place >= place)
                step_back = sa.update(table).values(place=table.c.place + 1)
                connection.execute(step_back.where(behind))
            moved = rows.change(
                connection,
                (table.c.id == job_id) & rows.ASIDE,
                "moved",
                priority=priority,
                place=place,
            )
        return moved or self._refuse(job_id, "moved")

    def describe(self, job_id: str, **said: Any) -> Job:
        """Give a job another `name`, `note` or `tags`, in whatever state it is."""
        with self._writing.begin() as connection:
            is_it = table.c.id == job_id
            if job := rows.one(connection, is_it):
                about = About.of(job.about).changed(**said).to_json()
                if changed := rows.change(connection, is_it, None, about=about):
                    return changed
        return self.get(job_id)  # which says that there is none

    def uses(self, data: Path) -> bool:
        """True if any run, finished or not, uses the data set in this folder."""
        names = {str(data), str(data.resolve())}
        return bool(self._select(table.c.config["data"].as_string().in_(names), limit=1))

    def delete(self, job_id: str) -> None:
        """Forget a job with its history; a `UserError` while it runs."""
        delete = sa.delete(table).where((table.c.id == job_id) & ~rows.RUNNING)
        with self._writing.begin() as connection:
            deleted = connection.execute(delete).rowcount
        if not deleted:
            self._refuse(job_id, "deleted")

    # --- what workers do -------------------------------------------------------------------------

    def queued(self) -> Jobs:
        """Jobs that can be taken, in the order in which they will be."""
        return self._select(rows.QUEUED)

    def running(self) -> Jobs:
        """Jobs that have an owner."""
        return self._select(rows.RUNNING)

    def waiting(self) -> Jobs:
        """Jobs that wait for room on the disk or in memory."""
        return self._select(table.c.state == "waiting")

    def claim(self, owner: str) -> Job | None:
        """Take the first job in the queue for `owner`; None if no job can be taken.

        Jobs of a workspace that has as many running as it may are passed over.
        """
        limit = self._settings.workspace_running
        at_limit = (
            sa.select(table.c.workspace)
            .where(rows.RUNNING & table.c.workspace.is_not(None))
            .group_by(table.c.workspace)
            .having(sa.func.count() >= limit)
        )
        free = table.c.workspace.is_(None) | table.c.workspace.not_in(at_limit)
        first = sa.select(table.c.id).where(rows.QUEUED & free).order_by(*rows.IN_LINE).limit(1)
        return self._change(
            (table.c.id == first.scalar_subquery()) & rows.QUEUED,
            "claimed",
            state="running",
            attempt=table.c.attempt + 1,
            owner=owner,
            beat=0,
            started=time.time(),
            finished=None,
            error=None,
        )

    def beat(self, job: Job) -> Job | None:
        """Count a sign of life of the owner. Returns the job; None if it was taken away."""
        return self._change(rows.held(job), None, beat=table.c.beat + 1)

    def progressed(self, job: Job) -> Job | None:
        """Reset the count of crashes: the run got further than ever. None as above."""
        return self._change(rows.held(job), "progressed" if job.crashes else None, crashes=0)

    def finish(
        self,
        job: Job,
        state: State,
        error: str | None = None,
        artifacts: Iterable[Artifact] = (),
    ) -> bool:
        """End a running job as done, failed or cancelled, with the files that it published.

        False when it was taken away before.
        """
        with self._writing.begin() as connection:
            ended = rows.change(
                connection,
                rows.held(job),
                "finished",
                state=state,
                error=error,
                finished=time.time(),
                asked=None,
                owner=None,
            )
            files = [{"job": job.id, "attempt": job.attempt, **asdict(each)} for each in artifacts]
            if ended and files:
                connection.execute(sa.insert(schema.artifact), files)
        return ended is not None

    def release(self, job: Job) -> bool:
        """Put the job back into its place in the queue: its worker ends. False as above."""
        return self._change(rows.held(job), "released", **rows.leaving("queued")) is not None

    def paused(self, job: Job) -> bool:
        """Pause the job as asked, or requeue it if the request was withdrawn. False as above."""
        return self._change(rows.held(job), "paused", **rows.leaving("queued")) is not None

    def wait(self, job: Job, reason: str) -> bool:
        """Let the job wait for disk space or memory. This is no crash. False as above."""
        changes = rows.leaving("waiting")
        return self._change(rows.held(job), "waits", error=reason, **changes) is not None

    def waited(self, job: Job) -> Job | None:
        """A waiting job has waited long enough; None when it waits no more."""
        still = (table.c.id == job.id) & (table.c.attempt == job.attempt)
        still &= table.c.state == "waiting"
        return self._change(still, "resumed", state="queued", error=None)

    def crashed(self, job: Job, reason: str) -> Job | None:
        """Requeue a job whose process died; fail it after `MAX_CRASHES`.

        None when it was taken away before. `job.beat` counts too when the observer is not the owner
        (see `jobs.worker.reconcile`): a job that gave a sign of life since is left alone.
        """
        crashes = table.c.crashes + 1
        poison = crashes >= MAX_CRASHES
        died = f"The process of this run died {MAX_CRASHES} times. The last time: {reason}"
        return self._change(
            rows.held(job) & (table.c.beat == job.beat),
            "crashed",
            crashes=crashes,
            error=sa.case((table.c.asked == "cancel", None), (poison, died), else_=reason),
            **rows.leaving("queued", sa.case((poison, "failed"), else_=None)),
        )

    # ---------------------------------------------------------------------------------------------

    def _select(
        self, condition: Condition, order: Sequence[Any] = rows.IN_LINE, limit: int | None = None
    ) -> Jobs:
        query = sa.select(table).where(condition).order_by(*order).limit(limit)
        with self._engine.connect() as connection:
            return [rows.job_of(row) for row in connection.execute(query)]

    def _change(self, condition: Condition, kind: str | None, **values: Any) -> Job | None:
        with self._writing.begin() as connection:
            return rows.change(connection, condition, kind, **values)

    def _first(
        self, job_id: str, verb: str, *ways: tuple[Condition, str, Mapping[str, Any]]
    ) -> Job:
        """Change the job in the first way whose condition holds, else refuse."""
        with self._writing.begin() as connection:
            for condition, kind, values in ways:
                one = (table.c.id == job_id) & condition
                if changed := rows.change(connection, one, kind, **values):
                    return changed
        return self._refuse(job_id, verb)

    def _refuse(self, job_id: str, verb: str) -> NoReturn:
        job = self.get(job_id)
        now = f"already {job.state}" if job.is_over else job.state
        asked = f" and was asked to {job.asked}" if job.asked else ""
        raise UserError(f"job: {job_id} cannot be {verb}, it is {now}{asked}.")

    def _make_room(self, connection: sa.Connection, workspace: str | None) -> None:
        """A `UserError` with the number when a limit is reached."""
        limit = self._settings.studio_queued
        if rows.count(connection, table.c.state.in_(("queued", "waiting"))) >= limit:
            raise UserError(f"The queue may hold {limit} runs, and it is full. Try again later.")
        limit = self._settings.workspace_queued
        if (
            workspace
            and rows.count(connection, (table.c.workspace == workspace) & rows.ASIDE) >= limit
        ):
            raise UserError(
                f"{limit} of your runs wait already, and no more may. Wait for one, or cancel one."
            )
