"""Operations on the queue of runs, for the page and the command line.

The ledger decides. A queue message only makes a worker look at it at once.
"""

import logging
import shutil

from core.results.records import RunConfig, read_config
from jobs.ledger import Job, Ledger
from jobs.settings import Settings
from jobs.worker.messages import UNREACHABLE, MessageQueue

log = logging.getLogger(__name__)


def submit(
    settings: Settings, config: RunConfig, workspace: str | None = None, key: str | None = None
) -> Job:
    """Queue a run whose config is complete (see `core.run.asked.complete`).

    If `key` was used before, this returns the run of that time. The row is written first, then the
    folder, then the queue message. A worker that is faster than the folder reads the config from
    the row. If the message is lost, a worker finds the run in the ledger.
    """
    job = Ledger(settings).submit(config, workspace, key)
    if job.state == "queued" and job.attempt == 0:
        settings.run_folder(job.id).create(read_config(job.config))
    return _announce(settings, job)


def cancel(settings: Settings, job_id: str) -> Job:
    """Cancel a waiting run at once, or ask a running one to stop; a `UserError` if it has ended."""
    return Ledger(settings).request_cancel(job_id)


def pause(settings: Settings, job_id: str) -> Job:
    """Pause a run. A running one writes a checkpoint first."""
    return Ledger(settings).request_pause(job_id)


def resume(settings: Settings, job_id: str) -> Job:
    """Put a paused run back into its place in the queue."""
    return _announce(settings, Ledger(settings).resume(job_id))


def stop(settings: Settings, job_id: str) -> Job:
    """Ask a running run to end now and keep its best weights so far."""
    return Ledger(settings).request_stop(job_id)


def advance(settings: Settings, job_id: str) -> Job:
    """Move a run one place up in the queue. Does nothing if it is first or does not wait."""
    ledger = Ledger(settings)
    place = ledger.position(job_id) or 1
    return ledger.move(job_id, ledger.queued()[place - 2].id) if place > 1 else ledger.get(job_id)


def retry(settings: Settings, job_id: str) -> Job:
    """Queue a failed or cancelled run again."""
    return _announce(settings, Ledger(settings).retry(job_id))


def delete(settings: Settings, job_id: str) -> None:
    """Delete a run and its files; a `UserError` while it runs."""
    Ledger(settings).delete(job_id)
    shutil.rmtree(settings.run_folder(job_id).path, ignore_errors=True)


def _announce(settings: Settings, job: Job) -> Job:
    if job.state == "queued":
        try:
            with MessageQueue(settings) as messages:
                messages.send(job.id)
        except UNREACHABLE as error:
            log.warning("%s waits, the message queue cannot be opened: %s", job.id, error)
    return job
