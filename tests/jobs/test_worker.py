"""A real worker process, real SQLite, real training of a tiny model.

Every run costs a fresh interpreter's imports, so several claims are tested on one run.
"""

import hashlib
import os
import signal
import sqlite3
import time

import pytest

from core.run.asked import complete_combination
from jobs.ledger import Job, Ledger
from jobs.logs import read_logs
from jobs.progress import read_progress
from jobs.queueing import cancel, submit
from jobs.settings import Settings
from jobs.worker.messages import MessageQueue
from jobs.worker.reconcile import SEND_AGAIN_SECONDS
from tests.jobs.real_worker import (
    WorkerProcess,
    child_of,
    children_of,
    eventually,
    is_alive,
    pid_of,
)


def send(settings: Settings, job_id: str) -> None:
    with MessageQueue(settings) as messages:
        messages.send(job_id)


def end_of(job: Job, ledger: Ledger) -> Job:
    eventually(lambda: ledger.get(job.id).is_over)
    return ledger.get(job.id)


def training_of(job: Job, settings: Settings) -> None:
    ledger, folder = Ledger(settings), settings.run_folder(job.id)
    eventually(
        lambda: ledger.get(job.id).state == "running" and read_progress(folder).losses,
    )


@pytest.fixture(scope="module")
def done(worker, shared_settings, config):
    """A run that was submitted as the page does it."""
    return end_of(submit(shared_settings, config), worker.ledger)


@pytest.fixture(scope="module")
def done_again(worker, shared_settings, config, done, tmp_path_factory):
    """The same run with an edited config file, a hostile message and repeated messages."""
    job = worker.ledger.submit(config)
    edited = config.model_copy(update={"shots": 1})
    shared_settings.run_folder(job.id).create(edited)
    canary = tmp_path_factory.mktemp("canary") / "it-ran"
    hostile = f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode()
    with sqlite3.connect(shared_settings.queue_path) as queue:
        queue.execute("insert into task (queue, data) values ('evenkeel', ?)", (hostile,))
    queue.close()
    sent = time.time()
    send(shared_settings, "a-run-that-never-was")
    send(shared_settings, job.id)
    send(shared_settings, job.id)
    finished = end_of(job, worker.ledger)
    time.sleep(1.0)  # until the last message is read
    return worker.ledger.get(finished.id), sent, canary


@pytest.fixture(scope="module")
def mistaken(worker, shared_settings, config):
    """A run that cannot succeed, of which only the row exists: no message was sent."""
    job = worker.ledger.submit(config.model_copy(update={"data": "/there/is/nothing"}))
    return end_of(job, worker.ledger)


def test_a_submitted_run_is_done_and_leaves_its_record(shared_settings, done):
    assert (done.state, done.error, done.attempt) == ("done", None, 1)
    record = shared_settings.run_folder(done.id).record()
    assert record.run_id == done.id
    assert [point.alpha for point in record.wise] == [0.0, 0.5, 1.0]
    assert read_progress(shared_settings.run_folder(done.id)).phase == "done"


def test_the_ledger_knows_what_a_run_published(worker, shared_settings, done):
    found = {each.role: each for each in worker.ledger.artifacts(done.id)}
    assert {"weights", "record", "predictions", "events"} <= set(found)
    weights = shared_settings.run_folder(done.id).weights_path.read_bytes()
    assert found["weights"].sha256 == hashlib.sha256(weights).hexdigest()


def test_what_the_worker_said_about_a_run_names_it(shared_settings, done):
    entries = read_logs(shared_settings, done.id)
    assert {(entry["process"], entry["attempt"]) for entry in entries} >= {("worker", 1)}
    assert "now done" in entries[-1]["message"]


def test_the_same_run_has_the_same_weights(shared_settings, done, done_again):
    first, second = (shared_settings.run_folder(job.id) for job in (done, done_again[0]))
    assert first.weights_path.read_bytes() == second.weights_path.read_bytes()


def test_the_config_in_the_ledger_runs_even_if_the_file_was_edited(
    shared_settings, done_again, config
):
    record = shared_settings.run_folder(done_again[0].id).record()
    assert record.config["shots"] == config.shots


def test_a_combination_of_runs_is_a_job_like_any_other(worker, shared_settings, done, done_again):
    again, _, _ = done_again
    folders = [shared_settings.run_folder(run.id).path for run in (done, again)]
    config = complete_combination("uniform-soup", folders, {}, alphas=(0.0, 1.0))
    soup = end_of(submit(shared_settings, config), Ledger(shared_settings))
    assert soup.state == "done", soup.error
    record = shared_settings.run_folder(soup.id).record()
    assert record.combined is not None
    assert [member.run_id for member in record.combined.members] == [done.id, again.id]


