"""The ledger's tables, and how its database is opened."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as hooks
from sqlalchemy.pool import NullPool

from core.errors import UserError

VERSION = 1
metadata = sa.MetaData()

workspace = sa.Table(
    "workspace",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("token_hash", sa.String, nullable=False, unique=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
)
"""A visitor: whose data sets and runs are one's own. Only the hash of the cookie is kept."""

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("workspace", sa.ForeignKey("workspace.id"), index=True),
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("crashes", sa.Integer, nullable=False, default=0),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("started", sa.Float),
    sa.Column("finished", sa.Float),
    sa.Column("owner", sa.String),
    sa.Column("beat", sa.Integer, nullable=False, default=0),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
    sa.Column("error", sa.Text),
)
"""A run that was asked for. Without a workspace it is the owner's, as of the command line."""

event = sa.Table(
    "event",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("kind", sa.String, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
)
"""What happened to a job, append-only: every transition writes one in its own transaction."""

upload = sa.Table(
    "upload",
    metadata,
    sa.Column("data_id", sa.String, primary_key=True),
    sa.Column("workspace", sa.ForeignKey("workspace.id"), index=True),
    sa.Column("title", sa.String, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("images", sa.Integer, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)
"""A data set on the shelf, and whose it is."""

artifact = sa.Table(
    "artifact",
    metadata,
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("role", sa.String, primary_key=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("path", sa.String, nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
)
"""A file that a finished run published, relative to the run's folder."""

share = sa.Table(
    "share",
    metadata,
    sa.Column("token_hash", sa.String, primary_key=True),
    sa.Column("job", sa.ForeignKey("job.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created", sa.Float, nullable=False),
)
"""A read-only link to one run."""


def open_database(path: Path) -> sa.Engine:
    """An engine on a SQLite file whose tables exist.

    A transaction begins IMMEDIATE on `engine.execution_options(writes=True)`: a read that later
    turns into a write could fail with "database is locked" without waiting. Connections are not
    pooled: opening one costs less than a millisecond, and none is left over in a thread that ended.
    """
    path.touch(mode=0o600)
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    hooks.listen(engine, "connect", _prepare)
    hooks.listen(engine, "begin", _begin)
    with engine.execution_options(writes=True).begin() as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found > VERSION:
            raise UserError(
                f"{path} has version {found}; this Evenkeel reads up to {VERSION}. Upgrade it."
            )
        metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # `_begin` says BEGIN, not the driver
    for pragma in (
        "busy_timeout = 30000",  # first: the next one may have to wait
        "journal_mode = WAL",
        "synchronous = FULL",  # a commit survives a power cut
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
