"""Faults of the ledger and the queue: races, locks, clocks, lost and repeated messages."""

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import Ledger, schema
from jobs.ledger.database import open_database
from jobs.ledger.owner import this_process
from jobs.process.interpreter import environment
from jobs.progress import read_progress
from jobs.queueing import submit
from jobs.settings import Settings
from jobs.worker.messages import LONGEST_PAUSE_SECONDS, MessageQueue
from jobs.worker.reconcile import SEND_AGAIN_SECONDS, Reconciler
from tests import services
from tests.jobs.real_worker import WorkerProcess, eventually

CONFIG = RunConfig(data="/there/is/nothing")
DAY = 86_400.0


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path):
    """A studio with either ledger."""
    if request.param == "sqlite":
        return Settings(home=tmp_path / "home")
    url = request.getfixturevalue("postgres")
    services.empty(url)
    return Settings(home=tmp_path / "home", database=url)


@pytest.fixture(params=["file", "redis"])
def queued_by(request, tmp_path):
    """A studio with either kind of queue."""
    if request.param == "file":
        return Settings(home=tmp_path / "home")
    return Settings(home=tmp_path / "home", queue=request.getfixturevalue("redis").url)


# --- races ---------------------------------------------------------------------------------------


def test_a_hundred_submissions_of_one_key_are_one_job(settings, figure):
    ledgers = [Ledger(settings) for _ in range(4)]
    with ThreadPoolExecutor(100) as pool:
        jobs = list(pool.map(lambda i: ledgers[i % 4].submit(CONFIG, key="click"), range(100)))
    assert len({job.id for job in jobs}) == 1
    assert len(ledgers[0].list()) == 1
    assert len(ledgers[0].history(jobs[0].id)) == 1
    figure("100 threads: 1 run")


FOUR_RACERS = """
import json, os, sys, time
from pathlib import Path
import sqlalchemy as sa
from jobs.ledger import schema
from jobs.ledger import Ledger
from jobs.settings import Settings

def claim_blindly(ledger, owner):
    "What the ledger must not do: look, then write whatever has happened since."
    if not (line := ledger.queued()):
        return None
    time.sleep(0.005)
    job = schema.job
    with ledger._writing.begin() as connection:
        taken = sa.update(job).where(job.c.id == line[0].id).values(state="running", owner=owner)
        connection.execute(taken)
    return line[0]

claim = claim_blindly if sys.argv[2:] else Ledger.claim
for racer in range(4):
    if not os.fork():
        ledger, claimed = Ledger(Settings()), []
        Path(sys.argv[1], f"ready-{racer}").touch()
        while len(list(Path(sys.argv[1]).glob("ready-*"))) < 4:
            time.sleep(0.002)
        while job := claim(ledger, f"boot:{racer}:1"):
            claimed.append(job.id)
        Path(sys.argv[1], f"claimed-{racer}").write_text(json.dumps(claimed))
        os._exit(0)
for _ in range(4):
    assert os.wait()[1] == 0
"""


def race(settings, folder, *how):
    """What each of four processes claimed that started together."""
    command = [sys.executable, "-c", FOUR_RACERS, folder, *how]
    subprocess.run(command, env=environment(settings), check=True, timeout=120)
    return [json.loads(path.read_text()) for path in folder.glob("claimed-*")]


def fill(settings, count):
    """As many queued jobs, in one transaction: two hundred of them would take seconds."""
    row = {"state": "queued", "config": CONFIG.model_dump(mode="json"), "created": 0.0}
    rows = [{**row, "id": f"job-{i}", "seq": i, "place": i} for i in range(count)]
    with open_database(settings).execution_options(writes=True).begin() as connection:
        connection.execute(sa.insert(schema.job), rows)
    return {row["id"] for row in rows}


def test_four_processes_that_race_for_two_hundred_jobs_never_claim_one_twice(
    settings, tmp_path, figure
):
    submitted = fill(settings, 200)
    shares = race(settings, tmp_path)
    claimed = [job_id for share in shares for job_id in share]
    assert len(claimed) == 200
    assert set(claimed) == submitted
    assert sum(bool(share) for share in shares) > 1, "nobody raced"
    assert {job.attempt for job in Ledger(settings).list()} == {1}
    figure(f"4 processes, {len(claimed)} runs: {len(claimed) - len(set(claimed))} twice")


def test_the_race_would_show_a_claim_that_is_not_conditional(tmp_path):
    settings = Settings(home=tmp_path / "home")
    submitted = fill(settings, 40)
    claimed = [job_id for share in race(settings, tmp_path, "blindly") for job_id in share]
    assert set(claimed) == submitted
    assert len(claimed) > 40


# --- locks ---------------------------------------------------------------------------------------


