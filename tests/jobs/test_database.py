"""How the ledger's database is opened, made and migrated."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from stat import S_IMODE

import pytest
import sqlalchemy as sa

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.ledger.database import open_database
from jobs.ledger.schema import VERSION, metadata
from jobs.process.interpreter import environment
from jobs.settings import Settings

FIRST_RELEASE = """
CREATE TABLE job (
    id VARCHAR NOT NULL, state VARCHAR NOT NULL, config JSON NOT NULL, attempt INTEGER NOT NULL,
    crashes INTEGER NOT NULL, created FLOAT NOT NULL, started FLOAT, finished FLOAT, owner VARCHAR,
    beat INTEGER NOT NULL, cancel_requested BOOLEAN NOT NULL, error TEXT, PRIMARY KEY (id)
);
CREATE INDEX ix_job_state ON job (state);
PRAGMA user_version = 1;
INSERT INTO job VALUES
    ('b-queued', 'queued', '{"data": "/images"}', 1, 1, 30.0, 31.0, NULL, NULL, 0, 0, 'it died'),
    ('a-running', 'running', '{"data": "/images"}', 2, 0, 20.0, 21.0, NULL, 'boot:1:1', 7, 1, NULL),
    ('c-done', 'done', '{"data": "/images"}', 1, 0, 10.0, 11.0, 12.0, NULL, 3, 0, NULL),
    ('d-gone', 'cancelled', '{"data": "/images"}', 0, 0, 5.0, NULL, 6.0, NULL, 0, 1, NULL);
"""


@pytest.fixture
def old(settings):
    """A store as the first release left it, with its last write still in the write-ahead log."""
    with closing(sqlite3.connect(settings.ledger_path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(FIRST_RELEASE)
    return settings


def described(engine):
    """All that SQLAlchemy can tell about the tables."""
    inspector = sa.inspect(engine)
    return {
        name: {
            "columns": [
                {**column, "type": str(column["type"])} for column in inspector.get_columns(name)
            ],
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted(u["column_names"] for u in inspector.get_unique_constraints(name)),
            "refers": inspector.get_foreign_keys(name),
            "indexes": sorted(str(index) for index in inspector.get_indexes(name)),
        }
        for name in inspector.get_table_names()
    }


def test_the_database_is_durable_and_private(settings):
    with open_database(settings).connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 8000, 1]
    assert S_IMODE(settings.home.stat().st_mode) == 0o700
    assert S_IMODE(settings.ledger_path.stat().st_mode) == 0o600


def test_a_migrated_store_equals_a_new_one(old, tmp_path):
    new = open_database(Settings(home=tmp_path / "new"))
    migrated = described(open_database(old))
    assert migrated == described(new)
    assert set(metadata.tables) <= set(migrated)
    for store in (open_database(old), new):
        with store.connect() as connection:
            stamp = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
            assert stamp.scalars().all() == [str(VERSION)]


def test_the_newest_step_is_the_version_of_the_tables():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "jobs.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == str(VERSION)


def test_the_jobs_of_the_first_release_are_all_there(old):
    ledger = Ledger(old)
    assert [(job.id, job.seq) for job in ledger.list()] == [
        ("b-queued", 4),
        ("a-running", 3),
        ("c-done", 2),
        ("d-gone", 1),
    ]
    running = ledger.get("a-running")
    assert (running.state, running.attempt, running.beat, running.asked) == (
        *("running", 2, 7),
        "cancel",
    )
    assert ledger.get("d-gone").asked is None
    assert ledger.get("b-queued").error == "it died"
    assert ledger.release(running)
    assert ledger.get("a-running").state == "cancelled"
    assert ledger.position("b-queued") == 1
    assert ledger.submit(RunConfig(data="/images")).seq == 5


def test_a_store_is_copied_before_it_is_migrated(old):
    Ledger(old)
    copy = old.home / f"studio.db.before-{VERSION}"
    assert S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM job").fetchone() == (4,)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    copy.unlink()
    Ledger(old)
    assert not copy.exists()  # there was nothing to migrate any more


def test_a_newer_store_is_refused_with_a_sentence(settings):
    engine = open_database(settings)
    with engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{VERSION + 1}'")
    with pytest.raises(UserError, match=f"version {VERSION + 1}.*up to {VERSION}. Upgrade"):
        Ledger(settings)


def test_the_first_release_refuses_a_store_of_today(settings):
    open_database(settings)
    with closing(sqlite3.connect(settings.ledger_path)) as connection:
        [version] = connection.execute("PRAGMA user_version").fetchone()
    assert version > 1  # which is what it looks at


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
import sqlalchemy as sa
import alembic.command
from jobs.ledger.database import open_database
from jobs.settings import Settings

home, statement = Path(sys.argv[1]), 1
while True:
    statement += 2
    here = home.with_name(f"killed-{statement}")
    shutil.copytree(home, here)
    child = os.fork()
    if not child:
        seen = 0
        def die(*_):
            global seen
            seen += 1
            if seen == statement:
                os.kill(os.getpid(), signal.SIGKILL)
        sa.event.listen(sa.Engine, "before_cursor_execute", die)
        open_database(Settings(home=here))
        os._exit(0)
    if os.waitpid(child, 0)[1] != signal.SIGKILL:
        break
"""


def test_a_migration_that_is_killed_anywhere_leaves_the_old_store(old, tmp_path, figure):
    subprocess.run([sys.executable, "-c", KILLED, old.home], check=True, env=environment(old))
    homes = sorted(tmp_path.glob("killed-*"))
    whole = 0
    for home in homes:
        with closing(sqlite3.connect(home / "studio.db")) as connection:
            [version] = connection.execute("PRAGMA user_version").fetchone()
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = {name for (name,) in tables}
            assert connection.execute("SELECT count(*) FROM job").fetchone() == (4,)
        assert (version, "event" in names) in ((1, False), (VERSION, True))
        whole += version == VERSION
    assert len(homes) > 15
    assert whole == 1  # the one that was left alone
    assert len(Ledger(Settings(home=homes[0])).list()) == 4  # and the next start goes through
    figure(f"killed at {len(homes) - 1} statements: the old store each time")


def test_two_processes_that_open_an_old_store_at_once_migrate_it_once(old):
    code = "from jobs.ledger import Ledger; from jobs.settings import Settings; Ledger(Settings())"
    command = [sys.executable, "-c", code]
    both = [subprocess.Popen(command, env=environment(old)) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(Ledger(old).list()) == 4


def test_opening_a_store_that_is_up_to_date_is_quick_and_loads_no_alembic(settings):
    open_database(settings)
    code = (
        "import sys, time; from jobs.ledger import Ledger; from jobs.settings import Settings\n"
        "given, begun = Settings(), time.process_time()\n"
        "Ledger(given); took = time.process_time() - begun\n"
        "print(took, 'alembic' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, env=environment(settings), capture_output=True, check=True)
    took, loaded = said.stdout.split()
    assert loaded == b"False"
    assert float(took) < 0.05


def test_a_server_that_does_not_answer_is_a_sentence_without_the_password(tmp_path):
    url = f"postgresql+psycopg://ann:secret@/nothing?host={tmp_path}"
    with pytest.raises(UserError, match="does not answer") as refusal:
        Ledger(Settings(home=tmp_path, database=url))
    assert "secret" not in str(refusal.value)


def test_a_missing_driver_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    url = f"postgresql+psycopg://ann@/other?host={tmp_path}"
    with pytest.raises(UserError, match="pip install 'evenkeel\\[scale\\]'"):
        Ledger(Settings(home=tmp_path, database=url))
