"""Queue messages: Huey tells an idle worker at once that a run waits.

A message may get lost; the run is not, because workers also look at the ledger. A message is the id
of a run, as JSON. Huey's own serializer is pickle, which would let anybody who can write the file
run code in the worker. A worker that receives a message takes the first run of the ledger's queue,
which is usually the one in the message.
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
except ModuleNotFoundError:  # redis is in the extra `scale`; Huey also works without it
    HAS_REDIS = False
    UNREACHABLE: tuple[type[Exception], ...] = (sqlite3.Error,)
else:
    HAS_REDIS = True
    UNREACHABLE = (sqlite3.Error, RedisError)

log = logging.getLogger(__name__)

NAME = "evenkeel"
LONGEST_PAUSE_SECONDS = 0.5
"""The longest pause before a worker looks again into a queue that is empty or unreachable."""


class JsonSerializer(Serializer):
    """Huey's messages as JSON."""

    def _serialize(self, data: Any) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> Any:
        return Message(*json.loads(bytes(data)))


def _cannot_receive(run_id: str) -> None:
    raise RuntimeError(f"this end of the queue only sends: {run_id}")


class MessageQueue:
    """Both ends of the queue: `send` for a process that submits, `consumer` for the worker."""

    def __init__(
        self, settings: Settings, receive: Callable[[str], None] = _cannot_receive
    ) -> None:
        address = settings.queue.get_secret_value()
        # A sender gives up early: its message may get lost.
        patience = 5 if receive is _cannot_receive else 30
        if address == "sqlite":
            self._huey = _in_file(settings.queue_path, patience)
        else:
            self._huey = _on_redis(address)

        @self._huey.task(name="run")  # type: ignore[untyped-decorator]
        def run(run_id: str) -> None:
            receive(run_id)

        self._run = run

    def send(self, run_id: str) -> bool:
        """Tell the workers that this run waits; False when the queue is unreachable.

        A failure only delays the run, because workers also look at the ledger.
        """
        try:
            self._run(run_id)
        except UNREACHABLE as error:
            log.warning("%s waits, its queue message was not sent: %s", run_id, error)
            return False
        return True

    def unread(self) -> set[str]:
        """Ids of the runs whose messages no worker has read; skips unreadable messages."""
        names = set()
        for message in self._huey.storage.enqueued_items():
            try:
                names.add(str(self._huey.deserialize_task(message).args[0]))
            except Exception:
                log.debug("an unreadable queue message", exc_info=True)
        return names

    def consumer(self, slots: int) -> Consumer:
        """Huey's consumer, with one thread for each slot."""
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
        """Close this thread's connection, or all connections to Redis. They reopen when needed."""
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


def check_queue(settings: Settings) -> None:
    """Raise a `UserError` if the queue does not answer.

    For the start only: a queue that becomes unreachable later does not stop a worker.
    """
    with MessageQueue(settings) as messages:
        try:
            messages.unread()
        except UNREACHABLE as error:
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
    """Waits for a Redis server that does not answer, and logs it once."""

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
    """A queue on Redis, which connects at first use.

    The timeouts are short, so that a server that is down or frozen costs seconds, not minutes.
    """
    if not HAS_REDIS:
        raise UserError(
            "EVENKEEL_QUEUE: Redis needs a driver that is not installed. "
            "Install it: pip install 'evenkeel[scale]'."
        )
    pool = ConnectionPool.from_url(
        address, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 1)
    )
    return _PatientHuey(NAME, connection_pool=pool, serializer=JsonSerializer(), results=False)
