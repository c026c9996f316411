"""Checks the next run on a data set before it is queued: its task, and the obstacles."""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from core.data import curation
from core.data.dataset import Dataset
from core.data.fewshot import FewShotTask
from core.data.health.copies import copies_of, is_leak, role, superfluous
from core.data.split import task_of, with_shots
from core.errors import UserError
from core.results.records import RunConfig
from core.results.untrained import ZeroShotScores
from jobs.evaluator.questions import Device
from studio.data.curating import allow_leaks
from studio.frame.markup import count, size
from studio.frame.view import Handler
from studio.train import words
from studio.train.recommending import drafted
from studio.workspace.background import Answer
from studio.workspace.data_store import Opened
from studio.workspace.session import Session
from studio.workspace.studio import DEVICE

if TYPE_CHECKING:
    from studio.workspace import Workspace
    from studio.workspace.studio import Studio

w = words.BeforeQueue
_OF_TASK = ("shots", "split", "seed", "allow_fewer", "unseen", "group_by")
"""The settings on which the task depends."""
REMEMBERED = 128
"""The most tasks that are kept per data set: every change in the form asks again, and a form may
describe many runs.
"""
MIB = 1 << 20
EMBEDDED = "embedded"


@dataclass(frozen=True)
class FormTask:
    """The task of the form, or the reason there is none."""

    task: FewShotTask | None
    problem: str = ""
    shots: int = 0
    """The number of shots, also if there is no task."""


def form_task(opened: Opened, config: Mapping[str, Any]) -> FormTask:
    """The task of the form's settings on a data set. Results are cached."""
    named = {name: config[name] for name in _OF_TASK if name in config}
    key = json.dumps(named, sort_keys=True, default=str)
    if key not in opened.form_tasks:
        if len(opened.form_tasks) >= REMEMBERED:
            opened.form_tasks.clear()
        opened.form_tasks[key] = _task_or_error(opened.dataset, named)
    found: FormTask = opened.form_tasks[key]
    return found


def _task_or_error(dataset: Dataset, named: Mapping[str, Any]) -> FormTask:
    try:
        parsed = RunConfig.parse({"data": str(dataset.root), **named}, "run")
        config = with_shots(dataset, parsed)
    except UserError as error:
        return FormTask(None, str(error))
    try:
        return FormTask(task_of(dataset, config), shots=config.shots or 0)
    except UserError as error:
        return FormTask(None, str(error), config.shots or 0)


def to_beat(zero: Answer[ZeroShotScores], asked: FormTask) -> tuple[float | None, float | None]:
    """Zero-shot accuracy on the test images of this task, and the mean over OOD domains."""
    if zero.state != "ready":
        return None, None
    hits, domains = zero.value.hits, zero.value.evaluation.domains
    measured = asked.task.test if asked.task else ()
    test = [hits[item.sha256] for item in measured if item.sha256 in hits]
    ood = [d.accuracy for name, d in domains.items() if name.startswith("ood/")]
    return (
        sum(test) / len(test) if test else None,
        sum(ood) / len(ood) if ood else None,
    )


@dataclass(frozen=True)
class Fix:
    """A button that removes an obstacle: its label, its action and the action's values."""

    label: str
    do: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Obstacle:
    """Something that stops a run, or a warning about it."""

    text: str
    fixes: tuple[Fix, ...] = ()
    blocks: bool = True


def obstacles(
    mine: "Workspace",
    data_id: str,
    config: Mapping[str, Any],
    device: Answer[Device],
    memory_bytes: int | None,
) -> list[Obstacle]:
    """Everything that is known to stand in the way, what stops the run first. `device` is what
    trains here, as the evaluator says.
    """
    opened = mine.data.open(data_id)
    may_change = mine.data.may_change(data_id)
    leaks_allowed = config.get("allow_leaks") is True
    kind = device.value.kind if device.state == "ready" else ""
    found = [
        *_of_evaluator(device),
        *_of_model(mine.answers.zero_shot(data_id), str(config.get("model", "embedded"))),
        *_of_copies(opened.dataset, may_change, leaks_allowed),
        *_of_split(opened, config),
        *_of_disk(mine),
        *_of_memory(memory_bytes if kind == "cpu" else None),
        *(
            Obstacle(line, blocks=False)
            for line in opened.dataset.report.warnings
            if _is_gone(line)
        ),
    ]
    return sorted(found, key=lambda one: not one.blocks)


def leave_out(dataset: Dataset, kind: str) -> list[str]:
    """The images to exclude so that an obstacle of this kind is removed."""
    groups = copies_of(dataset)
    if kind == "leak":
        return [path for copies in groups if is_leak(copies) for path in superfluous(copies)]
    return [item.path for copies in groups if _in_two_classes(copies) for _, item in copies]


