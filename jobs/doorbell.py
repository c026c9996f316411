"""The doorbell: Huey tells an idle worker at once that a run waits. A ring may get lost, a run not.

A message is the id of a run, as JSON. Huey's own serializer is pickle, with which a row written by
anybody who can write the file would run code in the worker. Whoever answers takes the first run in
the ledger's line, which is mostly the one that rang.
"""

import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from huey import SqliteHuey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer

from jobs.settings import Settings

log = logging.getLogger(__name__)


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
        try:
            self._huey = _open(settings.queue_path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            log.warning("%s is damaged (%s): starting an empty one", settings.queue_path, error)
            settings.queue_path.unlink()
            self._huey = _open(settings.queue_path)

        @self._huey.task(name="run")  # type: ignore[untyped-decorator]
        def run(run_id: str) -> None:
            answer(run_id)

        self._run = run

    def ring(self, run_id: str) -> None:
        """Tell the workers that this run waits."""
        self._run(run_id)

    def rung(self) -> set[str]:
        """Runs whose ring nobody has answered yet."""
        return {task.args[0] for task in self._huey.pending() if task.args}

    def consumer(self, slots: int) -> Consumer:
        """Huey's consumer with one thread a slot; `run()` it in the main thread."""
        return Consumer(
            self._huey,
            workers=slots,
            periodic=False,
            initial_delay=0.05,
            max_delay=0.5,
            graceful_signal="TERM",
            shutdown_timeout=20,
        )

    def close(self) -> None:
        """Close this thread's connection."""
        self._huey.storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _open(path: Path) -> SqliteHuey:
    path.touch(mode=0o600)
    return SqliteHuey(
        "evenkeel",
        filename=str(path),
        serializer=JsonSerializer(),
        results=False,
        strict_fifo=True,
        fsync=True,
        timeout=30,
    )
