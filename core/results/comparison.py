"""Compares finished runs: intervals, paired tests, settings, drift. Reads only their folders.

Imports no torch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import Field, field_serializer

from core.errors import UserError
from core.params import JsonObject
from core.results.paired import PairedComparison, pair
from core.results.predictions import Predictions
from core.results.records import (
    AccuracyChange,
    DomainScore,
    Drift,
    Evaluation,
    GroupScore,
    Json,
    MeanChange,
    Mixing,
    RunRecord,
)
from core.results.robustness import (
    BaselineFit,
    Measurement,
    ModelPoint,
    fit_baselines,
    pearson,
    relative_accuracy,
)
from core.results.runs import RunFolder
from core.results.standing import FINE_TUNED as AS_TUNED
from core.results.standing import inside, mean


@dataclass(frozen=True)
class TrainingCost:
    """Training time as a multiple of another run's; 1 means equal."""

    per_step: float | None
    """Time per optimiser step; None if one run has no steps, or its record is too old to say."""
    total: float | None
    """Time of the whole training; None if the other run took no time."""


def training_cost(timing: Mapping[str, float], baseline: Mapping[str, float]) -> TrainingCost:
    """The cost of a run relative to a baseline, from the `timing` of both records.

    Compare only runs on the same idle machine, with the same model and batch size. A run that finds
    the frozen tower's features in the cache saves the time that the first run spent on them.
    """
    total, other = timing.get("train_seconds", 0.0), baseline.get("train_seconds", 0.0)
    steps, other_steps = timing.get("steps", 0.0), baseline.get("steps", 0.0)
    per_step = None
    if other and steps and other_steps:
        per_step = (total / steps) / (other / other_steps)
    return TrainingCost(per_step, total / other if other else None)


RECOMMENDED, FINE_TUNED = "recommended", "fine-tuned"
FEWEST_BASELINES = 3
"""Two points always give a line, but its direction would be chance."""

FEWEST_CORRELATED = 3


class AccuracySpread(Json):
    """A mean accuracy with its 95 % interval."""

    n: int
    accuracy: float
    low: float
    high: float
    classes_all: int | None = None
    classes_present: int | None = None
    accuracy_own: float | None = None


class BothMeans(Json):
    """ID and mean OOD accuracy; None where unknown."""

    id: float | None
    ood: float | None


class ChosenAlpha(BothMeans):
    """The α that the run chose for one set of weights, with its accuracies."""

    alpha: float


class MeanDrift(Json):
    """Unweighted means of the drift over domains."""

    energy_gap: float | None
    distortion: float


class ComparedRun(Json):
    """One run of a comparison, at its recommended mixing."""

    name: str
    folder: str
    method: str
    end: str
    """The evaluation that is compared: `recommended`, or `fine-tuned` in older records."""
    mixing: Mixing
    id: AccuracySpread
    ood: AccuracySpread | None
    domains: dict[str, DomainScore]
    changes: dict[str, AccuracyChange]
    """Changes from zero-shot on the same images."""
    mean_change: MeanChange | None
    fine_tuned: BothMeans
    worst_group: GroupScore | None
    chosen: ChosenAlpha
    drift: dict[str, Drift]
    drift_ood: MeanDrift | None
    relative_accuracy: float | None
    effective_robustness: float | None
    cost: TrainingCost | None

    @field_serializer("domains")
    def _without_classes(self, domains: dict[str, DomainScore]) -> JsonObject:
        return {
            name: score.model_dump(mode="json", exclude={"per_class"})
            for name, score in domains.items()
        }


class RunPairing(Json):
    """A later run compared with the first, on the images that both measured."""

    run: str
    against: str
    problem: str | None
    """The reason why there is no comparison; None if there is one."""
    domains: dict[str, PairedComparison]
    """By domain; `id` and `ood` are pooled over images."""

    @field_serializer("domains")
    def _with_verdict(self, domains: dict[str, PairedComparison]) -> JsonObject:
        return {name: {**asdict(one), "verdict": one.verdict} for name, one in domains.items()}


class BaselineLine(Json):
    """The line of effective robustness, and the runs that it is fitted over."""

    slope: float
    intercept: float
    models: int
    runs: list[str]


class RunsComparison(Json):
    """Two or more finished runs side by side."""

    schema_version: int = Field(1, alias="schema")
    runs: list[ComparedRun]
    paired: list[RunPairing]
    """Every later run with the first."""
    differences: dict[str, list[Any]]
    """Settings that differ, one value per run."""
    gap_correlation: dict[str, float | None]
    baselines: BaselineLine | None
    notes: list[str]


