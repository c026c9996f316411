"""Running a plan: the learning rate of every method searched on validation, then every trial at
every seed. Resumes where it was stopped.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.benchmark.trials import Trial
from core.events import Event, Stage
from core.methods import find
from core.models import zoo
from core.models.clip import ClipModel
from core.pipeline import run
from core.records import RunRecord
from core.runs import RunFolder
from core.training.settings import LoopParams

SEARCHED = (1 / 3, 1.0, 3.0)
"""Multiples of a method's own learning rate that are tried: the same three for every method."""


@dataclass(frozen=True)
class Result:
    """A trial and its runs, one a seed."""

    trial: Trial
    records: tuple[RunRecord, ...]


@dataclass(frozen=True)
class Plan:
    """Which trials of which experiments, on what data, and where the run folders lie."""

    data: Path
    experiments: Mapping[str, Sequence[Trial]]
    seeds: tuple[int, ...]
    folder: Path
    model: str = "embedded"
    search: bool = True

    def run(self, cache: Path | None) -> Generator[Event, None, dict[str, list[Result]]]:
        """All trials, an experiment after the other. A finished run is read, not run again."""
        clip = zoo.load(self.model)
        rates: dict[str, float] = {}
        results: dict[str, list[Result]] = {}
        for experiment, trials in self.experiments.items():
            results[experiment] = []
            for trial in trials:
                for method in filter(None, (trial.method, trial.backbone)):
                    if self.search and method not in rates:
                        rates |= yield from self._searched(method, clip, cache)
                records = []
                for seed in self.seeds:
                    records.append((yield from self._once(trial, seed, rates, cache)))
                results[experiment].append(Result(trial, tuple(records)))
        return results

    def _searched(
        self, method: str, clip: ClipModel, cache: Path | None
    ) -> Generator[Event, None, dict[str, float]]:
        """{method: rate} with the best validation accuracy (of equals the likeliest) at the first
        seed and the most shots; empty for a method without a learning rate.
        """
        shots = max(trial.shots for trials in self.experiments.values() for trial in trials)
        found = find(method)
        if not issubclass(found.Params, LoopParams):
            return {}
        own = found.Params().resolved(clip).lr or 0.0
        tried = []
        for factor in SEARCHED:
            rate = float(f"{own * factor:.2g}")
            trial = Trial(method, method, {"lr": rate}, shots)
            record = yield from self._once(trial, self.seeds[0], {}, cache)
            val = record.evaluations["fine-tuned"].domains.get("val")
            tried.append((-val.accuracy if val else 0.0, val.nll if val else 0.0, rate))
        return {method: min(tried)[2]}

    def _once(
        self, trial: Trial, seed: int, rates: Mapping[str, float], cache: Path | None
    ) -> Generator[Event, None, RunRecord]:
        if trial.method in rates:
            trial = replace(trial, params={"lr": rates[trial.method], **trial.params})
        lent: dict[str, Any] = {}
        if trial.backbone:
            lender = Trial(trial.backbone, trial.backbone, shots=trial.shots)
            yield from self._once(lender, seed, rates, cache)
            lent["backbone"] = str(self._place(lender, seed, rates).path)
        place = self._place(trial, seed, rates)
        if place.record_path.exists():
            return place.record()
        yield Stage("run", place.run_id)
        data = self.folder / trial.data if trial.data else self.data
        config = trial.config(str(data), self.model, seed, **lent)
        return (yield from run(config, place.path, cache))

    def _place(self, trial: Trial, seed: int, rates: Mapping[str, float]) -> RunFolder:
        if trial.method in rates and "lr" not in trial.params:
            trial = replace(trial, params={"lr": rates[trial.method], **trial.params})
        return RunFolder((self.folder / trial.folder(seed)).absolute())
