"""Rows of the ledger: which there are, and the one way in which one of them changes."""

import time
from typing import Any

import sqlalchemy as sa

from jobs.ledger import schema
from jobs.ledger.job import ASIDE as ASIDE_STATES
from jobs.ledger.job import OVER, Ask, Job, State
from jobs.ledger.schema import job as table

Condition = sa.ColumnElement[bool]

IN_LINE = (table.c.priority.desc(), table.c.place, table.c.seq)
"""The order in which waiting jobs are taken."""
QUEUED = table.c.state == "queued"
RUNNING = table.c.state == "running"
ASIDE = table.c.state.in_(ASIDE_STATES)
"""Neither running nor over."""
_GROUP = sa.case((RUNNING, 0), (QUEUED, 1), (ASIDE, 2), else_=3)
DOWNWARDS = (
    _GROUP,
    sa.case((_GROUP < 3, table.c.priority), else_=0).desc(),
    sa.case((_GROUP < 3, table.c.place), else_=0),
    sa.case((_GROUP < 3, 0.0), else_=sa.func.coalesce(table.c.finished, 0.0)).desc(),
    table.c.seq.desc(),
)
"""The order for a list of the queue: running, queued, paused or waiting, then ended runs, the
newest first."""


def of_workspace(workspace: str | None) -> Condition:
    """The rows that a workspace may see; all without one."""
    return sa.true() if workspace is None else table.c.workspace == workspace


def held(job: Job) -> Condition:
    """The row, as long as this attempt is the one that runs it."""
    return (table.c.id == job.id) & RUNNING & (table.c.attempt == job.attempt)


def not_asked_or(*asks: Ask) -> Condition:
    """Nothing is asked of it that counts for more than these."""
    return table.c.asked.is_(None) | table.c.asked.in_(asks)


def leaving(state: State, unless: sa.ColumnElement[Any] | None = None) -> dict[str, Any]:
    """The new values of a running job that its worker releases: what was asked, else `state`.

    A `stop` stays asked: the next attempt does it.
    """
    asked, now = table.c.asked, time.time()
    after = sa.case(
        (asked == "cancel", "cancelled"),
        *([] if unless is None else [(unless.is_not(None), unless)]),
        (asked == "pause", "paused"),
        else_=state,
    )
    return {
        "state": after,
        "asked": sa.case((asked == "stop", "stop"), else_=None),
        "finished": sa.case((after.in_(OVER), now), else_=None),
        "owner": None,
    }


def change(
    connection: sa.Connection, condition: Condition, kind: str | None, **values: Any
) -> Job | None:
    """The one row as changed, with `kind` in its history; None when the condition does not hold."""
    update = sa.update(table).where(condition).values(**values).returning(*table.columns)
    row = connection.execute(update).one_or_none()
    if row is None:
        return None
    return note(connection, job_of(row), kind) if kind else job_of(row)


def note(connection: sa.Connection, job: Job, kind: str) -> Job:
    """Write a line into the job's history."""
    said = {"state": job.state, "asked": job.asked, "reason": job.error, "owner": job.owner}
    entry = {
        "job": job.id,
        "attempt": job.attempt,
        "time": time.time(),
        "kind": kind,
        "data": {name: value for name, value in said.items() if value is not None},
    }
    connection.execute(sa.insert(schema.event).values(entry))
    return job


def one(connection: sa.Connection, condition: Condition) -> Job | None:
    """The only row for which the condition holds, if there is one."""
    row = connection.execute(sa.select(table).where(condition)).one_or_none()
    return job_of(row) if row else None


def next_number(connection: sa.Connection, column: sa.Column[int]) -> int:
    """One more than the largest there is."""
    return connection.execute(sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1)).scalar_one()


def count(connection: sa.Connection, condition: Condition) -> int:
    """For how many rows the condition holds."""
    return connection.execute(sa.select(sa.func.count()).where(condition)).scalar_one()


def job_of(row: sa.Row[Any]) -> Job:
    """The job that a row holds."""
    return Job(**row._mapping)