def compare_runs(runs: Sequence[RunFolder], baselines: Sequence[RunFolder] = ()) -> RunsComparison:
    """Compares two or more runs, each at its recommended mixing. The first run is the reference.

    `runs`: one row per run, with `changes` from zero-shot on the same images. `paired`: every later
    run compared with the first on the images that both measured. Its `p_holm` is corrected over the
    domains of this pair; its `id` and `ood` are pooled over images, while `ood` of a row is the
    mean over domains. `differences`: settings that differ, one value per run. `baselines`: the line
    of effective robustness, fitted over the fine-tuned weights of three or more other runs.
    `gap_correlation`: see the function.

    A run of an older version did not keep its recommended mixing. Its fine-tuned weights are used
    instead, and a note says so. Raises `UserError` if something is missing.
    """
    if len(runs) < 2:
        raise UserError("compare: two or more runs are needed, got one. Name another.")
    if 0 < len(baselines) < FEWEST_BASELINES:
        raise UserError(
            f"baseline: at least {FEWEST_BASELINES} runs are needed for a meaningful "
            f"line, got {len(baselines)}. Name more, or none."
        )
    records = [folder.record() for folder in runs]
    names = names_of(runs)
    plain = [point_of(folder.record(), FINE_TUNED) for folder in baselines]
    fit = fit_baselines(plain) if plain else None
    return RunsComparison(
        runs=[
            _row(name, folder, record, fit, _plain(records))
            for name, folder, record in zip(names, runs, records, strict=True)
        ],
        paired=[
            _paired(runs[0], folder, (end_of(records[0]), end_of(record)))
            for folder, record in zip(runs[1:], records[1:], strict=True)
        ],
        differences=differences(records),
        gap_correlation=gap_correlation(records),
        baselines=None if fit is None else BaselineLine(**asdict(fit), runs=names_of(baselines)),
        notes=_notes(records, names),
    )


def names_of(folders: Sequence[RunFolder]) -> list[str]:
    """The name of each run: its id, or its path if two runs have the same id."""
    ids = [folder.run_id for folder in folders]
    return [
        run_id if ids.count(run_id) == 1 else str(folder.path)
        for run_id, folder in zip(ids, folders, strict=True)
    ]


def end_of(record: RunRecord) -> str:
    """The evaluation of a run that is compared: the recommended one if it was kept."""
    return RECOMMENDED if RECOMMENDED in record.evaluations else FINE_TUNED


def mixing_of(record: RunRecord) -> Mixing:
    """The mixing of that end."""
    return record.mixing if end_of(record) == RECOMMENDED else AS_TUNED


def point_of(record: RunRecord, end: str) -> ModelPoint:
    """ID and mean OOD accuracy of one end, each with its number of images."""
    evaluation = record.evaluations[end]
    if evaluation.ood is None:
        raise UserError(
            f"effective robustness: run {record.run_id} has no OOD images. "
            "Leave it out, or measure on data with an ood folder."
        )
    reference = sum(score.n for score in inside(evaluation.domains))
    shift = sum(score.n for score in ood_scores(evaluation))
    return ModelPoint(Measurement(evaluation.id, reference), Measurement(evaluation.ood, shift))


def ood_scores(evaluation: Evaluation) -> list[DomainScore]:
    """The scores of the OOD domains; `Evaluation.ood` is their mean."""
    return [s for name, s in evaluation.domains.items() if name.startswith("ood/")]


def differences(records: Sequence[RunRecord]) -> dict[str, list[Any]]:
    """Settings that differ between the runs, by dotted name; None if a run lacks the setting."""
    flat = [_flat(record.config) for record in records]
    names = dict.fromkeys(name for config in flat for name in config)
    values = {name: [config.get(name) for config in flat] for name in names}
    return {name: row for name, row in values.items() if any(one != row[0] for one in row)}


def gap_correlation(records: Sequence[RunRecord]) -> dict[str, float | None]:
    """By OOD domain: the correlation, over the runs, of energy gap and relative accuracy. Both are
    of the fine-tuned weights.

    Pearson's coefficient as in Lipsum-FT, arXiv 2404.00860 Fig. 4. With fewer than three runs it is
    always ±1, so it is left out.
    """
    found: dict[str, float | None] = {}
    for name in dict.fromkeys(name for record in records for name in record.drift):
        pairs = [_gap_and_relative(record, name) for record in records]
        known = [one for one in pairs if one is not None]
        if name.startswith("ood/") and len(known) >= FEWEST_CORRELATED:
            found[name] = pearson(*zip(*known, strict=True))
    return found