@contextmanager
def locked(path, seconds):
    """Somebody else writes to a database for so long."""
    begun, done = threading.Event(), threading.Event()

    def hold():
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            begun.set()
            done.wait(seconds)
            connection.execute("ROLLBACK")

    holder = threading.Thread(target=hold)
    holder.start()
    begun.wait()
    try:
        yield
    finally:
        done.set()
        holder.join()


def test_a_write_lock_of_seconds_delays_writers_and_no_reader(tmp_path, figure):
    settings = Settings(home=tmp_path / "home")
    ledger = Ledger(settings)
    job = ledger.submit(CONFIG)
    claimed = ledger.claim("boot:1:1")
    seconds = 2.0
    with locked(settings.ledger_path, seconds), ThreadPoolExecutor(8) as pool:
        begun = time.monotonic()
        beats = [pool.submit(ledger.beat, claimed) for _ in range(4)]
        more = [pool.submit(ledger.submit, CONFIG) for _ in range(4)]
        assert ledger.get(job.id).state == "running"
        assert len(ledger.list()) == 1
        assert len(Ledger(settings).history(job.id)) == 2
        waited = time.monotonic() - begun
        assert waited < seconds / 2, "a page had to wait"
        figure(f"lock of {seconds:.0f} s: 0 errors, 3 readers took {waited:.2f} s")
        assert all(beat.result() for beat in beats)
        assert len({each.result().id for each in more}) == 4
        assert time.monotonic() - begun >= seconds * 0.9, "nobody was locked out"
    assert ledger.get(job.id).beat == 4
    assert len(ledger.list()) == 5


def test_a_writer_that_has_waited_long_enough_says_what_is_locked(tmp_path):
    settings = Settings(home=tmp_path / "home")
    patient, ledger = Ledger(settings), Ledger(settings, patience_seconds=0.2)
    begun = time.monotonic()
    with locked(settings.ledger_path, 2.0):
        with pytest.raises(UserError, match=r"studio\.db is locked: .* for 0\.2 seconds"):
            ledger.submit(CONFIG)
        assert ledger.list() == [], "who reads need not wait"
        assert time.monotonic() - begun < 1.5
        assert patient.submit(CONFIG).state == "queued"


def test_a_ledger_that_is_locked_before_it_can_be_opened_is_said_as_well(tmp_path):
    settings = Settings(home=tmp_path / "home")
    with closing(sqlite3.connect(settings.ledger_path)) as connection:
        connection.execute("CREATE TABLE other (x)")  # not yet in write-ahead mode
    with (
        locked(settings.ledger_path, 5.0),
        pytest.raises(UserError, match=r"studio\.db is locked"),
    ):
        Ledger(settings, patience_seconds=0.1)


def test_a_locked_queue_delays_a_submission_and_loses_nothing(tmp_path):
    settings = Settings(home=tmp_path / "home")
    with MessageQueue(settings) as messages, locked(settings.queue_path, 1.0):
        job = submit(settings, CONFIG)
        assert messages.unread() == {job.id}


# --- clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_that_jumps_a_day_changes_no_order_and_ends_no_lease(
    settings, jump, monkeypatch, figure
):
    ledger, true_time = Ledger(settings), time.time
    before = [ledger.submit(CONFIG) for _ in range(2)]
    held = ledger.claim("another-boot:1:1")
    ledger.submit(CONFIG)
    waits = ledger.claim("another-boot:1:1")
    ledger.wait(waits, "the disk is full")
    with MessageQueue(settings) as messages:
        reconciler = Reconciler(ledger, messages, this_process(), set, 30, 30)
        reconciler.look()
        monkeypatch.setattr(time, "time", lambda: true_time() + jump)
        after = [ledger.submit(CONFIG) for _ in range(2)]
        reconciler.look()
    assert ledger.get(held.id) == held
    assert ledger.get(waits.id).state == "waiting"
    ledger.finish(held, "done")
    ids = [job.id for job in (*before, *after)]
    assert [job.id for job in ledger.list() if job.id in ids] == ids[::-1]
    line = [job.id for job in ledger.queued()]
    assert [job_id for job_id in line if job_id in ids] == [i for i in ids if i in line]
    assert line[-2:] == ids[-2:]
    history = ledger.history(held.id)
    assert [entry.kind for entry in history] == ["submitted", "claimed", "finished"]
    assert (history[2].time > history[1].time) == (jump > 0), "the clock did not jump"
    figure("±1 day: 0 leases ended, the same order")


# --- queue messages ------------------------------------------------------------------------------


@contextmanager
def consuming(settings):
    """A consumer that claims the first run of the queue and finishes it at once."""
    ledger = Ledger(settings)
    answered = []

    def answer(job_id):
        answered.append(job_id)
        if job := ledger.claim(this_process()):
            ledger.finish(job, "done")

    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    messages = MessageQueue(settings, answer)
    consumer = messages.consumer(2)
    consumer.start()
    try:
        yield messages, ledger, answered
    finally:
        consumer.stop(graceful=True)
        messages.close()
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def leave_in(messages, message):
    messages._huey.storage.enqueue(message)


