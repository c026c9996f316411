"""Shows the state of a run, the remaining time, and alarms."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.results.records import Outcome
from jobs.ledger import Job
from jobs.progress import Progress
from studio.frame.domains import DomainStyle, domain_styles
from studio.frame.markup import duration, number, percent, points, size
from studio.live import words
from studio.live.verdict import TONES, early_verdict

_SHARES = {
    "data": 0.0,
    "zero-shot": 0.02,
    "training": 0.05,
    "measuring": 0.56,
    "gate": 0.6,
    "choosing": 0.62,
    "wise": 0.68,
    "stress": 0.92,
    "drift": 0.94,
    "saving": 0.97,
    "done": 1.0,
}
"""The start of each phase as a share of the run, measured on a few-shot run on a processor:
measuring 21 mixing weights takes about as long as its training.
"""
_UNTRAINED = ("measuring", "gate", "choosing", "wise", "stress", "drift", "saving")
"""Phases after training, which count no images."""
_ENDS = dict(zip(_SHARES, [*list(_SHARES.values())[1:], 1.0], strict=True))


def share_done(progress: Progress) -> float:
    """The progress of a run from 0 to 1: phases have fixed shares, steps count within a phase."""
    low, high = _SHARES.get(progress.phase, 0.0), _ENDS.get(progress.phase, 0.0)
    inside = progress.step / progress.steps if progress.steps else 0.0
    return low + (high - low) * min(1.0, inside)


def run_header(job: Job, title: str, progress: Progress, place: int | None) -> dict[str, object]:
    """Values of the template `run_header.html`."""
    share = 1.0 if job.state == "done" else share_done(progress)
    return {
        "id": job.id,
        "title": title,
        "state": "interrupted" if job.is_interrupted else job.state,
        "line": _line(job, progress, place),
        "percent": round(100 * share),
        "kpis": _kpis(job, progress),
        "foot": _foot(job),
        "verdict": _verdict(progress),
        "going_on": words.Live.going_on if job.state == "running" else "",
        "error": job.error if job.state == "failed" else "",
        "warnings": [
            *_leaks(job, progress),
            *progress.warnings,
            *([] if job.is_over or progress.recommended else alarms(progress.evaluations)),
        ],
    }


@dataclass(frozen=True)
class DomainGain:
    """One domain: zero-shot, what is measured now, and how they differ."""

    style: DomainStyle
    zero: Mapping[str, Any]
    now: Mapping[str, Any]
    """Like `zero` a `DomainScore` as JSON."""
    tone: str
    step: int


def gains(
    evaluations: Sequence[Mapping[str, Any]], recommended: Mapping[str, Any] | None = None
) -> dict[str, DomainGain]:
    """Per domain: zero-shot, the newest look, and whether it left the interval of zero-shot; of
    what the run recommends, once it does, what the paired test says.
    """
    zero = next((e for e in evaluations if e["label"] == "zero-shot"), None)
    along = [e for e in evaluations if e["label"] in ("zero-shot", "training", "fine-tuned")]
    if zero is None:
        return {}
    if recommended:
        return _recommended(zero, along[-1]["step"], recommended)
    now = along[-1]
    return {
        style.key: DomainGain(
            style,
            zero["domains"][style.key],
            now["domains"][style.key],
            tone(zero["domains"][style.key], now["domains"][style.key]["accuracy"]),
            now["step"],
        )
        for style in domain_styles(zero["domains"])
        if style.key in now["domains"]
    }


def _recommended(
    zero: Mapping[str, Any], step: int, found: Mapping[str, Any]
) -> dict[str, DomainGain]:
    changes = found["changes"]
    return {
        style.key: DomainGain(
            style,
            zero["domains"][style.key],
            found["domains"][style.key],
            TONES[changes[style.key]["outcome"]] if style.key in changes else "even",
            step,
        )
        for style in domain_styles(zero["domains"])
        if style.key in found["domains"]
    }


def _verdict(progress: Progress) -> str:
    """The sentence about the recommended mixing; empty until it is known."""
    found = progress.recommended
    return early_verdict(found, progress.evaluations) if found else ""


def tone(zero: Mapping[str, Any], accuracy: float) -> str:
    """`good` or `bad` when an accuracy leaves the interval of zero-shot, else `even`."""
    if accuracy > zero["high"]:
        return "good"
    return "bad" if accuracy < zero["low"] else "even"


def alarms(evaluations: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for every OOD domain that fell clearly below zero-shot."""
    return [
        words.Live.below.format(
            domain=row.style.title,
            change=points(row.now["accuracy"] - row.zero["accuracy"]),
        )
        for row in gains(evaluations).values()
        if row.style.role == "ood" and row.tone == "bad"
    ]


