"""The end of every run: measures its classifier, mixes it with zero-shot, saves and records it."""

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.stress import EFFECTS
from core.errors import UserError
from core.evaluation.drift import measure_drift, no_drift, text_moment_along
from core.evaluation.evaluate import DetailedEvaluation, labels_of, measure_along, predictions
from core.evaluation.frontier import Frontier, alpha_grid
from core.evaluation.stress import stress_by_effect
from core.events import Advanced, Evaluated, Event, Recommended, Saved, Stage, Warned
from core.interpolation.steady import SteadyMix, fit_gate, trust_in_tuned, why_no_gate
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.heads import LinearHead
from core.models.weights import save_classifier
from core.results.grid import Grid
from core.results.paired import changes, mean_change
from core.results.records import (
    AccuracyChange,
    CombinationRecord,
    DomainScore,
    Drift,
    Evaluation,
    Generalised,
    MeanChange,
    Mixing,
    MixingKind,
    RunRecord,
    SeenUnseen,
    Selection,
    StoppedEarly,
)
from core.results.runs import RunFolder
from core.run.environment import Clock, environment

Counts = list[tuple[int, int]]


def seen_and_unseen(score: DomainScore, unseen: Collection[str]) -> Generalised | None:
    """S, U and H = 2SU/(S+U) of one domain, with every class of the task as a candidate.

    Xian et al., arXiv 1707.00600, average over classes (`macro`); Lipsum-FT (arXiv 2404.00860, B.3)
    only says "accuracy". None if one of the two sides has no images.
    """
    inside = [count for name, count in score.per_class.items() if name not in unseen]
    outside = [count for name, count in score.per_class.items() if name in unseen]
    if not inside or not outside:
        return None
    return Generalised(
        macro=_sides(_macro(inside), _macro(outside)), micro=_sides(_micro(inside), _micro(outside))
    )


def generalised(evaluations: Mapping[str, Evaluation], task: FewShotTask) -> dict[str, Generalised]:
    """The `test` score of every evaluation split in two; empty if every class is trained on."""
    found = {}
    for label, evaluation in evaluations.items():
        score = evaluation.domains.get("test")
        split = seen_and_unseen(score, task.unseen) if score else None
        if split:
            found[label] = split
    return found


def _macro(counts: Counts) -> float:
    return sum(correct / n for correct, n in counts) / len(counts)


def _micro(counts: Counts) -> float:
    return sum(correct for correct, _ in counts) / sum(n for _, n in counts)


def _sides(seen: float, unseen: float) -> SeenUnseen:
    total = seen + unseen
    return SeenUnseen(
        seen=seen, unseen=unseen, harmonic=2 * seen * unseen / total if total else 0.0
    )


@dataclass(frozen=True)
class Beginning:
    """The parts of a run that exist before its classifier."""

    place: RunFolder
    clip: ClipModel
    task: FewShotTask
    start: DetailedEvaluation
    """Zero-shot on every domain."""
    prototypes: Tensor
    """The unit zero-shot head `(C, D)`."""
    clock: Clock


@dataclass(frozen=True)
class RunOutcome:
    """The classifier of a run, and the facts about its making for the record."""

    classifier: Classifier | Ensemble
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    select: Callable[[Grid, MixingKind], Selection]
    """Chooses α from the results of every mixture on the validation images."""
    steps: int
    """Steps of the optimiser."""
    step_seconds: float = 0.0
    """Their median duration."""
    images: int = 0
    """Training images that were used, counted over all epochs."""
    combined: CombinationRecord | None = None
    stopped_early: StoppedEarly | None = None


