"""Putting a run in the line and taking it out again: what the page and the command line call."""

import logging
import sqlite3

from core.records import RunConfig
from jobs.doorbell import Doorbell
from jobs.ledger import Job, Ledger
from jobs.settings import Settings

log = logging.getLogger(__name__)


def submit(settings: Settings, config: RunConfig) -> Job:
    """Queue a run whose config has been checked (`jobs.check`, or the evaluator's `check`).

    First the row, then the folder, then the bell. A worker that is faster than the folder finds the
    config in the row; a ring that cannot be heard is made up for by the worker's own look at the
    ledger.
    """
    job = Ledger(settings).submit(config)
    settings.run_folder(job.id).create(config)
    try:
        with Doorbell(settings) as bell:
            bell.ring(job.id)
    except sqlite3.Error as error:
        log.warning("%s is queued, the bell did not ring: %s", job.id, error)
    return job


def cancel(settings: Settings, job_id: str) -> Job:
    """Cancel a queued run at once, ask a running one to stop; a `UserError` when it is over."""
    return Ledger(settings).request_cancel(job_id)
