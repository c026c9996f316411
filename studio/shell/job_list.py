"""Draws the queue: every run with its state, its progress, and its error."""

import time

from jobs.ledger import Job
from jobs.ledger.about import About
from jobs.progress import Progress
from studio.frame.markup import duration, points, render
from studio.live.run_header import gains, share_done
from studio.live.steering import offered
from studio.shell import words
from studio.workspace import Workspace


def job_list(mine: Workspace, current: str | None, most: int, query: str = "") -> str:
    """The HTML of the queue: running, waiting, then finished runs; for a search, the runs that it
    found.
    """
    found = mine.runs.search(query, most + 1)
    jobs = found[:most]
    running = sum(job.state == "running" for job in jobs)
    waiting = sum(job.state == "queued" for job in jobs)
    parts = [words.Queue.running.format(n=running)] if running else []
    parts += [words.Queue.waiting.format(n=waiting)] if waiting else []
    rows = [_row(mine, job, current) for job in jobs]
    return render(
        "shell/queue.html",
        jobs=rows,
        query=query,
        may_search=bool(rows or query) and not mine.is_read_only,
        older=len(found) > most,
        summary=" · ".join(parts) or (words.Queue.idle if jobs else ""),
    )


def _row(mine: Workspace, job: Job, current: str | None) -> dict[str, object]:
    progress = mine.runs.brief(job)
    return {
        "id": job.id,
        "title": mine.runs.called(job),
        "about": _about(mine, job),
        "state": "interrupted" if job.is_interrupted else job.state,
        "percent": round(100 * share_done(progress)),
        "line": _line(mine, job, progress),
        "current": job.id == current,
        "verbs": offered(mine, job),
    }


def _about(mine: Workspace, job: Job) -> str:
    """The data set, the tags, and, for a run with its own name, how it was made."""
    about = About.of(job.about)
    made = [mine.runs.title(job.config)] if about.name else []
    data = [] if mine.is_read_only else [mine.runs.data_title(job)]
    return " · ".join([*data, *(f"#{tag}" for tag in about.tags), *made])


def _line(mine: Workspace, job: Job, progress: Progress) -> str:
    if job.is_interrupted:
        return words.Live.interrupted
    if job.state == "queued":
        return words.Live.queued_at.format(n=mine.runs.position(job.id) or 1)
    if job.state == "failed":
        return job.error or ""
    if job.state in ("cancelled", "paused", "waiting"):
        return ": ".join(filter(None, (words.Common.states[job.state], job.error)))
    if job.state == "running":
        phase = words.Live.phases.get(progress.phase, progress.phase)
        if job.asked:
            return words.Live.asked[job.asked]
        if progress.eta_seconds is None:
            return phase
        return f"{phase} · {words.Queue.left.format(time=duration(progress.eta_seconds))}"
    rows = gains(progress.evaluations, progress.recommended).values()
    means = {
        role: [r.now["accuracy"] - r.zero["accuracy"] for r in rows if r.style.role == role]
        for role in ("id", "ood")
    }
    said = [f"{role.upper()} {points(sum(v) / len(v))}" for role, v in means.items() if v]
    said.append(time.strftime("%H:%M", time.localtime(job.finished or job.created)))
    return " · ".join(said)
