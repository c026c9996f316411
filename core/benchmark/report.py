"""What a benchmark leaves behind: one JSON with every row and run, and its tables as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from core.benchmark.running import SEARCHED, Plan, Result
from core.benchmark.tables import markdown, row
from core.records import RunRecord, write_json


def write_results(
    plan: Plan, results: Mapping[str, Sequence[Result]], path: Path
) -> tuple[dict[str, Any], str]:
    """Write `path` and, beside it, the tables. Returns both."""
    experiments = {name: [row(result) for result in found] for name, found in results.items()}
    records = {
        record.run_id: record
        for found in results.values()
        for result in found
        for record in result.records
    }
    payload = {
        "schema": 2,
        "data": plan.data.name,
        "model": plan.model,
        "seeds": list(plan.seeds),
        "searched_lr_multiples": list(SEARCHED) if plan.search else [],
        "environment": next(iter(records.values())).environment,
        "experiments": experiments,
        "runs": [_brief(record) for record in records.values()],
    }
    write_json(path, payload)
    text = markdown(experiments)
    path.with_suffix(".md").write_text(text, "utf-8")
    return payload, text


def _brief(record: RunRecord) -> dict[str, Any]:
    return {
        "run": record.run_id,
        "config": _without_folders(record.config),
        "alpha": record.selection.alpha,
        "wise": [[point.alpha, point.id, point.ood, point.val] for point in record.wise],
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