def _leaks(job: Job, progress: Progress) -> list[str]:
    """A warning that leaks are allowed, until the run has read the data and counted them."""
    told = progress.phase not in ("", "data") or job.is_over
    return [] if told or job.config.get("allow_leaks") is not True else [words.Live.leaks_allowed]


def _foot(job: Job) -> str:
    if job.state == "cancelled":
        return words.Live.cancelled
    return job.id if job.is_over else words.Live.safe


def _line(job: Job, progress: Progress, place: int | None) -> str:
    if job.state == "running" and job.asked:
        return words.Live.asked[job.asked]
    if job.is_interrupted:
        return words.Live.interrupted
    if job.state == "queued":
        return words.Live.queued_at.format(n=place) if place else words.Live.queued
    if job.state in ("failed", "cancelled"):
        return ""
    if job.state in ("paused", "waiting"):
        return ": ".join(filter(None, (words.Common.states[job.state], job.error)))
    parts = [words.Live.phases.get(progress.phase, progress.phase)]
    if progress.phase == "training" and progress.epochs:
        parts.append(words.Live.epoch.format(epoch=progress.epoch, epochs=progress.epochs))
    if progress.steps and job.state == "running":
        counted = words.Live.step if progress.phase == "training" else words.Live.part
        parts.append(counted.format(step=progress.step, steps=progress.steps))
    return " · ".join(parts) if job.state == "running" else ""


def _kpis(job: Job, progress: Progress) -> list[dict[str, str]]:
    rows = gains(progress.evaluations, progress.recommended)
    mean = (progress.recommended or {}).get("mean_change")
    kpis = []
    if job.state == "running":
        kpis.append(_kpi(duration(progress.eta_seconds), words.Live.eta, words.Live.eta_help))
    elif job.started:
        kpis.append(_kpi(duration((job.finished or time.time()) - job.started), words.Live.elapsed))
    speed = progress.images_per_second
    if job.state == "running":
        if speed or progress.phase not in _UNTRAINED:
            kpis.append(_kpi(number(speed) if speed else "–", words.Live.speed))
        if progress.memory_bytes:
            kpis.append(_device_kpi(progress.memory_bytes, progress.busy))
    for role, name in (("id", words.Live.id_gain), ("ood", words.Live.ood_gain)):
        chosen = [row for row in rows.values() if row.style.role == role]
        kpis.append(_gain_kpi(chosen, name, mean["outcome"] if mean and role == "ood" else None))
    return kpis


def _device_kpi(memory_bytes: int, busy: float | None) -> dict[str, str]:
    memory = size(memory_bytes)
    if busy is None:
        return _kpi(memory, words.Live.device_memory)
    return _kpi(percent(busy, 0), words.Live.device.format(memory=memory), words.Live.device_help)


def _gain_kpi(rows: Sequence[DomainGain], name: str, outcome: Outcome | None) -> dict[str, str]:
    """The mean change of some domains; `outcome` is the result of its test, if it was tested."""
    if not rows or not rows[0].step:
        return _kpi("–", name)
    change = sum(row.now["accuracy"] - row.zero["accuracy"] for row in rows) / len(rows)
    if outcome:
        return _kpi(points(change), name, tone=TONES[outcome].replace("even", ""))
    tones = {row.tone for row in rows}
    colour = (
        "bad" if "bad" in tones and change < 0 else "good" if "good" in tones and change > 0 else ""
    )
    return _kpi(points(change), name, tone=colour)


def _kpi(value: str, name: str, help: str = "", tone: str = "") -> dict[str, str]:
    return {"value": value, "name": name, "help": help or name, "tone": tone}
