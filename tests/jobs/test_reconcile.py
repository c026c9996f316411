import time

import pytest

from core.results.records import RunConfig
from jobs.ledger.owner import this_process
from jobs.worker.messages import MessageQueue
from jobs.worker.reconcile import Reconciler

CONFIG = RunConfig(data="/images")
LEASE = 0.3
WAIT = 0.2
ELSEWHERE = "another-boot:1:1"


@pytest.fixture
def messages(settings):
    with MessageQueue(settings) as messages:
        yield messages


@pytest.fixture
def busy():
    return set()


@pytest.fixture
def reconciler(ledger, messages, busy):
    return Reconciler(ledger, messages, this_process(), lambda: busy, LEASE, WAIT)


def claimed(ledger, owner):
    ledger.submit(CONFIG)
    return ledger.claim(owner)


def dead_owner():
    boot, pid, start = this_process().split(":")
    return f"{boot}:{pid}:{int(start) - 1}"


def test_a_job_whose_owner_ended_is_freed_and_announced_at_once(reconciler, ledger, messages):
    job = claimed(ledger, dead_owner())
    reconciler.look()
    freed = ledger.get(job.id)
    assert (freed.state, freed.crashes) == ("queued", 1)
    assert messages.unread() == {job.id}


def test_a_silent_owner_elsewhere_loses_its_job_when_the_lease_is_over(reconciler, ledger):
    job = claimed(ledger, ELSEWHERE)
    reconciler.look()
    assert ledger.get(job.id).state == "running"
    time.sleep(LEASE)
    reconciler.look()
    assert ledger.get(job.id).state == "queued"
    assert ledger.beat(job) is None  # a worker that wakes up has lost the run


def test_an_owner_that_beats_keeps_its_job(reconciler, ledger):
    job = claimed(ledger, ELSEWHERE)
    for _ in range(3):
        reconciler.look()
        time.sleep(LEASE / 2)
        job = ledger.beat(job)
    assert ledger.get(job.id).state == "running"


def test_a_wrong_wall_clock_takes_nothing_away(reconciler, ledger, monkeypatch):
    job = claimed(ledger, ELSEWHERE)
    reconciler.look()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    reconciler.look()
    assert ledger.get(job.id).state == "running"


def test_a_job_that_its_own_worker_lost_hold_of_is_freed(reconciler, ledger, busy):
    job = claimed(ledger, this_process())
    busy.add(job.id)
    reconciler.look()
    assert ledger.get(job.id).state == "running"
    busy.clear()
    reconciler.look()
    assert ledger.get(job.id).state == "queued"


def test_a_job_without_room_is_tried_again_after_a_while(reconciler, ledger, messages):
    ledger.wait(claimed(ledger, this_process()), "the disk is full")
    [job] = ledger.waiting()
    reconciler.look()
    assert ledger.get(job.id).state == "waiting"
    time.sleep(WAIT)
    reconciler.look()
    assert ledger.get(job.id).state == "queued"
    assert messages.unread() == {job.id}
    ledger.wait(ledger.claim(this_process()), "still full")
    reconciler.look()  # this begins a new wait
    assert ledger.get(job.id).state == "waiting"


def test_a_message_that_nobody_has_read_is_not_repeated(reconciler, ledger, messages, monkeypatch):
    monkeypatch.setattr("jobs.worker.reconcile.SEND_AGAIN_SECONDS", 0.0)
    lost, waits = ledger.submit(CONFIG), ledger.submit(CONFIG)
    messages.send(waits.id)
    for _ in range(3):
        reconciler.look()
        time.sleep(0.01)
    pending = [task.args[0] for task in messages._huey.pending()]
    assert sorted(pending) == sorted([lost.id, waits.id])


def test_a_queue_file_that_is_garbage_is_replaced(settings):
    settings.queue_path.write_bytes(b"this is no database" * 100)
    with MessageQueue(settings) as messages:
        messages.send("a-run")
        assert messages.unread() == {"a-run"}
