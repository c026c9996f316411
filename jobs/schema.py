"""The ledger's table, and how its database is opened."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from core.errors import UserError

VERSION = 1
metadata = sa.MetaData()

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
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


def open_database(path: Path) -> sa.Engine:
    """An engine on a SQLite file whose table exists.

    A transaction begins IMMEDIATE on `engine.execution_options(writes=True)`: a read that later
    turns into a write could fail with "database is locked" without waiting. Connections are not
    pooled: opening one costs less than a millisecond, and none is left over in a thread that ended.
    """
    path.touch(mode=0o600)
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
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
