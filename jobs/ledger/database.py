"""Opening the ledger's database: SQLite in the data folder, or PostgreSQL by its address.

On both, one transaction writes at a time. What is counted or looked up in it cannot change before
it commits, so that limits hold and no position in the queue is given out twice. `writes=True` as an
execution option makes a transaction one that writes.
"""

import sqlite3
from functools import cache, partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event as hooks
from sqlalchemy.pool import NullPool

from core.errors import UserError
from jobs.ledger.schema import VERSION, metadata
from jobs.settings import Settings

PATIENCE_SECONDS = 8
"""The longest wait for the write lock when a person waits for the answer."""
WORKER_PATIENCE_SECONDS = 30
"""The same for a worker: nobody waits, and its run depends on it."""
_LOCKED = ("database is locked", "lock timeout")

_version = sa.Table(
    "alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True)
)
_WRITERS_TURN = 6_381_726_005  # any number, the same for all of Evenkeel


def open_database(settings: Settings, patience_seconds: float | None = None) -> sa.Engine:
    """An engine on a database whose tables are those of `jobs.ledger.schema`.

    Missing ones are made, older ones migrated after a backup. Newer ones, a server that does not
    answer and a missing driver are a `UserError`, and so is, whatever is done with the engine,
    another writer that does not end within `patience_seconds`.
    """
    patience = PATIENCE_SECONDS if patience_seconds is None else patience_seconds
    path = settings.ledger_path
    if settings.database:
        engine = _postgres(settings.database.get_secret_value(), patience)
    else:
        path.touch(mode=0o600)
        engine = _sqlite(path, patience)
    try:
        with engine.connect() as connection:
            found = _version_of(connection)
    except sa.exc.OperationalError as error:
        if engine.dialect.name == "sqlite":
            raise
        said = str(error.orig).strip().partition("\n")[0]
        raise UserError(
            f"EVENKEEL_DATABASE: {engine.url} does not answer ({said}). "
            "Start the server, or correct the address."
        ) from None
    if found != VERSION:
        _bring_up_to_date(engine, path)
    return engine


@cache
def _sqlite(path: Path, patience: float) -> sa.Engine:
    """Connections are not pooled: opening one costs less than a millisecond, and none is left over
    in a thread that ended.
    """
    engine = sa.create_engine(f"sqlite:///{path}", poolclass=NullPool)
    hooks.listen(engine, "connect", partial(_prepare, path, patience))
    hooks.listen(engine, "begin", _begin_sqlite)
    hooks.listen(engine, "handle_error", partial(_say_locked, str(path), patience))
    return engine


@cache
def _postgres(url: str, patience: float) -> sa.Engine:
    """Connections are pooled, and tried before use: a server that was restarted is no error."""
    try:
        import psycopg  # noqa: F401
    except ModuleNotFoundError:
        raise UserError(
            "EVENKEEL_DATABASE: PostgreSQL needs a driver that is not installed. "
            "Install it: pip install 'evenkeel[scale]'."
        ) from None
    limits = (
        f"-c lock_timeout={patience:g}s "
        f"-c idle_in_transaction_session_timeout={WORKER_PATIENCE_SECONDS}s"
    )
    engine = sa.create_engine(
        url,
        pool_pre_ping=True,
        max_overflow=20,
        connect_args={"connect_timeout": 5, "options": limits},
    )
    hooks.listen(engine, "begin", _begin_postgres)
    hooks.listen(engine, "handle_error", partial(_say_locked, str(engine.url), patience))
    return engine


def _prepare(path: Path, patience: float, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # `_begin_sqlite` says BEGIN, not the driver
    try:
        for pragma in (
            f"busy_timeout = {round(patience * 1000)}",  # first: the next one may have to wait
            "journal_mode = WAL",
            "synchronous = FULL",  # a commit survives a power cut
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.OperationalError as error:
        if _is_locked(error):
            raise _locked(str(path), patience) from None
        raise


def _say_locked(place: str, patience: float, context: sa.engine.ExceptionContext) -> None:
    if _is_locked(context.original_exception):
        raise _locked(place, patience) from None


def _is_locked(error: BaseException) -> bool:
    return any(sign in str(error) for sign in _LOCKED)


def _locked(place: str, patience: float) -> UserError:
    return UserError(
        f"The ledger {place} is locked: another process has been writing to it for {patience:g} "
        "seconds and more. Try again; if it stays so, end that process."
    )


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get("migrates"):  # a table that is made again must not take what refers to it along
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    # A read that later turns into a write could fail with "database is locked" without waiting.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("writes") else "BEGIN")


def _begin_postgres(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("writes"):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_TURN})")


def _version_of(connection: sa.Connection) -> int | None:
    """The version of the tables; None where there are none."""
    there = sa.inspect(connection)
    if there.has_table(_version.name):
        return int(connection.execute(sa.select(_version.c.version_num)).scalar_one())
    return 1 if there.has_table("job") else None  # the first release left no note


def _bring_up_to_date(engine: sa.Engine, path: Path) -> None:
    """Make or migrate the tables, all in one transaction: whatever happens, it is old or new."""
    with engine.execution_options(writes=True, migrates=True).begin() as connection:
        found = _version_of(connection)  # again: another process may have been faster
        if found == VERSION:
            return
        if found is None:
            metadata.create_all(connection)
            _version.create(connection)
            connection.execute(sa.insert(_version).values(version_num=str(VERSION)))
        elif found < VERSION:
            from jobs.ledger import migrations

            if engine.dialect.name == "sqlite":
                _back_up(path)
            migrations.upgrade(connection, found)
        else:
            raise UserError(
                f"{engine.url} has version {found}; this Evenkeel reads up to {VERSION}. "
                "Upgrade it."
            )
        if engine.dialect.name == "sqlite":  # what the first release looks at
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _back_up(path: Path) -> None:
    """Copy the store as it is to `studio.db.before-VERSION`, whole or not at all."""
    copy = path.with_name(f"{path.name}.before-{VERSION}")
    unfinished = copy.with_name(f"{copy.name}.tmp")
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)
    source, target = sqlite3.connect(path), sqlite3.connect(unfinished)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    unfinished.replace(copy)