def conclude(
    begun: Beginning, outcome: RunOutcome, alphas: Iterable[float]
) -> Generator[Event, None, RunRecord]:
    """Measure the classifier, choose how to mix it with zero-shot, report how good that is, then
    measure every other mixture; write weights, gate, predictions and the record.

    A user waits for the verdict, so it comes first: it needs only the zero-shot, the fine-tuned and
    the recommended classifier.
    """
    clip, task, clock = begun.clip, begun.task, begun.clock
    yield Stage("measuring")
    with clock("evaluation_seconds"):
        end = yield from measure_along(outcome.classifier, clip, task)
    # Charts place a combination, which takes no steps, after zero-shot at step 0.
    yield Evaluated("fine-tuned", max(outcome.steps, 1), end.evaluation.domains)
    choice = yield from _choose(begun, outcome, end, alphas)

    yield Stage("wise", f"{len(choice.frontier.alphas)} mixing weights")
    with clock("wise_seconds"):
        yield from choice.frontier.complete()

    with clock("stress_seconds"):
        stress = yield from _stress(begun, outcome)

    yield Stage("drift")
    with clock("drift_seconds"):
        drift, problem = yield from _drift(begun, outcome.classifier, end)
    if problem:
        yield Warned(problem)

    yield Stage("saving")
    ends = {"zero-shot": begun.start, "recommended": choice.recommended, "fine-tuned": end}
    yield from _save(begun, outcome.classifier, choice.frontier, ends)
    record = _record(begun, outcome, choice, ends, drift, stress)
    record.write(begun.place.record_path)
    yield Saved("record", begun.place.record_path.name)
    yield Stage("done")
    return record


@dataclass(frozen=True)
class _Choice:
    """The recommended mixture of a run, and its comparison with zero-shot."""

    frontier: Frontier
    why_not_steady: str
    by_kind: Mapping[MixingKind, Selection]
    mixing: Mixing
    recommended: DetailedEvaluation
    changes: Mapping[str, Mapping[str, AccuracyChange]]
    mean_changes: Mapping[str, MeanChange | None]


def _choose(
    begun: Beginning, outcome: RunOutcome, end: DetailedEvaluation, alphas: Iterable[float]
) -> Generator[Event, None, _Choice]:
    """Fit the gate, choose α on the validation images, and test the choice against zero-shot."""
    clock = begun.clock
    yield Stage("gate")
    with clock("gate_seconds"):
        steady, why_not_steady = _gate(begun, outcome.classifier, end)
        yield Advanced(1, 2)
        frontier = _frontier(begun, outcome.classifier, end, alphas, steady)
        yield Advanced(2, 2)
    yield Stage("choosing", f"{len(frontier.alphas)} mixing weights on validation")
    with clock("wise_seconds"):
        yield from frontier.validate()
        by_kind = {kind: outcome.select(frontier.grid(), kind) for kind in frontier.kinds}
        kind = frontier.kinds[-1]
        mixing = Mixing(kind=kind, alpha=by_kind[kind].alpha)
        recommended = frontier.at(mixing)
        yield Advanced(len(frontier.alphas) + 1, len(frontier.alphas) + 1)
        grid = frontier.grid()
    changed = {
        "recommended": _changes(grid, mixing),
        "fine-tuned": _changes(grid, Mixing.wise(1.0)),
    }
    mean_changes = {name: mean_change(found) for name, found in changed.items()}
    yield Recommended(
        mixing, recommended.evaluation.domains, changed["recommended"], mean_changes["recommended"]
    )
    return _Choice(frontier, why_not_steady, by_kind, mixing, recommended, changed, mean_changes)


def _record(
    begun: Beginning,
    outcome: RunOutcome,
    choice: _Choice,
    ends: Mapping[str, DetailedEvaluation],
    drift: dict[str, Drift],
    stress: dict[str, dict[str, DomainScore]],
) -> RunRecord:
    """The record of the run; the files that it lists must be written by now."""
    task, place = begun.task, begun.place
    evaluations = {name: measured.evaluation for name, measured in ends.items()}
    return RunRecord(
        run_id=place.run_id,
        config=dict(outcome.config),
        classes=list(task.classes),
        evaluations=evaluations,
        generalised=generalised(evaluations, task),
        wise=choice.frontier.points("wise"),
        selection=choice.by_kind["wise"],
        mixing=choice.mixing,
        steady=choice.frontier.steadiness(),
        why_not_steady=choice.why_not_steady,
        changes={name: dict(found) for name, found in choice.changes.items()},
        mean_changes={name: found for name, found in choice.mean_changes.items() if found},
        timing=begun.clock.timing(outcome.images, outcome.steps, outcome.step_seconds),
        environment=environment(begun.clip),
        files=place.files(),
        drift=drift,
        stress=stress,
        data=dict(outcome.data),
        combined=outcome.combined,
        stopped_early=outcome.stopped_early,
    )