def test_a_run_with_two_messages_runs_once(done_again):
    assert (done_again[0].state, done_again[0].attempt) == ("done", 1)


def test_a_hostile_message_is_dropped_and_the_worker_goes_on(done_again):
    job, _, canary = done_again
    assert job.state == "done"
    assert not canary.exists()


def test_an_idle_worker_picks_a_run_up_within_two_seconds(done_again, figure):
    job, sent, _ = done_again
    assert job.started - sent <= 2.0
    figure(f"{job.started - sent:.2f} s")


def test_a_lost_message_only_costs_seconds(mistaken):
    assert SEND_AGAIN_SECONDS <= mistaken.started - mistaken.created <= SEND_AGAIN_SECONDS + 3


def test_a_mistake_of_the_user_fails_the_run_with_its_sentence(mistaken):
    assert (mistaken.state, mistaken.attempt) == ("failed", 1)
    assert mistaken.error.startswith("There is no folder or zip at '/there/is/nothing'.")


def test_a_bug_fails_the_run_and_keeps_the_whole_traceback(worker, shared_settings, config):
    job = worker.ledger.submit(config)
    folder = shared_settings.run_folder(job.id)
    folder.prototypes_path.mkdir(parents=True)  # a folder where a file is expected
    send(shared_settings, job.id)
    failed = end_of(job, worker.ledger)
    assert (failed.state, failed.attempt) == ("failed", 1)
    assert failed.error.startswith("IsADirectoryError")
    assert "Traceback" in (folder.path / "traceback.txt").read_text()


def test_a_running_run_is_cancelled_within_three_seconds(
    worker, shared_settings, long_config, figure
):
    job = submit(shared_settings, long_config)
    training_of(job, shared_settings)
    child = child_of(job, shared_settings)
    assert os.getpriority(os.PRIO_PROCESS, child) > os.getpriority(os.PRIO_PROCESS, 0), (
        "the page goes first"
    )
    cancel(shared_settings, job.id)
    took = eventually(lambda: worker.ledger.get(job.id).is_over)
    assert took <= 3.0
    assert worker.ledger.get(job.id).state == "cancelled"
    assert not is_alive(child)
    assert not shared_settings.run_folder(job.id).record_path.exists()
    figure(f"{took:.1f} s")


def test_a_run_whose_process_keeps_dying_fails_with_the_reason(
    worker, shared_settings, long_config, figure
):
    job = submit(shared_settings, long_config)

    def kill_and_look() -> bool:
        if worker.ledger.get(job.id).state == "running":
            for child in children_of(worker.process.pid):
                os.kill(child, signal.SIGKILL)
        return worker.ledger.get(job.id).is_over

    eventually(kill_and_look)
    failed = worker.ledger.get(job.id)
    assert (failed.state, failed.attempt, failed.crashes) == ("failed", 3, 3)
    assert "died 3 times" in failed.error
    assert "SIGKILL" in failed.error
    figure(f"failed after {failed.attempt} attempts")


def test_a_run_is_taken_up_again_when_its_worker_is_killed_or_leaves(settings, long_config, figure):
    work = long_config.model_copy(update={"params": {"epochs": 40, "batch_size": 4}})
    workers = {each.process.pid: each for each in (WorkerProcess(settings) for _ in range(2))}
    ledger = Ledger(settings)
    job = submit(settings, work)
    training_of(job, settings)
    child = child_of(job, settings)
    workers.pop(pid_of(ledger.get(job.id).owner)).kill()
    eventually(lambda: not is_alive(child), seconds=10)  # it ends with its worker
    took = eventually(lambda: ledger.get(job.id).attempt == 2)
    figure(f"another worker had it {took:.1f} s after")

    [survivor] = workers.values()
    finished = end_of(job, ledger)
    assert (finished.state, finished.attempt) == ("done", 2)
    assert finished.crashes in (0, 1)  # crashes are forgotten when the run gets further

    # SIGTERM: the run returns to its place in the queue, and that is not a crash.
    job = submit(settings, long_config)
    eventually(lambda: ledger.get(job.id).state == "running")
    offspring = children_of(survivor.process.pid)
    survivor.leave()
    released = ledger.get(job.id)
    assert (released.state, released.crashes, released.owner) == ("queued", 0, None)
    assert not any(is_alive(child) for child in offspring)
