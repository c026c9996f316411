"""Combines finished runs into a new one: a soup, an ensemble, WiSE-FT, VRF. Yields events."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from core.data.fewshot import FewShotTask
from core.data.health.copies import leaks_noted
from core.data.kept_task import KeptTask, kept_task, shared_task
from core.errors import UserError
from core.evaluation.evaluate import domains_of, measure_along
from core.events import Evaluated, Event, Stage, Step, Warned
from core.interpolation import Combination, Interpolator, Member, find
from core.interpolation.held_out import HeldOut
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.vrf import VrfEnsemble
from core.models.weights import load_classifiers, load_prototypes
from core.results.records import (
    ChosenOn,
    CombinationRecord,
    CombinedConfig,
    Ingredient,
    RunRecord,
    Selection,
)
from core.results.runs import RunFolder
from core.run.asked import fitting
from core.run.ending import Beginning, RunOutcome, conclude
from core.run.environment import Clock
from core.run.finished import load_clip

ORACLE = "This was chosen on the test images (oracle), so its test accuracy is not honest."


def combine(
    config: CombinedConfig, folder: Path, cache: Path | None = None
) -> Generator[Event, None, RunRecord]:
    """Combine the runs as `config` says (see `complete_combination`), and write a run folder like
    any other.

    In its evaluations `fine-tuned` is the combination. α is 1, the combination itself: if it was
    fitted to validation images, these cannot choose again. Closing the generator cancels.
    """
    clock = Clock()
    place = RunFolder(folder)
    sources = [RunFolder(Path(member)) for member in config.members]
    records = fitting(sources)
    interpolator = _interpolator(config)
    place.create(config)

    yield Stage("data", config.data)
    with clock("data_seconds"):
        kept = [KeptTask.read(source.task_path) for source in sources]
        task = shared_task(kept_task(kept[0], Path(records[0].config["data"]), cache), kept)
        kept[0].now(task, kept).write(place.task_path)
    leaks = [note for record in records for note in leaks_noted(record.data.get("notes", ()))]
    notes = [*dict.fromkeys(leaks), *task.notes, *_warnings(interpolator, records)]
    for note in notes:
        yield Warned(note)

    yield Stage("zero-shot", config.model)
    with clock("zero_shot_seconds"):
        clip = load_clip(records[0], cache, config.device)
        members = [_member(source, clip) for source in sources]
        interpolator.check(members, task)
        zero_shot = members[0].zero_shot
        start = yield from measure_along(zero_shot, clip, task)
    before = start.evaluation
    yield Evaluated("zero-shot", 0, before.domains)

    yield Stage("training", f"{config.method} of {len(members)} run(s)")
    with clock("evaluation_seconds"):
        members = _measured(members, clip, task)
    combination, steps = yield from _timed(interpolator.combine(members, clip, task), clock)
    chosen_on = _chosen_on(combination.chosen_on or interpolator.chosen_on, records)
    if chosen_on == "oracle":
        notes.append(ORACLE)
        yield Warned(ORACLE)
    prototypes = load_prototypes(sources[0].weights_path)
    begun = Beginning(place, clip, task, start, prototypes, clock)
    ingredients = [
        Ingredient(
            run_id=member.name,
            path=str(source.path),
            method=record.config["method"],
            val=member.accuracy,
            share=share,
        )
        for member, source, record, share in zip(
            members, sources, records, combination.shares, strict=True
        )
    ]
    outcome = RunOutcome(
        combination.classifier,
        config=config.model_dump(mode="json"),
        data={**records[0].data, "counts": _counts(task), "notes": notes},
        select=lambda _grid, _kind: _as_it_is(chosen_on),
        steps=steps,
        combined=CombinationRecord(
            members=ingredients,
            chosen_on=chosen_on,
            facts=dict(combination.facts),
        ),
    )
    return (yield from conclude(begun, outcome, config.alphas))


def _as_it_is(chosen_on: ChosenOn) -> Selection:
    """α = 1: a combination that was fitted to validation images cannot be chosen on them again."""
    return Selection(
        checkpoint=f"combined on {chosen_on}",
        alpha=1.0,
        alpha_chosen_on="oracle" if chosen_on == "oracle" else "fixed",
    )


def _measured(members: Sequence[Member], clip: ClipModel, task: FewShotTask) -> list[Member]:
    """The members with their accuracy on the validation images that they have in common."""
    if not task.val:
        return [*members]
    held_out = HeldOut(clip, task, "val")
    return [replace(member, accuracy=held_out.accuracy(member.load())) for member in members]


def _timed(
    combining: Generator[Event, None, Combination], clock: Clock
) -> Generator[Event, None, tuple[Combination, int]]:
    """Passes on its events; returns its result and the number of steps."""
    steps = 0
    while True:
        try:
            with clock("train_seconds"):
                event = next(combining)
        except StopIteration as stop:
            return stop.value, steps
        yield event
        steps = event.step if isinstance(event, Step) else steps


def _counts(task: FewShotTask) -> dict[str, int]:
    counts = {name: len(items) for name, items in domains_of(task).items()}
    return {"train": len(task.train), **counts}


def _interpolator(config: CombinedConfig) -> Interpolator:
    found = find(config.method)
    found.check_count(len(config.members))
    return found(found.Params.parse(config.params, config.method))


def _member(place: RunFolder, clip: ClipModel) -> Member:
    def load() -> Classifier:
        tuned = load_classifiers(place.weights_path, clip)[1]
        assert isinstance(tuned, Classifier), "an ensemble was refused before"
        return tuned

    zero_shot, tuned = load_classifiers(place.weights_path, clip)
    if isinstance(tuned, VrfEnsemble):
        raise UserError(
            f"combine: {place.run_id} was made by VRF and has no single set of weights. "
            "Name the run that it was made of instead."
        )
    if isinstance(tuned, Ensemble):
        raise UserError(
            f"combine: {place.run_id} is an ensemble, which has no weights of its own. "
            "Name its members instead."
        )
    return Member(place.run_id, zero_shot, load)


def _warnings(interpolator: Interpolator, records: Sequence[RunRecord]) -> list[str]:
    """Warnings about validation numbers, if a member was made with these images."""
    if interpolator.chosen_on != "val":
        return []
    return [
        f"{record.run_id} was already combined on validation images "
        f"(by {record.config['method']}): {interpolator.name} chooses on them again, "
        "so its result is optimistic."
        for record in records
        if record.combined and record.combined.chosen_on == "val"
    ]


def _chosen_on(last: ChosenOn, records: Sequence[RunRecord]) -> ChosenOn:
    """The images that the combination or a member was chosen on. Test images that were used once
    stay used.
    """
    made_on = [last, *(r.combined.chosen_on for r in records if r.combined)]
    if "oracle" in made_on:
        return "oracle"
    return "val" if "val" in made_on else "nothing"
