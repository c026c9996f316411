"""Running a plan: the learning rate of every method searched on validation, then every trial at
every seed. Resumes where it was stopped.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.events import Event, Stage
from core.methods import METHODS
from core.models import zoo
from core.models.clip import ClipModel
from core.results.records import RunRecord
from core.results.runs import RunFolder
from core.run.asked import complete_combination
from core.run.combine import combine
from core.run.pipeline import run
from core.training.settings import LoopParams
from tests.bench.methods.trials import ALPHAS, Trial

SEARCHED = (1 / 3, 1.0, 3.0)
"""Multiples of a method's own learning rate that are tried: the same three for every method."""


@dataclass(frozen=True)
class Result:
    """A trial and its runs, one a seed."""

    trial: Trial
    records: tuple[RunRecord, ...]
    folders: tuple[RunFolder, ...] = ()
    """Where each lies, with what it said of every image."""


@dataclass(frozen=True)
class Plan:
    """Which trials of which experiments, on what data, and where the run folders lie."""

    data: Path
    experiments: Mapping[str, Sequence[Trial]]
    seeds: tuple[int, ...]
    folder: Path
    model: str = "embedded"
    search: bool = False
    """Give every method the learning rate that is best on validation, not its default."""
    alphas: tuple[float, ...] = ALPHAS
    """The mixing weights that every run is measured at."""
    finished: bool = False
    """Run nothing: leave out the trials of which a run is missing."""

    def run(self, cache: Path | None) -> Generator[Event, None, dict[str, list[Result]]]:
        """All trials, an experiment after the other. A finished run is read, not run again."""
        runner = _Runner(self, cache)
        results: dict[str, list[Result]] = {}
        for experiment, trials in self.experiments.items():
            results[experiment] = []
            for trial in trials:
                places = []
                try:
                    for seed in self.seeds:
                        places.append((yield from runner.once(trial, seed)))
                except _Unfinished:
                    continue
                records = tuple(place.record() for place in places)
                results[experiment].append(Result(trial, records, tuple(places)))
        return {experiment: found for experiment, found in results.items() if found}

    @property
    def most_shots(self) -> int:
        """Where the rates are searched."""
        return max(trial.shots for trials in self.experiments.values() for trial in trials)


class _Unfinished(Exception):
    """A run is missing, and none is to be run."""


class _Runner:
    """Runs trials and what they stand on; remembers the rates that were chosen."""

    def __init__(self, plan: Plan, cache: Path | None) -> None:
        self._plan = plan
        self._cache = cache
        self._clip: ClipModel = zoo.load(plan.model)
        self._chosen: dict[str, float | None] = {}

    def once(self, trial: Trial, seed: int) -> Generator[Event, None, RunFolder]:
        """The finished run of one trial at one seed."""
        if trial.over:
            return (yield from self._combined(trial, seed))
        rate = yield from self._rate(trial.method)
        if rate is not None:
            trial = replace(trial, params={"lr": rate, **trial.params})
        lent: dict[str, Any] = {}
        if trial.backbone:
            lender = Trial(trial.backbone, trial.backbone, shots=trial.shots)
            lent["backbone"] = str((yield from self.once(lender, seed)).path)
        place = self._place(trial, seed)
        if self._is_missing(place):
            yield Stage("run", place.run_id)
            data = self._plan.folder / trial.data if trial.data else self._plan.data
            config = trial.config(str(data), self._plan.model, seed, self._plan.alphas, **lent)
            yield from run(config, place.path, self._cache)
        return place

    def _combined(self, trial: Trial, seed: int) -> Generator[Event, None, RunFolder]:
        """An interpolator over finished runs."""
        assert trial.over
        rates = self._rates(trial.over) if trial.pool else [None]
        members = []
        for rate in rates:
            params = {} if rate is None else {"lr": rate}
            member = Trial(trial.over, trial.over, params, trial.shots)
            members.append((yield from self.once(member, seed)).path)
        place = self._place(trial, seed)
        if self._is_missing(place):
            yield Stage("run", place.run_id)
            config = complete_combination(
                trial.method, members, trial.params, alphas=self._plan.alphas
            )
            yield from combine(config, place.path, self._cache)
        return place

    def _rate(self, method: str) -> Generator[Event, None, float | None]:
        """The rate with the best validation accuracy (of equals the likeliest) at the first seed
        and the most shots; None for a method without one, or where nothing is searched.
        """
        if method not in self._chosen:
            self._chosen[method] = None  # the trials of the search name their own rate
            tried = []
            for rate in self._rates(method) if self._plan.search else ():
                trial = Trial(method, method, {"lr": rate}, self._plan.most_shots)
                place = yield from self.once(trial, self._plan.seeds[0])
                val = place.record().evaluations["fine-tuned"].domains.get("val")
                tried.append((-val.accuracy if val else 0.0, val.nll if val else 0.0, rate))
            if tried:
                self._chosen[method] = min(tried)[2]
        return self._chosen[method]

    def _rates(self, method: str) -> list[float]:
        """The rates that are tried; none for a method without a learning rate."""
        own = own_rate(method, self._clip)
        return [float(f"{own * factor:.2g}") for factor in SEARCHED] if own else []

    def _is_missing(self, place: RunFolder) -> bool:
        if place.record_path.exists():
            return False
        if self._plan.finished:
            raise _Unfinished
        return True

    def _place(self, trial: Trial, seed: int) -> RunFolder:
        return RunFolder((self._plan.folder / trial.folder(seed)).absolute())


def own_rate(method: str, clip: ClipModel) -> float | None:
    """The learning rate that a method takes by itself; None for one without."""
    params = METHODS[method].Params
    return params().resolved(clip).lr if issubclass(params, LoopParams) else None


def default_rate(model: str) -> Callable[[str], float | None]:
    """The same for a model by its name."""
    clip = zoo.load(model)
    return lambda method: own_rate(method, clip)
