"""Runs through the queue: `submit`, `jobs`, `logs`, and what steers them. Imports no torch."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import Job, Ledger
from jobs.ledger.about import About, matches, told_by
from jobs.logs import read_logs
from jobs.progress import Progress, read_brief, read_progress
from jobs.settings import Settings
from studio.cli import options
from studio.cli.output import AsJson, answering, table

app = typer.Typer()
MOST_SEARCHED = 10_000
JobId = Annotated[str, typer.Argument(metavar="JOB", help="As `evenkeel jobs` names it.")]


@app.command()
@options.describing_a_run
def submit(
    asked: RunConfig,
    as_json: AsJson = False,
) -> None:
    """Queue a run; `evenkeel up` or `evenkeel worker` does it."""
    from core.data.ingest import open_dataset
    from jobs.checking import check_on
    from jobs.queueing import submit as enqueue

    settings = Settings()
    with answering(as_json) as answer:
        dataset = open_dataset(Path(asked.data), settings.cache)
        job = enqueue(settings, check_on(settings, dataset, asked.model_dump()))
        if as_json:
            answer(asdict(job))
        else:
            print(f"Queued as {job.id}. Follow it with: evenkeel logs --follow {job.id}")


@app.command()
def jobs(
    limit: Annotated[int, typer.Option(min=1, help="How many, from the head down.")] = 200,
    search: Annotated[
        str, typer.Option(help="Only runs whose name, note, tags, method, data or model have this.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Show the queue with progress: running runs, waiting runs, then finished ones."""
    settings = Settings()
    ledger = Ledger(settings)
    found = ledger.list(MOST_SEARCHED if search else limit, downwards=True)
    found = [job for job in found if matches(search, told_by(job))][:limit]
    with answering(as_json) as answer:
        if as_json:
            answer([{**asdict(job), "progress": _brief(settings, job)} for job in found])
        else:
            _print_jobs(settings, found)


