"""What a benchmark leaves behind: one JSON with every row and run, and its tables as Markdown."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.errors import UserError
from core.results.grid import Grid
from core.results.records import MixingKind, RunConfig, RunRecord, write_json
from core.training.settings import SMALL_TOWER
from tests.bench.methods import rules
from tests.bench.methods.running import SEARCHED, Plan, Result
from tests.bench.methods.tables import published, row
from tests.bench.methods.trials import Trial

SCHEMA = 3
KINDS: tuple[MixingKind, ...] = ("wise", "steady")


def write_results(
    plan: Plan, results: Mapping[str, Sequence[Result]], path: Path, name: str, title: str
) -> tuple[dict[str, Any], str]:
    """Write `path` and, next to it, the tables; `name` and `title` are those of the data set.
    Returns both.
    """
    experiments = {name: [row(result) for result in found] for name, found in results.items()}
    if "references" in results and "methods" not in results:
        experiments["methods"] = [row(result) for result in pooled(results["references"])]
    every = {
        record.run_id: (record, result.trial, folder)
        for found in results.values()
        for result in found
        for record, folder in zip(result.records, result.folders, strict=True)
    }
    records = [record for record, _, _ in every.values()]
    payload: dict[str, Any] = {
        "schema": SCHEMA,
        "datasets": {
            name: {
                "title": title,
                "situation": situation(records),
                "data": plan.data.name,
                "model": plan.model,
                "seeds": list(plan.seeds),
                "searched_lr_multiples": list(SEARCHED) if plan.search else [],
                "environment": records[0].environment,
                "experiments": experiments,
                "rules": _rules(every.values()),
                "runs": [_brief(record) for record in records],
            }
        },
    }
    write_json(path, payload)
    text = published(payload["datasets"], RunConfig.model_fields["method"].default)
    path.with_suffix(".md").write_text(text, "utf-8")
    return payload, text


def merged(paths: Sequence[Path]) -> dict[str, Any]:
    """Several results as one document; a `UserError` for a file that is none."""
    datasets: dict[str, Any] = {}
    for path in paths:
        try:
            payload = json.loads(path.read_text("utf-8"))
            datasets |= payload["datasets"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"results: {path} is not what `python -m tests.bench.methods` writes ({error})."
            ) from None
    return {"schema": SCHEMA, "datasets": datasets}


def pooled(results: Sequence[Result]) -> list[Result]:
    """One result a method over all reference domains."""
    found = []
    for method in dict.fromkeys(result.trial.method for result in results):
        ours = [result for result in results if result.trial.method == method]
        found.append(
            Result(
                Trial(method, method, shots=ours[0].trial.shots),
                tuple(record for result in ours for record in result.records),
                tuple(folder for result in ours for folder in result.folders),
            )
        )
    return found


def situation(records: Sequence[RunRecord]) -> dict[str, Any]:
    """What a reader compares with their own data: means over the runs."""
    first = records[0]
    start = [record.evaluations["zero-shot"] for record in records]
    counts = first.data.get("counts", {})
    parameters = first.environment.get("image_parameters")
    small = first.config["model"] == "embedded" or (parameters or SMALL_TOWER) < SMALL_TOWER
    return {
        "shots": max(int(record.config["shots"]) for record in records),
        "images": counts.get("train", 0),
        "classes": len(first.classes),
        "zero_shot_id": sum(one.id for one in start) / len(start),
        "model": first.config["model"],
        "family": "small" if small else "clip",
        "ood_domains": sum(name.startswith("ood/") for name in start[0].domains),
    }


def _rules(runs: Any) -> dict[str, Any]:
    """What every rule for α would have given on the runs that moved a tower."""
    found: dict[str, Any] = {}
    grids = []
    for record, trial, folder in runs:
        if record.steady and record.drift.get("test") and record.drift["test"].distortion > 0:
            grids.append((trial.method, Grid.read(folder.grid_path), record))
    for kind in KINDS:
        measured = [
            one
            for method, grid, record in grids
            if (one := rules.measured(method, grid, kind, record.evaluations["zero-shot"].domains))
        ]
        if measured:
            found[kind] = {
                "rules": rules.compare(measured),
                "left_out": rules.leave_one_method_out(measured),
            }
    return found


def _brief(record: RunRecord) -> dict[str, Any]:
    return {
        "run": record.run_id,
        "config": _without_folders(record.config),
        "alpha": record.selection.alpha,
        "mixing": record.mixing.model_dump(),
        "gate": record.steady
        and record.steady.model_dump(
            include={"threshold", "width", "unfamiliar", "evidence", "domains"}
        ),
        "wise": [[point.alpha, point.id, point.ood, point.val] for point in record.wise],
        "steady": [[p.alpha, p.id, p.ood] for p in record.steady.points] if record.steady else [],
        "val_nll": [point.val_nll for point in record.wise],
        "changes": {
            name: [change.gained, change.lost, change.n]
            for name, change in record.changes.get("recommended", {}).items()
        },
        "drift": {name: drift.model_dump() for name, drift in record.drift.items()},
        "timing": record.timing,
    }


def _without_folders(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with names where it has paths: of data, of a lent tower, of combined runs."""
    plain = dict(config) | {"data": Path(config["data"]).name}
    params = dict(plain["params"])
    if params.get("backbone"):
        params["backbone"] = Path(params["backbone"]).name
    if "members" in plain:
        plain["members"] = [Path(member).name for member in plain["members"]]
    return plain | {"params": params}
