"""Runs in peace, the same runs under faults, and what differs."""

import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from core.methods import METHODS
from core.results.records import RunConfig
from core.training.settings import TowerParams
from jobs.ledger import MAX_CRASHES, Job
from jobs.progress import read_progress
from jobs.settings import Settings
from tests.bench.faults.faults import ENDS_THE_PROCESS, FAULTS
from tests.bench.faults.scene import Scene

LOOK_SECONDS = 0.25
PAUSE_SECONDS = (0.5, 4.0)
"""Between two faults."""
PATIENCE_SECONDS = 300.0
"""When no run ends for so long, what is left counts as lost."""

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What a soak found."""

    jobs: int
    faults: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    """Runs that did not end as done."""
    twice: list[str] = field(default_factory=list)
    """Runs that were finished more than once."""
    different: list[str] = field(default_factory=list)
    """Runs whose weights are not those of the undisturbed run, to the bit."""
    recoveries: list[float] = field(default_factory=list)
    """Seconds from a fault that ended a run's process to the run's next training step."""
    attempts: int = 0
    seconds_in_peace: float = 0.0
    seconds: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled or different."""
        return not (self.lost or self.twice or self.different)

    def to_json(self) -> dict[str, Any]:
        """For the report."""
        return {**asdict(self), "recoveries": _summary(self.recoveries), "good": self.is_good}

    def in_words(self) -> str:
        """For people."""
        kinds = ", ".join(f"{count} {name}" for name, count in sorted(self.faults.items()))
        lines = [
            f"{self.jobs} runs, {self.faults.total()} faults ({kinds})",
            f"{len(self.lost)} lost, {len(self.twice)} done twice, "
            f"{len(self.different)} with other weights; {self.attempts} attempts",
            f"{self.seconds_in_peace:.0f} s in peace, {self.seconds:.0f} s under faults",
        ]
        if found := _summary(self.recoveries):
            lines.append(
                f"training again after a median of {found['median']} s, 95 % within "
                f"{found['p95']} s, the longest {found['max']} s (n = {found['n']})"
            )
        return "\n".join([*lines, *self.lost, *self.twice, *self.different])


def plan(data: Path, count: int) -> list[RunConfig]:
    """Short runs of the methods that train a tower, in turn."""
    methods = [name for name, method in METHODS.items() if issubclass(method.Params, TowerParams)]
    return [
        RunConfig(
            data=str(data),
            method=methods[number % len(methods)],
            shots=2,
            seed=number // len(methods),
            params={"epochs": 40},
            alphas=(),
            evaluations=0,
        )
        for number in range(count)
    ]


def soak(
    home: Path, configs: Sequence[RunConfig], faults: int, seed: int = 0, say: Say = print
) -> Outcome:
    """Do every run in peace under `home/peace`, then under faults under `home/storm`."""
    outcome = Outcome(len(configs))
    often: dict[str, Any] = {"checkpoint_least_seconds": 1.0}
    peace = Line(Settings(home=home / "peace", **often), configs)
    outcome.seconds_in_peace = peace.finish()
    say(f"{len(configs)} runs in peace: {outcome.seconds_in_peace:.0f} s")
    often |= {"lease_seconds": 10.0, "beat_seconds": 1.0}
    storm = Line(Settings(home=home / "storm", **often), configs)
    outcome.seconds = storm.finish(Weather(storm.scene, faults, random.Random(seed), outcome, say))
    judge(peace, storm, outcome)
    return outcome


