"""The doorbell: Huey tells an idle worker at once that a run waits. A ring may get lost, a run not.

A message is the id of a run, as JSON. Huey's own serializer is pickle, with which a row written by
anybody who can write the file would run code in the worker. Whoever answers takes the first run in
the ledger's line, which is mostly the one that rang.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from huey import Huey, RedisHuey, SqliteHuey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer

from core.errors import UserError
from jobs.settings import Settings

try:
    from redis import ConnectionPool
    from redis.backoff import NoBackoff
    from redis.exceptions import RedisError
    from redis.retry import Retry
except ModuleNotFoundError:  # of the extra `scale`; Huey's own import is as tolerant
    HAS_REDIS = False
    OUT_OF_REACH: tuple[type[Exception], ...] = (sqlite3.Error,)
else:
    HAS_REDIS = True
    OUT_OF_REACH = (sqlite3.Error, RedisError)

log = logging.getLogger(__name__)

NAME = "evenkeel"
LONGEST_PAUSE_SECONDS = 0.5
"""Between two looks into an empty queue, or at one that is out of reach."""


class JsonSerializer(Serializer):
    """Huey's messages as JSON."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Any:
        return Message(*json.loads(bytes(data)))


def _nobody_home(run_id: str) -> None:
    raise RuntimeError(f"this end of the doorbell only rings: {run_id}")


class Doorbell:
    """Both ends of the bell: `ring` for whoever submits, `consumer` for the worker."""

    def __init__(self, settings: Settings, answer: Callable[[str], None] = _nobody_home) -> None:
        address = settings.queue.get_secret_value()
        patience = 5 if answer is _nobody_home else 30  # who only rings need not be heard
        if address == "sqlite":
            self._huey = _in_file(settings.queue_path, patience)
        else:
            self._huey = _on_redis(address)

        @self._huey.task(name="run")  # type: ignore[untyped-decorator]
        def run(run_id: str) -> None:
            answer(run_id)

        self._run = run

    def ring(self, run_id: str) -> bool:
        """Tell the workers that this run waits; False when the bell is out of reach.

        That only delays: workers look at the ledger by themselves.
        """
        try:
            self._run(run_id)
        except OUT_OF_REACH as error:
            log.warning("%s waits, the bell did not ring: %s", run_id, error)
            return False
        return True

    def rung(self) -> set[str]:
        """Runs whose ring nobody has answered yet. What cannot be read is no ring."""
        names = set()
        for message in self._huey.storage.enqueued_items():
            try:
                names.add(str(self._huey.deserialize_task(message).args[0]))
            except Exception:
                log.debug("an unreadable ring", exc_info=True)
        return names

    def consumer(self, slots: int) -> Consumer:
        """Huey's consumer with one thread a slot; `run()` it in the main thread."""
        return Consumer(
            self._huey,
            workers=slots,
            periodic=False,
            initial_delay=0.05,
            max_delay=LONGEST_PAUSE_SECONDS,
            graceful_signal="TERM",
            shutdown_timeout=20,
        )

    def close(self) -> None:
        """Close this thread's connection, or all of them to Redis: it opens them again."""
        storage = self._huey.storage
        storage.pool.disconnect() if isinstance(self._huey, RedisHuey) else storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def check_bell(settings: Settings) -> None:
    """A `UserError` when a Redis is named and does not answer. For the start: later it may."""
    with Doorbell(settings) as bell:
        try:
            bell.rung()
        except OUT_OF_REACH as error:
            raise UserError(
                f"EVENKEEL_QUEUE: the queue does not answer ({error}). "
                "Start Redis, correct the address, or unset it to use a file."
            ) from None


def _in_file(path: Path, patience_seconds: int) -> Huey:
    try:
        return _open(path, patience_seconds)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        log.warning("%s is damaged (%s): starting an empty one", path, error)
        path.unlink()
        return _open(path, patience_seconds)


def _open(path: Path, patience_seconds: int) -> Huey:
    path.touch(mode=0o600)
    return SqliteHuey(
        NAME,
        filename=str(path),
        serializer=JsonSerializer(),
        results=False,
        strict_fifo=True,
        fsync=True,
        timeout=patience_seconds,
    )


class _PatientHuey(RedisHuey):
    """Waits for a Redis that went away, and says so once."""

    _is_away = False

    def dequeue(self) -> Any:
        return self._patiently(super().dequeue, None)

    def read_schedule(self, timestamp: Any = None) -> Any:
        return self._patiently(partial(super().read_schedule, timestamp), [])

    def _patiently(self, ask: Callable[[], Any], nothing: Any) -> Any:
        try:
            answer = ask()
        except RedisError as error:
            if not self._is_away:
                log.warning("The queue is out of reach, runs start later: %s", error)
            self._is_away = True
            time.sleep(LONGEST_PAUSE_SECONDS)
            return nothing
        if self._is_away:
            log.info("The queue is back.")
        self._is_away = False
        return answer


def _on_redis(address: str) -> Huey:
    """Connects when it is used. A server that is away or frozen costs seconds, not minutes."""
    if not HAS_REDIS:
        raise UserError(
            "EVENKEEL_QUEUE: Redis needs a driver that is not installed. "
            "Install it: pip install 'evenkeel[scale]'."
        )
    pool = ConnectionPool.from_url(
        address, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
    )
    return _PatientHuey(NAME, connection_pool=pool, serializer=JsonSerializer(), results=False)
