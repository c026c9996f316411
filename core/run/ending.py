"""The end of every run: measures its classifier, mixes it with zero-shot, saves and records it."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from core.data.fewshot import FewShotTask
from core.data.stress import EFFECTS
from core.errors import UserError
from core.evaluation.drift import measure_drift, no_drift, text_moment_along
from core.evaluation.evaluate import Measured, labels_of, measure_along, predictions
from core.evaluation.frontier import Frontier, alpha_grid
from core.evaluation.generalised import generalised
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
    Mixing,
    MixingKind,
    RunRecord,
    Selection,
    StoppedEarly,
)
from core.results.runs import RunFolder
from core.run.environment import Clock, environment


@dataclass(frozen=True)
class Beginning:
    """The parts of a run that exist before its classifier."""

    place: RunFolder
    clip: ClipModel
    task: FewShotTask
    start: Measured
    """Zero-shot on every domain."""
    prototypes: Tensor
    """The unit zero-shot head `(C, D)`."""
    clock: Clock


@dataclass(frozen=True)
class Made:
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
    begun: Beginning, made: Made, alphas: Iterable[float]
) -> Generator[Event, None, RunRecord]:
    """Measure the classifier, choose how to mix it with zero-shot, say how that does, then measure
    every other mixture; write weights, gate, predictions and the record.

    What a person waits for comes first: the verdict needs zero-shot, tuned and recommended alone.
    """
    place, clip, task, clock = begun.place, begun.clip, begun.task, begun.clock
    yield Stage("measuring")
    with clock("evaluation_seconds"):
        end = yield from measure_along(made.classifier, clip, task)
    # What takes no steps is still drawn after zero-shot.
    yield Evaluated("fine-tuned", max(made.steps, 1), end.evaluation.domains)

    yield Stage("gate")
    with clock("gate_seconds"):
        steady, why_not_steady = _gate(begun, made.classifier, end)
        yield Advanced(1, 2)
        frontier = _frontier(begun, made.classifier, end, alphas, steady)
        yield Advanced(2, 2)
    yield Stage("choosing", f"{len(frontier.alphas)} mixing weights on validation")
    with clock("wise_seconds"):
        yield from frontier.validate()
        by_kind = {kind: made.select(frontier.grid(), kind) for kind in frontier.kinds}
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

    yield Stage("wise", f"{len(frontier.alphas)} mixing weights")
    with clock("wise_seconds"):
        yield from frontier.complete()

    with clock("stress_seconds"):
        stress = yield from _stress(begun, made)

    yield Stage("drift")
    with clock("drift_seconds"):
        drift, problem = yield from _drift(begun, made.classifier, end)
    if problem:
        yield Warned(problem)

    yield Stage("saving")
    ends = {"zero-shot": begun.start, "recommended": recommended, "fine-tuned": end}
    yield from _save(begun, made.classifier, frontier, ends)
    evaluations = {name: measured.evaluation for name, measured in ends.items()}
    record = RunRecord(
        run_id=place.run_id,
        config=dict(made.config),
        classes=list(task.classes),
        evaluations=evaluations,
        generalised=generalised(evaluations, task),
        wise=frontier.points("wise"),
        selection=by_kind["wise"],
        mixing=mixing,
        steady=frontier.steadiness(),
        why_not_steady=why_not_steady,
        changes=changed,
        mean_changes={name: found for name, found in mean_changes.items() if found},
        timing=clock.timing(made.images, made.steps, made.step_seconds),
        environment=environment(clip),
        files=place.files(),
        drift=drift,
        stress=stress,
        data=dict(made.data),
        combined=made.combined,
        stopped_early=made.stopped_early,
    )
    record.write(place.record_path)
    yield Saved("record", place.record_path.name)
    yield Stage("done")
    return record


def _save(
    begun: Beginning,
    classifier: Classifier | Ensemble,
    frontier: Frontier,
    ends: Mapping[str, Measured],
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
    begun: Beginning, classifier: Classifier | Ensemble, end: Measured
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
    end: Measured,
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
    begun: Beginning, made: Made
) -> Generator[Event, None, dict[str, dict[str, DomainScore]]]:
    """The synthetic stress set before and after training, on request or if there is no other OOD
    domain.
    """
    clip, task = begun.clip, begun.task
    asked = made.config.get("stress")
    if asked is False or (asked is None and task.ood):
        return {}
    zero_shot = clip.with_head(LinearHead(begun.prototypes, clip.logit_scale))
    ends = {"zero-shot": zero_shot, "fine-tuned": made.classifier}
    yield Stage("stress")
    found: dict[str, dict[str, DomainScore]] = {name: {} for name in ends}
    for number, (name, end) in enumerate(ends.items()):
        for effect, one in stress_by_effect(end, clip, task):
            found[name][effect] = one
            yield Advanced(number * len(EFFECTS) + len(found[name]), len(ends) * len(EFFECTS))
    return found


def _drift(
    begun: Beginning, classifier: Classifier | Ensemble, end: Measured
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
