"""The pipeline of a run: data, zero-shot, training, frontier, record. Yields events."""

import sqlite3
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from core.data.fewshot import FewShotTask
from core.data.health.copies import refuse_leaks
from core.data.health.names import notes as name_notes
from core.data.health.names import read_by
from core.data.ingest import open_dataset
from core.data.kept_task import KeptTask
from core.data.prompts import resolve_templates
from core.data.split import keep_split, task_of
from core.durable import is_disk_full
from core.errors import DiskFull, UserError
from core.evaluation.evaluate import domains_of, measure_along
from core.evaluation.frontier import choose_alpha
from core.events import Evaluated, Event, Resumed, Stage, Warned
from core.methods import find
from core.models import zoo
from core.models.activation import settled
from core.models.array_cache import ArrayCache
from core.models.heads import LinearHead
from core.models.names import absolute
from core.params import JsonObject
from core.results.records import RunConfig, RunRecord, StoppedEarly
from core.results.runs import RunFolder
from core.run.asked import complete
from core.run.ending import Beginning, RunOutcome, conclude
from core.run.environment import Clock
from core.run.watch import Watch
from core.training.brake import Brake
from core.training.checkpoints import Checkpoints, Keeping


def run(
    config: RunConfig,
    folder: Path,
    cache: Path | None = None,
    keeping: Keeping | None = None,
    brake: Brake | None = None,
) -> Generator[Event, None, RunRecord]:
    """Run what `config` describes: write the results into `folder`, and yield events on the way.

    If the folder holds checkpoints of the same config, training continues from the newest complete
    one, and no event is repeated. Closing the generator cancels; then no record is written. `cache`
    stores features for later runs. `brake` ends training early: `Paused` is raised if a pause was
    requested. A full disk is `DiskFull`.
    """
    place = RunFolder(folder)
    config = complete(config)
    data = str(Path(config.data).expanduser().resolve())
    config = config.model_copy(update={"data": data, "model": absolute(config.model)})
    place.create(config)
    checkpoints = Checkpoints(place, config, keeping, brake)
    try:
        checkpoints.require_room()
        steps = _run(config, place, cache, checkpoints)
        record = yield from _unsaid(steps, checkpoints)
        checkpoints.clear()
    except (OSError, sqlite3.OperationalError) as error:
        if not is_disk_full(error):
            raise
        raise DiskFull(f"The disk is full ({error}). Free some space and go on.") from error
    finally:
        checkpoints.close()
    return record


def _unsaid(
    steps: Generator[Event, None, RunRecord], checkpoints: Checkpoints
) -> Generator[Event, None, RunRecord]:
    """The events of a run without those that an earlier attempt reported before its checkpoint."""
    held: list[Event] = []
    with closing(steps):
        while True:
            try:
                event = next(steps)
            except StopIteration as stop:
                yield from held
                record: RunRecord = stop.value
                return record
            if isinstance(event, Resumed):
                held.clear()
            held.append(event)
            if not checkpoints.may_resume:
                yield from held
                held.clear()


def _run(
    config: RunConfig, place: RunFolder, cache: Path | None, checkpoints: Checkpoints
) -> Generator[Event, None, RunRecord]:
    clock = Clock()
    checkpoints.seconds = clock.seconds
    yield Stage("data", config.data)
    with clock("data_seconds"):
        task = _task(config, place, cache)
    for note in task.notes:
        yield Warned(note)

    yield Stage("zero-shot", config.model)
    with clock("zero_shot_seconds"):
        clip = zoo.load(
            config.model, config.device, config.precision, ArrayCache(cache), config.activation
        )
        learnt = (*task.train, *task.val)
        clip = settled(clip, task.root, learnt, task.names, task.templates)
        said = name_notes(task.names, read_by(task.names, task.templates, clip.tokens))
        said = (*clip.notes, *said)
        task = replace(task, notes=(*task.notes, *said))
        yield from map(Warned, said)
        params = find(config.method).Params.parse(config.params, config.method)
        method = find(config.method)(params, clip, task)
        for note in method.check(params, task.templates):
            yield Warned(note)
        method.checkpoints = checkpoints
        prototypes = method.zero_shot_prototypes()
        head = LinearHead(prototypes, clip.logit_scale, getattr(params, "fold_scale", False))
        start = yield from measure_along(clip.with_head(head), clip, task)
    before = start.evaluation
    yield Evaluated("zero-shot", 0, before.domains)

    yield Stage("training", config.method)
    watch = Watch(method, place, config.evaluations)
    tuned = yield from watch.follow(clock)
    checkpoints.may_resume = False  # methods without steps never look for one
    clock.add(checkpoints.spent_before)
    begun = Beginning(place, clip, task, start, prototypes, clock)
    outcome = RunOutcome(
        tuned,
        config={
            **config.model_dump(mode="json"),
            "params": method.params.model_dump(mode="json"),
            "shots": task.shots,
            "allow_fewer": config.allow_fewer if config.shots else True,
            "group_by": task.group_by,  # fixed for this run, even if the data set changes
        },
        data=_data(task),
        select=lambda grid, kind: choose_alpha(grid, kind, getattr(params, "keep", "last")),
        steps=watch.step,
        step_seconds=watch.step_seconds,
        images=watch.images,
        stopped_early=_stopped_early(watch),
    )
    return (yield from conclude(begun, outcome, config.alphas))


def _task(config: RunConfig, place: RunFolder, cache: Path | None) -> FewShotTask:
    """The task of a run, stored in its folder; a run that continues keeps its first task."""
    dataset = open_dataset(Path(config.data), cache)
    if place.task_path.exists() and place.checkpoints():
        begun = KeptTask.read(place.task_path)
        task = begun.found_in(dataset)
        if len(task.train) < len(begun.task.train):
            raise UserError(
                f"data: {len(begun.task.train) - len(task.train)} of the images that this run "
                f"trains on are missing in {config.data}. Put them back, or start a new run."
            )
        return task
    allowed = refuse_leaks(dataset, config.allow_leaks)
    task = task_of(keep_split(dataset, cache), config)
    if not task.test:
        raise UserError(
            f"data: no image of {config.data} is left to test on: training and validation use "
            "all. Add images, 2 or more of each class, or a test folder."
        )
    templates = resolve_templates(config.templates, dataset.templates)
    task = replace(task, templates=templates, notes=(*dataset.notes, *allowed, *task.notes))
    KeptTask.of(task, dataset, _below(config)).write(place.task_path)
    return task


def _below(config: RunConfig) -> list[KeptTask]:
    """The task of the run whose tower this run uses, if any."""
    backbone = config.params.get("backbone")
    return [KeptTask.read(RunFolder(Path(backbone).expanduser()).task_path)] if backbone else []


def _stopped_early(watch: Watch) -> StoppedEarly | None:
    if watch.step == watch.steps:
        return None
    return StoppedEarly(steps=watch.step, planned=watch.steps)


def _data(task: FewShotTask) -> JsonObject:
    counts = {name: len(items) for name, items in domains_of(task).items()}
    return {
        "names": list(task.names),
        "templates": list(task.templates),
        "counts": {"train": len(task.train), **counts},
        "notes": list(task.notes),
    }
