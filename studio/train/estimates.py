"""Estimates the time of the runs in a form, from the model's footprint and the data set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.results.estimate import Footprint, RunSize, estimated_bytes, estimated_seconds
from studio.train.knob_form import all_knobs
from studio.train.next_run import form_task
from studio.train.trade_offs import step_costs
from studio.workspace.data_store import Opened


@dataclass(frozen=True)
class RunCost:
    """The time and memory of one run, or of several in sequence."""

    seconds: float
    memory_bytes: int
    """The memory of the run that needs the most."""


def estimate(
    configs: Sequence[Mapping[str, Any]],
    catalogue: Mapping[str, Any],
    opened: Opened,
    footprint: Footprint,
) -> RunCost | None:
    """The cost of the runs; None if a value is not a number or the data has too few images, in
    which case the page shows the error.
    """
    try:
        works = [_work(config, catalogue, opened) for config in configs]
    except (TypeError, ValueError):
        return None
    return RunCost(
        sum(estimated_seconds(work, footprint) for work in works),
        max(estimated_bytes(work, footprint) for work in works),
    )


def _work(config: Mapping[str, Any], catalogue: Mapping[str, Any], opened: Opened) -> RunSize:
    knobs = all_knobs(catalogue, config["method"], str(config.get("preset", "")))
    method = next(m for m in catalogue["methods"] if m["name"] == config["method"])

    def asked(name: str, otherwise: int) -> int:
        knob = knobs.get(f"params.{name}", {"default": otherwise})
        return int(config.get("params", {}).get(name, knob["default"] or otherwise))

    task = form_task(opened, config).task
    if task is None:
        raise ValueError("no task, no work")
    measured = [task.val, task.test, *task.ood.values()]
    alphas = config.get("alphas", knobs["alphas"]["default"])
    looks = int(config.get("evaluations", knobs["evaluations"]["default"])) + len(alphas)
    return RunSize(
        trained=len(task.train),
        epochs=asked("epochs", 1),
        batch_size=asked("batch_size", 64),
        measured=sum(map(len, measured)),
        looks=looks,
        step_cost=step_costs().get(method["name"], 1.0) if method["moves_tower"] else None,
    )