def _save(
    begun: Beginning,
    classifier: Classifier | Ensemble,
    frontier: Frontier,
    ends: Mapping[str, DetailedEvaluation],
) -> Iterator[Event]:
    """Write everything except the record, which comes last: its presence means that all is
    there.
    """
    place = begun.place
    save_classifier(place.weights_path, begun.clip, classifier, begun.prototypes)
    yield Saved("weights", place.weights_path.name)
    if frontier.steady:
        frontier.steady.write(place.gate_path)
        yield Saved("gate", place.gate_path.name)
    said = {name: measured.logits for name, measured in ends.items()}
    predictions(said, begun.start, begun.task.classes).write(place.predictions_path)
    yield Saved("predictions", place.predictions_path.name)
    frontier.grid().write(place.grid_path)
    yield Saved("grid", place.grid_path.name)


def _gate(
    begun: Beginning, classifier: Classifier | Ensemble, end: DetailedEvaluation
) -> tuple[SteadyMix | None, str]:
    """The gate of a run, or the reason why it has none."""
    clip, task = begun.clip, begun.task
    if problem := why_no_gate(classifier, clip, task):
        return None, problem
    gate, calibrated_on = fit_gate(clip, task)
    val = begun.start.domains.get("val", ())
    before, after = (m.by_domain(m.logits).get("val", m.logits[:0]) for m in (begun.start, end))
    unfamiliar, evidence = trust_in_tuned(before, after, labels_of(val))
    return SteadyMix(gate, unfamiliar, {}, clip.fingerprint, evidence, calibrated_on), ""


def _frontier(
    begun: Beginning,
    classifier: Classifier | Ensemble,
    end: DetailedEvaluation,
    alphas: Iterable[float],
    steady: SteadyMix | None,
) -> Frontier:
    clip = begun.clip
    if isinstance(classifier, Ensemble):  # its weights cannot be mixed: it has only two ends
        zero_shot, alphas = clip.origin(next(iter(classifier)), begun.prototypes), ()
    else:
        zero_shot = clip.origin(classifier, begun.prototypes)
    return Frontier(
        begun.start,
        end,
        (zero_shot, classifier),
        clip,
        begun.task,
        alpha_grid(alphas),
        steady,
        calibrate=True,
    )


def _changes(grid: Grid, mixing: Mixing) -> dict[str, AccuracyChange]:
    """A mixture compared with zero-shot, which is α = 0."""
    names = [n for kind, alpha, n in grid.rows if (kind, alpha) == (mixing.kind, mixing.alpha)]
    before = {name: grid.of("wise", 0.0, name).hits for name in names}
    after = {name: grid.of(mixing.kind, mixing.alpha, name).hits for name in names}
    return changes(before, after)


def _stress(
    begun: Beginning, outcome: RunOutcome
) -> Generator[Event, None, dict[str, dict[str, DomainScore]]]:
    """The synthetic stress set before and after training, on request or if there is no other OOD
    domain.
    """
    clip, task = begun.clip, begun.task
    asked = outcome.config.get("stress")
    if asked is False or (asked is None and task.ood):
        return {}
    zero_shot = clip.with_head(LinearHead(begun.prototypes, clip.logit_scale))
    ends = {"zero-shot": zero_shot, "fine-tuned": outcome.classifier}
    yield Stage("stress")
    found: dict[str, dict[str, DomainScore]] = {name: {} for name in ends}
    for number, (name, end) in enumerate(ends.items()):
        for effect, one in stress_by_effect(end, clip, task):
            found[name][effect] = one
            yield Advanced(number * len(EFFECTS) + len(found[name]), len(ends) * len(EFFECTS))
    return found


def _drift(
    begun: Beginning, classifier: Classifier | Ensemble, end: DetailedEvaluation
) -> Generator[Event, None, tuple[dict[str, Drift], str]]:
    """The drift by domain, and a sentence about what could not be measured."""
    clip, start = begun.clip, begun.start
    if isinstance(classifier, Ensemble):  # has no features to drift
        return {}, ""
    if clip.owns(classifier):
        return no_drift(start), ""
    moment, problem = None, ""
    try:
        moment = yield from text_moment_along(clip)
    except UserError as error:
        problem = f"The energy gap is left out. {error}"
    return measure_drift(start, end, moment, clip.logit_scale), problem
