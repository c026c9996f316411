"""Putting a run in the line, moving it there, and taking it out: what page and command line call.

The ledger decides; the bell is rung so that a worker looks at once.
"""

import logging
import shutil

from core.results.records import RunConfig, read_config
from jobs.ledger import Job, Ledger
from jobs.settings import Settings
from jobs.worker.doorbell import OUT_OF_REACH, Doorbell

log = logging.getLogger(__name__)


def submit(
    settings: Settings, config: RunConfig, workspace: str | None = None, key: str | None = None
) -> Job:
    """Queue a run whose config is complete (`core.run.pipeline.complete`, in the evaluator for
    the page).

    A `key` that was used before gives the run of that time. First the row, then the folder, then
    the bell. A worker that is faster than the folder finds the config in the row; a ring that
    cannot be heard is made up for by the worker's own look at the ledger.
    """
    job = Ledger(settings).submit(config, workspace, key)
    if job.state == "queued" and job.attempt == 0:
        settings.run_folder(job.id).create(read_config(job.config))
    return _ring_for(settings, job)


def cancel(settings: Settings, job_id: str) -> Job:
    """Cancel a waiting run at once, ask a running one to stop; a `UserError` when it is over."""
    return Ledger(settings).request_cancel(job_id)


def pause(settings: Settings, job_id: str) -> Job:
    """Lay a run aside; a running one keeps where it is first."""
    return Ledger(settings).request_pause(job_id)


def resume(settings: Settings, job_id: str) -> Job:
    """Back into the line from where it was laid aside."""
    return _ring_for(settings, Ledger(settings).resume(job_id))


def stop(settings: Settings, job_id: str) -> Job:
    """Ask a running run to end now and keep what is best so far."""
    return Ledger(settings).request_stop(job_id)


def advance(settings: Settings, job_id: str) -> Job:
    """One place up in the line; nothing for the first of it and for what does not wait."""
    ledger = Ledger(settings)
    place = ledger.position(job_id) or 1
    return ledger.move(job_id, ledger.queued()[place - 2].id) if place > 1 else ledger.get(job_id)


def retry(settings: Settings, job_id: str) -> Job:
    """A failed or cancelled run once more."""
    return _ring_for(settings, Ledger(settings).retry(job_id))


def delete(settings: Settings, job_id: str) -> None:
    """Forget a run and its files; a `UserError` while it runs."""
    Ledger(settings).delete(job_id)
    shutil.rmtree(settings.run_folder(job_id).path, ignore_errors=True)


def _ring_for(settings: Settings, job: Job) -> Job:
    if job.state == "queued":
        try:
            with Doorbell(settings) as bell:
                bell.ring(job.id)
        except OUT_OF_REACH as error:
            log.warning("%s waits, the bell cannot be opened: %s", job.id, error)
    return job