class Line:
    """The same runs in the same order, submitted to one home folder."""

    def __init__(self, settings: Settings, configs: Sequence[RunConfig], workers: int = 2) -> None:
        self.scene = Scene(settings, workers)
        self._ids = [
            self.scene.submit(config, f"soak-{number}").id for number, config in enumerate(configs)
        ]

    def jobs(self) -> list[Job]:
        """In the order of the configs."""
        return [self.scene.ledger.get(job_id) for job_id in self._ids]

    def finish(self, weather: "Weather | None" = None) -> float:
        """Work until every run is over, or nothing moves any more; the seconds it took."""
        started = moved = time.monotonic()
        left = len(self._ids)
        try:
            while left and time.monotonic() - moved < PATIENCE_SECONDS:
                self.scene.tend()
                jobs = self.jobs()
                if weather:
                    weather.look(jobs)
                still = sum(not job.is_over for job in jobs)
                left, moved = still, time.monotonic() if still < left else moved
                time.sleep(LOOK_SECONDS)
        finally:
            self.scene.close()
        return time.monotonic() - started

    def weights(self, job: Job) -> str:
        """The SHA-256 of what the run published."""
        with open(self.scene.settings.run_folder(job.id).weights_path, "rb") as file:
            return file_digest(file, "sha256").hexdigest()

    def finals(self, job: Job) -> int:
        """How often the ledger says that the run was finished."""
        history = self.scene.ledger.history(job.id)
        return sum(entry.kind == "finished" and entry.data["state"] == "done" for entry in history)


class Weather:
    """Chooses faults and victims; notes how long it takes until training goes on."""

    def __init__(
        self, scene: Scene, faults: int, chance: random.Random, outcome: Outcome, say: Say
    ) -> None:
        self._scene = scene
        self._left = faults
        self._chance = chance
        self._outcome = outcome
        self._say = say
        self._next = time.monotonic() + PAUSE_SECONDS[1]
        self._hurt: dict[str, tuple[float, int]] = {}
        """Job to the time of day of the fault, and the attempt that it ended."""

    def look(self, jobs: Sequence[Job]) -> None:
        """One look at the runs: note recoveries, and strike if it is time."""
        for job in jobs:
            self._note_recovery(job)
        if self._left and time.monotonic() >= self._next:
            # A run that dies again and again without progress is failed by design; not a victim.
            victims = [j for j in jobs if j.state == "running" and j.crashes < MAX_CRASHES - 1]
            if victims:
                self._strike(self._chance.choice(victims))
            self._next = time.monotonic() + self._chance.uniform(*PAUSE_SECONDS)

    def _strike(self, job: Job) -> None:
        fault = self._chance.choice(FAULTS)
        at = time.time()
        if not fault(self._scene, job, self._chance):
            return
        self._left -= 1
        self._outcome.faults[fault.__name__] += 1
        self._say(f"{sum(self._outcome.faults.values())}: {fault.__name__} ({job.id})")
        if fault in ENDS_THE_PROCESS:
            self._hurt.setdefault(job.id, (at, job.attempt))

    def _note_recovery(self, job: Job) -> None:
        """A hurt run that is in a later attempt and trains again has recovered."""
        if job.id not in self._hurt:
            return
        at, attempt = self._hurt[job.id]
        if job.is_over:  # the fault came too late to end anything
            del self._hurt[job.id]
        elif job.attempt > attempt:
            progress = read_progress(self._scene.settings.run_folder(job.id))
            if progress.phase not in ("", "data", "zero-shot") and (progress.updated or 0) > at:
                self._outcome.recoveries.append((progress.updated or 0) - at)
                del self._hurt[job.id]


def judge(peace: Line, storm: Line, outcome: Outcome) -> None:
    """Compare every run with its undisturbed twin."""
    for calm, hurt in zip(peace.jobs(), storm.jobs(), strict=True):
        outcome.attempts += hurt.attempt
        if hurt.state != "done":
            outcome.lost.append(f"{hurt.id}: {hurt.state}, {hurt.error}")
            continue
        if storm.finals(hurt) != 1:
            outcome.twice.append(hurt.id)
        if storm.weights(hurt) != peace.weights(calm):
            outcome.different.append(hurt.id)


def _summary(seconds: Sequence[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    return {
        "median": round(median(seconds), 1),
        "p95": round(quantiles(seconds, n=20, method="inclusive")[-1], 1),
        "max": round(max(seconds), 1),
        "n": len(seconds),
    }
