from contextlib import closing

import pytest

from core.errors import UserError
from core.results.records import RunConfig, read_config
from core.run import pipeline
from core.run.asked import complete
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


def test_the_first_that_needs_the_config_writes_it_and_an_edited_one_is_put_right(
    settings, ledger, tiny_data, tiny_model
):
    asked = RunConfig(data=str(tiny_data.resolve()), model=str(tiny_model), method="lp")
    config = complete(asked)
    job = queueing.submit(settings, config)
    folder = settings.run_folder(job.id)
    first = folder.config_path.stat().st_ino
    folder.create(read_config(job.config))  # as the worker does
    with closing(pipeline.run(config, folder.path)) as run:
        next(run)
    assert folder.config_path.stat().st_ino == first
    for text in ('{"shots": 1}', "{"):
        folder.config_path.write_text(text)
        folder.create(config)
        assert folder.config() == config


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