def _of_evaluator(device: Answer[Device]) -> Iterator[Obstacle]:
    if device.state == "failed":
        again = Fix(w.try_again, "retry-device")
        yield Obstacle(w.no_evaluator.format(why=device.error), (again,), blocks=False)


def _of_model(zero: Answer[ZeroShotScores], model: str) -> Iterator[Obstacle]:
    if zero.state == "failed" and zero.error.startswith("model"):
        other = (Fix(w.use_embedded, "use-embedded"),) if model != "embedded" else ()
        yield Obstacle(zero.error, (*other, Fix(w.try_again, "retry-zero-shot")))


def _of_copies(dataset: Dataset, may_change: bool, leaks_allowed: bool) -> Iterator[Obstacle]:
    groups = copies_of(dataset)
    twice = [copies for copies in groups if _in_two_classes(copies)]
    leaks = [copies for copies in groups if is_leak(copies) and not _in_two_classes(copies)]
    if twice:
        kind = {"kind": "two-classes"}
        fixes = (Fix(w.leave_both_out, "leave-out", kind),) if may_change else ()
        example = " = ".join(item.path for _, item in twice[0][:2])
        text = w.two_classes.format(images=count(len(twice), *words.Numbers.images), such=example)
        yield Obstacle(text, fixes)
    if leaks and not leaks_allowed:
        fixes = (Fix(w.leave_out, "leave-out", {"kind": "leak"}),) if may_change else ()
        example = " = ".join(item.path for _, item in leaks[0][:2])
        text = w.leaks.format(images=count(len(leaks), *words.Numbers.images), such=example)
        yield Obstacle(text, (*fixes, Fix(w.allow, "allow-leaks", {"on": "true"})))


def _in_two_classes(copies: Sequence[Any]) -> bool:
    """True if copies of one image have different classes outside the OOD domains."""
    labels = {item.label for domain, item in copies if role(domain) != "ood"}
    return len(labels) > 1


def _of_split(opened: Opened, config: Mapping[str, Any]) -> Iterator[Obstacle]:
    asked = form_task(opened, config)
    if asked.problem:
        fixes = []
        if asked.shots > opened.shots:
            label = w.use_shots.format(shots=opened.shots)
            fixes.append(Fix(label, "use-shots", {"n": str(opened.shots)}))
        if asked.shots > 1 and config.get("allow_fewer") is not True:
            fixes.append(Fix(w.allow_fewer, "allow-fewer"))
        yield Obstacle(asked.problem, tuple(fixes))


def _of_disk(mine: "Workspace") -> Iterator[Obstacle]:
    settings = mine.studio.settings
    free = shutil.disk_usage(settings.home).free
    if free < settings.run_reserve_mib * MIB:
        needed = size(settings.run_reserve_mib * MIB)
        yield Obstacle(w.disk.format(needed=needed, free=size(free)), blocks=False)


def _of_memory(needed: int | None) -> Iterator[Obstacle]:
    free = psutil.virtual_memory().available
    if needed is not None and needed > free:
        text = w.memory.format(needed=size(needed), free=size(free))
        yield Obstacle(text, blocks=False)


def _is_gone(line: str) -> bool:
    return line.startswith("Class '") and "has no image" in line


def fixes(studio: "Studio") -> dict[str, Handler]:
    """The handlers of the buttons that remove an obstacle, by action."""

    def retry_device(_session: Session, _detail: Mapping[str, Any]) -> None:
        studio.background.forget(DEVICE)

    def retry_zero_shot(session: Session, _detail: Mapping[str, Any]) -> None:
        if session.data:
            studio.background.forget(session.mine.answers.zero_shot_key(session.data))

    return {
        "retry-device": retry_device,
        "retry-zero-shot": retry_zero_shot,
        "use-embedded": _use_embedded,
        "use-shots": _use_shots,
        "allow-fewer": _allow_fewer,
        "allow-leaks": allow_leaks,
        "leave-out": _leave_out,
    }


def _use_embedded(session: Session, _detail: Mapping[str, Any]) -> None:
    if session.data:
        session.mine.keep(session.data, model=EMBEDDED)


def _use_shots(session: Session, detail: Mapping[str, Any]) -> None:
    _fill_in(session, shots=str(int(str(detail.get("n")))))


def _allow_fewer(session: Session, _detail: Mapping[str, Any]) -> None:
    _fill_in(session, allow_fewer="true")


def _fill_in(session: Session, **fields: str) -> None:
    """Change fields of the form as if they were typed, and draw the form again."""
    if session.data:
        kept = {**drafted(session.mine, session.data)["fields"], **fields}
        session.mine.keep(session.data, fields=kept, stamp=f"filled-{time.monotonic_ns()}")


def _leave_out(session: Session, detail: Mapping[str, Any]) -> None:
    kind = str(detail.get("kind"))
    if session.data:
        session.mine.data.change(
            session.data, lambda dataset: curation.exclude(dataset, leave_out(dataset, kind))
        )
