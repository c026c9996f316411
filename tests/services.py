"""A real PostgreSQL and a real Redis for the tests, each on a Unix socket of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

START_SECONDS = 20.0


def _missing(program: str, package: str) -> NoReturn:
    reason = f"{program} is not installed: apt install {package}"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def _program(name: str, package: str) -> str:
    kept_apart = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(kept_apart[-1]) if kept_apart else shutil.which(name) or _missing(name, package)


class Postgres:
    """A server that can be killed and started again. Under root it is the user `nobody`'s."""

    def __init__(self, folder: Path) -> None:
        initdb, self._server = (_program(name, "postgresql") for name in ("initdb", "postgres"))
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._run_as: dict[str, Any] = {"cwd": folder}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            self._run_as |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._data = f"{folder}/data"
        make = [initdb, "-D", self._data, "-U", "evenkeel", "-A", "trust", "-E", "UTF8"]
        subprocess.run([*make, "--no-sync"], check=True, capture_output=True, **self._run_as)
        self.url = f"postgresql+psycopg://evenkeel@/postgres?host={folder}"
        self.start()

    def start(self) -> None:
        """Start it on the data that it has."""
        options = ["-k", str(self._folder), "-c", "listen_addresses=", "-c", "fsync=off"]
        command = [self._server, "-D", self._data, *options]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdout=quiet, stderr=quiet, **self._run_as)
        _wait_for(self._process, Path(self._folder, ".s.PGSQL.5432"))
        _wait_until_it_answers(self.url)

    def kill(self) -> None:
        """End it and all its connections at once, without a word to anybody."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)  # takes its shared memory along
            self._process.wait(START_SECONDS)
        self._process = None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server in a folder of its own, which `nobody` can reach."""
    with tempfile.TemporaryDirectory(prefix="evenkeel-pg-") as name:
        server = Postgres(Path(name))
        try:
            yield server
        finally:
            server.kill()


def _wait_until_it_answers(url: str) -> None:
    import sqlalchemy as sa

    until = time.monotonic() + START_SECONDS
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return


def empty(url: str) -> None:
    """Drop every table."""
    import sqlalchemy as sa

    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


class Redis:
    """A server that keeps nothing, and that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._program = _program("redis-server", "redis-server")
        self._socket = folder / "redis.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"unix://{self._socket}"
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        options = ["--port", "0", "--unixsocket", str(self._socket), "--save", "", "--appendonly"]
        command = [self._program, *options, "no", "--dir", str(self._socket.parent)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _wait_for(self._process, self._socket)

    def kill(self) -> None:
        """End it without a word. What it held is lost."""
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._socket.unlink(missing_ok=True)


def _wait_for(process: subprocess.Popen[bytes], path: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not path.exists():
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < until
        time.sleep(0.02)
