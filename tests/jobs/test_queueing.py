import pytest

from core.errors import UserError
from core.results.records import RunConfig
from jobs import queueing
from jobs.worker.messages import MessageQueue

CONFIG = RunConfig(data="/images")


def test_a_second_click_neither_makes_a_run_nor_touches_the_first_ones_folder(settings, ledger):
    job = queueing.submit(settings, CONFIG, key="click")
    folder = settings.run_folder(job.id)
    assert folder.config() == CONFIG
    ledger.finish(ledger.claim("boot:1:1"), "done")
    folder.record_path.write_text("{}")
    again = queueing.submit(settings, CONFIG.model_copy(update={"shots": 1}), key="click")
    assert (again.id, again.state) == (job.id, "done")
    assert folder.config() == CONFIG
    assert folder.record_path.exists()


def test_a_run_that_returns_to_the_queue_is_announced(settings, ledger):
    job = ledger.submit(CONFIG)
    with MessageQueue(settings) as messages:
        queueing.pause(settings, job.id)
        assert messages.unread() == set()
        queueing.resume(settings, job.id)
        assert messages.unread() == {job.id}
        messages._huey.storage.flush_queue()
        queueing.cancel(settings, job.id)
        queueing.retry(settings, job.id)
        assert messages.unread() == {job.id}


def test_a_deleted_run_is_gone_from_the_ledger_and_the_disk(settings, ledger):
    job = queueing.submit(settings, CONFIG)
    queueing.delete(settings, job.id)
    assert not settings.run_folder(job.id).path.exists()
    with pytest.raises(UserError, match="no job at all"):
        ledger.get(job.id)
    running = queueing.submit(settings, CONFIG)
    ledger.claim("boot:1:1")
    with pytest.raises(UserError, match="is running"):
        queueing.delete(settings, running.id)
    assert settings.run_folder(running.id).path.exists()
