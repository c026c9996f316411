"""The end of every run: its classifier is measured, mixed with zero-shot, saved and recorded."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from core.data.fewshot import FewShotTask
from core.environment import Clock, environment
from core.errors import UserError
from core.evaluation.drift import measure_drift, no_drift, random_text_moment
from core.evaluation.evaluate import Measured, measure, predictions
from core.evaluation.frontier import measure_frontier
from core.evaluation.generalised import generalised
from core.evaluation.stress import measure_stress
from core.events import Evaluated, Event, Saved, Stage, Warned
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.heads import LinearHead
from core.models.weights import save_classifier
from core.records import Combined, DomainScore, Drift, RunRecord, Selection, StoppedEarly, WisePoint
from core.runs import RunFolder


@dataclass(frozen=True)
class Beginning:
    """What a run has before it has a classifier."""

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
    """The classifier of a run, and what the record says of how it was made."""

    classifier: Classifier | Ensemble
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    select: Callable[[Sequence[WisePoint]], Selection]
    """The choice of α, from the measured frontier."""
    steps: int
    """Of the optimiser."""
    step_seconds: float = 0.0
    """Their median duration."""
    images: int = 0
    """Training images that were looked at, over all epochs."""
    combined: Combined | None = None
    stopped_early: StoppedEarly | None = None


def conclude(
    begun: Beginning, made: Made, alphas: Iterable[float]
) -> Generator[Event, None, RunRecord]:
    """Measure on every domain and at every α, write weights, predictions and the record."""
    place, clip, task, clock = begun.place, begun.clip, begun.task, begun.clock
    with clock("evaluation_seconds"):
        end = measure(made.classifier, clip, task)
    evaluations = {"zero-shot": begun.start.evaluation, "fine-tuned": end.evaluation}
    # What takes no steps is still drawn after zero-shot.
    yield Evaluated("fine-tuned", max(made.steps, 1), end.evaluation.domains)
    points = yield from _frontier(begun, made.classifier, end, alphas)

    with clock("stress_seconds"):
        stress = _stress(begun, made)

    with clock("drift_seconds"):
        drift, problem = _drift(begun, made.classifier, end)
    if problem:
        yield Warned(problem)

    yield Stage("saving")
    save_classifier(place.weights_path, clip, made.classifier, begun.prototypes)
    yield Saved("weights", place.weights_path.name)
    predictions(begun.start, end, task.classes).write(place.predictions_path)
    yield Saved("predictions", place.predictions_path.name)
    record = RunRecord(
        run_id=place.run_id,
        config=dict(made.config),
        classes=list(task.classes),
        evaluations=evaluations,
        generalised=generalised(evaluations, task),
        wise=points,
        selection=made.select(points),
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


def _frontier(
    begun: Beginning, classifier: Classifier | Ensemble, end: Measured, alphas: Iterable[float]
) -> Generator[Event, None, list[WisePoint]]:
    clip = begun.clip
    if isinstance(classifier, Ensemble):  # has no weights of its own to mix: only its two ends
        zero_shot, alphas = clip.origin(next(iter(classifier)), begun.prototypes), ()
    else:
        zero_shot = clip.origin(classifier, begun.prototypes)
    yield Stage("wise", f"{len({0.0, 1.0, *alphas})} mixing weights")
    with begun.clock("wise_seconds"):
        ends, measured = (zero_shot, classifier), (begun.start.evaluation, end.evaluation)
        return (yield from measure_frontier(measured, ends, clip, begun.task, alphas))


def _stress(begun: Beginning, made: Made) -> dict[str, dict[str, DomainScore]]:
    """The synthetic stress set before and after, where it was asked for or nothing else is OOD."""
    clip, task = begun.clip, begun.task
    asked = made.config.get("stress")
    if asked is False or (asked is None and task.ood):
        return {}
    zero_shot = clip.with_head(LinearHead(begun.prototypes, clip.logit_scale))
    ends = {"zero-shot": zero_shot, "fine-tuned": made.classifier}
    return {name: measure_stress(end, clip, task) for name, end in ends.items()}


def _drift(
    begun: Beginning, classifier: Classifier | Ensemble, end: Measured
) -> tuple[dict[str, Drift], str]:
    """By domain, and what could not be measured."""
    clip, start = begun.clip, begun.start
    if isinstance(classifier, Ensemble):  # has no features to drift
        return {}, ""
    if clip.owns(classifier):
        return no_drift(start), ""
    try:
        return measure_drift(start, end, random_text_moment(clip), clip.logit_scale), ""
    except UserError as error:
        problem = f"The energy gap is left out. {error}"
        return measure_drift(start, end, None, clip.logit_scale), problem