def test_messages_that_are_doubled_unknown_or_garbage_cost_nothing(queued_by):
    with consuming(queued_by) as (messages, ledger, answered):
        leave_in(messages, b"\x80\x04 this is no JSON")
        leave_in(messages, b'["id-1", "a-task-of-a-later-version", null, 0, 0, [], {}, null, null]')
        leave_in(messages, b"{}")
        messages.send("a-run-that-never-was")
        job = ledger.submit(CONFIG)
        assert all(messages.send(job.id) for _ in range(3))
        eventually(lambda: answered.count(job.id) == 3, seconds=20)
        assert ledger.get(job.id).state == "done"
        assert ledger.get(job.id).attempt == 1
        assert [e.kind for e in ledger.history(job.id)].count("claimed") == 1


def test_a_message_that_cannot_be_read_does_not_hide_the_others(queued_by):
    with MessageQueue(queued_by) as messages:
        leave_in(messages, b"\x80\x04 this is no JSON")
        messages.send("a-run")
        assert messages.unread() == {"a-run"}


def test_lost_messages_are_sent_again(queued_by, monkeypatch):
    monkeypatch.setattr("jobs.worker.reconcile.SEND_AGAIN_SECONDS", 0.0)
    ledger = Ledger(queued_by)
    jobs = {submit(queued_by, CONFIG).id for _ in range(3)}
    with MessageQueue(queued_by) as messages:
        assert messages.unread() == jobs
        messages._huey.storage.flush_queue()
        assert messages.unread() == set()
        reconciler = Reconciler(ledger, messages, this_process(), set, 30, 30)
        reconciler.look()
        time.sleep(0.01)
        reconciler.look()
        assert messages.unread() == jobs


def test_a_queue_file_that_turns_into_garbage_is_replaced(tmp_path):
    settings = Settings(home=tmp_path / "home")
    job = submit(settings, CONFIG)
    for path in settings.home.glob("queue.db*"):
        path.write_bytes(b"this is no database" * 500)
    with consuming(settings) as (messages, ledger, _):
        messages.send(job.id)
        eventually(lambda: ledger.get(job.id).state == "done", seconds=10)


def test_a_redis_that_is_killed_only_delays(redis, tmp_path, figure):
    settings = Settings(home=tmp_path / "home", queue=redis.url, spare=False)
    worker = WorkerProcess(settings)
    try:
        with MessageQueue(settings) as messages:
            commands = messages._huey.storage.conn.client_list
            eventually(lambda: any(client["cmd"] == "brpop" for client in commands()))
            redis.kill()
            unheard = submit(settings, CONFIG)
            assert messages.send(unheard.id) is False
            time.sleep(2 * LONGEST_PAUSE_SECONDS)
            assert worker.process.poll() is None
            assert worker.ledger.get(unheard.id).state == "queued"
            redis.start()
            took = eventually(lambda: worker.ledger.get(unheard.id).state == "running")
        assert took <= SEND_AGAIN_SECONDS + 3
        figure(f"a run began {took:.1f} s after its return")
    finally:
        worker.leave()


def test_a_postgres_that_is_killed_in_mid_run_only_delays(tmp_path, tiny_model, tiny_data, figure):
    params = {"epochs": 100_000, "batch_size": 4}
    work = RunConfig(data=str(tiny_data), model=str(tiny_model), shots=2, params=params)
    with services.postgres() as server:
        home = tmp_path / "home"
        settings = Settings(home=home, database=server.url, spare=False, beat_seconds=0.5)
        worker, ledger = WorkerProcess(settings), Ledger(settings)
        try:
            job = submit(settings, work)
            folder = settings.run_folder(job.id)
            eventually(lambda: read_progress(folder).losses)
            server.kill()
            time.sleep(2.0)
            before = read_progress(folder).step
            server.start()
            took = eventually(lambda: read_progress(folder).step > before + 1)
            running = ledger.get(job.id)
            assert (running.state, running.error) == ("running", None)
            figure(f"training {took:.1f} s after PostgreSQL is back, attempt {running.attempt}")
            steps = [entry["step"] for entry in folder.events() if entry["kind"] == "step"]
            assert steps == list(range(1, len(steps) + 1))
            ledger.request_cancel(job.id)
            eventually(lambda: ledger.get(job.id).is_over)
        finally:
            worker.leave()


def test_a_consumer_whose_redis_was_down_gets_messages_when_it_is_back(redis, tmp_path):
    settings = Settings(home=tmp_path / "home", queue=redis.url)
    redis.kill()
    with consuming(settings) as (messages, ledger, answered):
        job = submit(settings, CONFIG)
        time.sleep(2 * LONGEST_PAUSE_SECONDS)
        assert ledger.get(job.id).state == "queued"
        redis.start()
        assert messages.send(job.id)
        eventually(lambda: ledger.get(job.id).state == "done", seconds=5)
        assert answered == [job.id]