@app.command()
def describe(
    job_id: JobId,
    name: Annotated[str | None, typer.Option(help="What you call it.")] = None,
    note: Annotated[str | None, typer.Option(help="What you want to remember of it.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Repeat for more; they replace.")] = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Take its tags away.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a run a name, a note or tags, also while it runs."""
    tags = [] if no_tags else tag or None
    job = Ledger(Settings()).describe(job_id, name=name, note=note, tags=tags)
    with answering(as_json) as answer:
        if as_json:
            answer(asdict(job))
            return
        about = About.of(job.about)
        table(("name", "tags", "note"), [(about.name, ", ".join(about.tags), about.note)])


@app.command()
def cancel(job_id: JobId, as_json: AsJson = False) -> None:
    """Take a run out of the queue, or stop it."""
    from jobs import queueing

    job = queueing.cancel(Settings(), job_id)
    _say(job, "stopping" if job.state == "running" else job.state, as_json)


@app.command()
def pause(job_id: JobId, as_json: AsJson = False) -> None:
    """Pause a run; it keeps what it has learned so far."""
    from jobs import queueing

    job = queueing.pause(Settings(), job_id)
    _say(job, "pausing" if job.state == "running" else job.state, as_json)


@app.command()
def resume(job_id: JobId, as_json: AsJson = False) -> None:
    """Resume a run that was paused, or that waits for disk space."""
    from jobs import queueing

    job = queueing.resume(Settings(), job_id)
    _say(job, f"{job.state} again", as_json)


@app.command()
def stop(job_id: JobId, as_json: AsJson = False) -> None:
    """End a run now and keep what is best so far; `cancel` keeps nothing."""
    from jobs import queueing

    job = queueing.stop(Settings(), job_id)
    _say(job, "ending" if job.state == "running" else job.state, as_json)


@app.command()
def retry(job_id: JobId, as_json: AsJson = False) -> None:
    """Queue a failed or cancelled run again."""
    from jobs import queueing

    job = queueing.retry(Settings(), job_id)
    _say(job, f"{job.state} again", as_json)


@app.command()
def move(
    job_id: JobId,
    before: Annotated[str | None, typer.Option(metavar="JOB", help="Which it precedes.")] = None,
    first: Annotated[bool, typer.Option("--first", help="To the head of the queue.")] = False,
    last: Annotated[bool, typer.Option("--last", help="To its end.")] = False,
    priority: Annotated[
        int | None, typer.Option(help="A run with a higher one is taken first; all begin with 0.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Give a waiting run another place in the queue, or another priority."""
    if (before is not None) + first + last + (priority is not None) != 1:
        raise UserError("move needs one of --before JOB, --first, --last and --priority NUMBER.")
    ledger = Ledger(Settings())
    if priority is not None:
        job = ledger.prioritise(job_id, priority)
    else:
        head = [job.id for job in ledger.queued()[:1]] if first else [before]
        job = ledger.move(job_id, before=next(iter(head), None))
    place = ledger.position(job.id)
    _say(job, f"number {place} in the queue" if place else job.state, as_json)


def _say(job: Job, became: str, as_json: bool) -> None:
    with answering(as_json) as answer:
        answer(asdict(job)) if as_json else print(f"{job.id} is {became}.")


@app.command()
def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Until the run ends.")] = False,
    worker: Annotated[
        bool, typer.Option("--worker", help="What worker and process said about it instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print the events of a run as sentences."""
    settings = Settings()
    ledger = Ledger(settings)
    with answering(as_json) as answer:
        if worker:
            entries = read_logs(settings, ledger.get(job_id).id)
            answer(entries) if as_json else _print_entries(entries)
            return
        if as_json:
            job = ledger.get(job_id)
            progress = read_progress(settings.run_folder(job.id))
            answer({"job": asdict(job), **asdict(progress)})
            return
        job = _print_log(settings, ledger, job_id, follow)
        if job.error:
            print(f"{job.state}: {job.error}", file=sys.stderr)


def _print_log(settings: Settings, ledger: Ledger, job_id: str, follow: bool) -> Job:
    """Print the events so far, and with `follow` the new ones. Returns the last state."""
    seq, started = 0, None
    while True:
        job = ledger.get(job_id)  # before the log: the last lines are there when the job is over
        progress = read_progress(settings.run_folder(job.id), after=seq)
        if progress.started != started and seq:  # another attempt tells it from the beginning
            progress = read_progress(settings.run_folder(job.id))
        for line in progress.log:
            print(line, flush=True)
        if job.is_over or not follow:
            return job
        seq, started = progress.seq, progress.started
        time.sleep(0.5)


def _print_entries(entries: Sequence[Mapping[str, Any]]) -> None:
    for entry in entries:
        when = datetime.fromisoformat(entry["time"]).astimezone()
        print(f"{when:%Y-%m-%d %H:%M:%S}  {entry['process']:<9}  {entry['message']}")
        if "traceback" in entry:
            print(entry["traceback"])


def _print_jobs(settings: Settings, found: Sequence[Job]) -> None:
    if not found:
        print("No runs yet. Queue one with: evenkeel submit DATA")
        return
    rows = []
    for job in found:
        now = _progress(settings, job)
        steps = f"{now.step}/{now.steps}" if now.steps else ""
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.created))
        left = _duration(now.eta_seconds) if job.state == "running" else ""
        name = About.of(job.about).name
        rows.append((job.id, name, job.state, since, now.phase, steps, left, job.error or ""))
    table(("job", "name", "state", "queued", "phase", "step", "left", "error"), rows)


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))


def _progress(settings: Settings, job: Job) -> Progress:
    """The progress of the run, without its curves."""
    return Progress() if job.state == "queued" else read_brief(settings.run_folder(job.id))


def _brief(settings: Settings, job: Job) -> dict[str, object]:
    """The same for `--json`."""
    progress = _progress(settings, job)
    names = ("phase", "step", "steps", "epoch", "epochs", "images_per_second", "eta_seconds")
    return {name: getattr(progress, name) for name in names}
