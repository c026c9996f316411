"""What can go wrong under a run, each as one function that does it."""

import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from core.results.records import RunConfig
from jobs.ledger import Job
from jobs.worker.messages import MessageQueue
from tests.bench.faults.scene import Scene, send

LOCKED_SECONDS = 12.0

Fault = Callable[[Scene, Job, random.Random], bool]
"""Does it to a running job. False when there was nothing to do it to; it does not count then."""


def kill_child(scene: Scene, job: Job, _random: random.Random) -> bool:
    """The kernel takes the process of the run."""
    return send(scene.child_of(job), signal.SIGKILL)


def kill_worker(scene: Scene, job: Job, _random: random.Random) -> bool:
    """The kernel takes the worker."""
    return send(scene.worker_of(job), signal.SIGKILL)


def kill_both(scene: Scene, job: Job, _random: random.Random) -> bool:
    """Both at once."""
    child = scene.child_of(job)
    return send(scene.worker_of(job), signal.SIGKILL) and send(child, signal.SIGKILL)


def stop_worker(scene: Scene, job: Job, _random: random.Random) -> bool:
    """A service manager stops the worker in good order."""
    return send(scene.worker_of(job), signal.SIGTERM)


def freeze_worker(scene: Scene, job: Job, _random: random.Random) -> bool:
    """The worker sleeps through its lease, and wakes when another one has its run."""
    worker = scene.worker_of(job)
    if not send(worker, signal.SIGSTOP):
        return False
    time.sleep(scene.settings.lease_seconds + 4)
    return send(worker, signal.SIGCONT)


def damage_checkpoint(scene: Scene, job: Job, chance: random.Random) -> bool:
    """The newest checkpoint is cut, emptied or has one bit flipped, and the process dies."""
    child = scene.child_of(job)
    if not send(child, signal.SIGSTOP):  # else it may write a good one meanwhile
        return False
    attempts = scene.settings.run_folder(job.id).attempts_path
    # An empty one was damaged before, or is about to be written.
    files = [path for path in attempts.rglob("*.safetensors") if path.stat().st_size]
    if files:
        _damage(max(files, key=lambda path: path.stat().st_mtime_ns), chance)
    send(child, signal.SIGKILL)
    return bool(files)


def lock_store(scene: Scene, _job: Job, _random: random.Random) -> bool:
    """Another program holds the ledger's write lock for longer than is polite."""

    def hold() -> None:
        with closing(sqlite3.connect(scene.settings.ledger_path, timeout=30)) as store:
            store.execute("BEGIN IMMEDIATE")
            time.sleep(LOCKED_SECONDS)
            store.rollback()

    threading.Thread(target=hold).start()
    return True


def lose_messages(scene: Scene, _job: Job, _random: random.Random) -> bool:
    """Delete all queue messages."""
    with closing(sqlite3.connect(scene.settings.queue_path, timeout=30)) as queue, queue:
        queue.execute("DELETE FROM task")
    return True


def send_again(scene: Scene, job: Job, _random: random.Random) -> bool:
    """Send two more messages for a run that is being worked on."""
    with MessageQueue(scene.settings) as messages:
        messages.send(job.id)
        messages.send(job.id)
    return True


def submit_again(scene: Scene, job: Job, _random: random.Random) -> bool:
    """The same submission arrives once more, as after a double click."""
    again = scene.submit(RunConfig.model_validate(job.config), scene.keys[job.id])
    return again.id == job.id


FAULTS: tuple[Fault, ...] = (
    kill_child,
    kill_worker,
    kill_both,
    stop_worker,
    freeze_worker,
    damage_checkpoint,
    lock_store,
    lose_messages,
    send_again,
    submit_again,
)
ENDS_THE_PROCESS: frozenset[Fault] = frozenset(
    (kill_child, kill_worker, kill_both, stop_worker, freeze_worker, damage_checkpoint)
)


def _damage(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes())
    match chance.choice(("cut", "flip", "empty")):
        case "cut":
            del data[len(data) // 2 :]
        case "flip":
            data[chance.randrange(len(data) // 2, len(data))] ^= 1
        case "empty":
            data.clear()
    path.write_bytes(data)