def _gap_and_relative(record: RunRecord, domain: str) -> tuple[float, float] | None:
    drift, evaluation = record.drift.get(domain), record.evaluations[FINE_TUNED]
    shift = evaluation.domains.get(domain)
    if drift is None or drift.energy_gap is None or shift is None or not evaluation.id:
        return None
    return drift.energy_gap, shift.accuracy / evaluation.id


def _flat(config: Mapping[str, Any]) -> Mapping[str, Any]:
    params = {f"params.{name}": value for name, value in config["params"].items()}
    return {name: value for name, value in config.items() if name != "params"} | params


def _row(
    name: str,
    folder: RunFolder,
    record: RunRecord,
    fit: BaselineFit | None,
    plain: RunRecord | None,
) -> ComparedRun:
    end = end_of(record)
    evaluation, tuned = record.evaluations[end], record.evaluations[FINE_TUNED]
    ood = ood_scores(evaluation)
    chosen = next((p for p in record.wise if p.alpha == record.selection.alpha), None)
    point = point_of(record, end) if ood else None
    return ComparedRun(
        name=name,
        folder=str(folder.path),
        method=record.config["method"],
        end=end,
        mixing=mixing_of(record),
        id=_spread(evaluation.id, inside(evaluation.domains)),
        ood=_spread(evaluation.ood, ood) if evaluation.ood is not None else None,
        domains=evaluation.domains,
        changes=record.changes.get(end, {}),
        mean_change=record.mean_changes.get(end),
        fine_tuned=BothMeans(id=tuned.id, ood=tuned.ood),
        worst_group=evaluation.worst_group,
        chosen=ChosenAlpha(
            alpha=record.selection.alpha,
            id=chosen.id if chosen else None,
            ood=chosen.ood if chosen else None,
        ),
        drift=record.drift,
        drift_ood=_mean_drift(record),
        relative_accuracy=relative_accuracy(point) if point else None,
        effective_robustness=fit.effective_robustness(point) if fit and point else None,
        cost=training_cost(record.timing, plain.timing) if plain else None,
    )


def _spread(accuracy: float, scores: Sequence[DomainScore]) -> AccuracySpread:
    return AccuracySpread(**{**asdict(mean(scores)), "accuracy": accuracy})


def _mean_drift(record: RunRecord) -> MeanDrift | None:
    """Unweighted means over the OOD domains, or over all domains if there are none."""
    ood = [drift for name, drift in record.drift.items() if name.startswith("ood/")]
    measured = ood or list(record.drift.values())
    if not measured:
        return None
    gaps = [drift.energy_gap for drift in measured if drift.energy_gap is not None]
    return MeanDrift(
        energy_gap=sum(gaps) / len(gaps) if gaps else None,
        distortion=sum(drift.distortion for drift in measured) / len(measured),
    )


def _plain(records: Sequence[RunRecord]) -> RunRecord | None:
    """The plain fine-tuning run that costs are relative to."""
    return next((record for record in records if record.config["method"] == "ft"), None)


def _paired(first: RunFolder, second: RunFolder, ends: tuple[str, str]) -> RunPairing:
    problem: str | None = None
    found: dict[str, PairedComparison] = {}
    try:
        ours = Predictions.read(first.predictions_path)
        theirs = Predictions.read(second.predictions_path)
        found = pair(ours, theirs, ends)
    except UserError as error:
        problem = str(error)
    else:
        problem = None if found else "No image was measured by both runs under the same class."
    return RunPairing(run=str(second.path), against=str(first.path), problem=problem, domains=found)


def _notes(records: Sequence[RunRecord], names: Sequence[str]) -> list[str]:
    notes = []
    older = [n for n, r in zip(names, records, strict=True) if end_of(r) != RECOMMENDED]
    if older:
        notes.append(
            "Older runs did not keep their recommended mixing, so they are compared by their "
            f"fine-tuned weights (α = 1): {', '.join(older)}."
        )
    if any(record.classes != records[0].classes for record in records):
        notes.append("The runs have different classes: their accuracies are not comparable.")
    counts = [{name: s.n for name, s in r.evaluations[end_of(r)].domains.items()} for r in records]
    if any(count != counts[0] for count in counts):
        notes.append("The runs were measured on different images: use only the paired tests.")
    if len({record.environment.get("device_name") for record in records}) > 1:
        notes.append("The runs were trained on different devices: their costs are not comparable.")
    return notes
