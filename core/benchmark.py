"""The methods benchmark: the same runs for every method and seed, resumable, and the table made of
them.
"""

import statistics
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.events import Event, Stage
from core.pipeline import run
from core.records import RunConfig, RunRecord, WisePoint, write_json
from core.runs import RunFolder


@dataclass(frozen=True)
class Plan:
    """What is compared. Every combination of method and seed is one run."""

    data: Path
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    shots: int = 16
    model: str = "embedded"

    def configs(self) -> Iterable[tuple[str, RunConfig]]:
        """(name of the run folder, config), seed by seed, so that an interrupted plan compares
        fairly.
        """
        for seed in self.seeds:
            for method in self.methods:
                config = RunConfig(
                    data=str(self.data),
                    method=method,
                    model=self.model,
                    shots=self.shots,
                    seed=seed,
                    evaluations=1,
                )
                yield f"{method}-{self.shots}-shots-seed-{seed}", config


def run_plan(
    plan: Plan, folder: Path, cache: Path | None
) -> Generator[Event, None, list[RunRecord]]:
    """All runs of the plan into `folder`. A run that is already finished there is not run again."""
    records = []
    for name, config in plan.configs():
        place = RunFolder(folder / name)
        if place.record_path.exists():
            records.append(place.record())
            continue
        yield Stage("run", name)
        records.append((yield from run(config, place.path, cache)))
    return records


def compare(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """One row for zero-shot, and two a method: its weights as trained, and mixed by the α chosen on
    val.

    ID and OOD are means over seeds of fractions of 1; `*_change` is the mean change from zero-shot
    *of the same seed*, `*_std` its sample standard deviation over seeds (None for one seed).
    """
    rows = [_row("zero-shot", [(record, _at(record, 0.0)) for record in records[:1]])]
    for method in dict.fromkeys(record.config["method"] for record in records):
        mine = [record for record in records if record.config["method"] == method]
        rows.append(_row(method, [(record, _at(record, 1.0)) for record in mine]))
        chosen = [(record, _at(record, record.selection.alpha)) for record in mine]
        rows.append(_row(f"{method} + WiSE (α on val)", chosen))
    return rows


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a table in percent and points."""
    lines = [
        "| method | seeds | ID | change | OOD | change | α |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['name']} | {row['seeds']} | {_percent(row['id'])} | {_points(row, 'id')} | "
            f"{_percent(row['ood'])} | {_points(row, 'ood')} | "
            f"{', '.join(f'{alpha:g}' for alpha in row['alphas'])} |"
        )
    return "\n".join(lines) + "\n"


def write_results(plan: Plan, records: Sequence[RunRecord], path: Path) -> list[dict[str, Any]]:
    """Write the table as JSON and, beside it, as Markdown. Returns the rows."""
    rows = compare(records)
    payload = {
        "schema": 1,
        "data": plan.data.name,
        "model": plan.model,
        "shots": plan.shots,
        "environment": records[0].environment,
        "rows": rows,
        "runs": [_brief(record) for record in records],
    }
    write_json(path, payload)
    path.with_suffix(".md").write_text(to_markdown(rows), "utf-8")
    return rows


def _row(name: str, measured: Sequence[tuple[RunRecord, WisePoint]]) -> dict[str, Any]:
    changes_id = [point.id - _at(record, 0.0).id for record, point in measured]
    row: dict[str, Any] = {
        "name": name,
        "seeds": len(measured),
        "alphas": [point.alpha for _, point in measured],
        "id": statistics.fmean(point.id for _, point in measured),
        "id_change": statistics.fmean(changes_id),
        "id_std": _spread(changes_id),
        "ood": None,
        "ood_change": None,
        "ood_std": None,
    }
    oods = [(point.ood, _at(record, 0.0).ood) for record, point in measured]
    pairs = [(after, before) for after, before in oods if after is not None and before is not None]
    if pairs:
        changes = [after - before for after, before in pairs]
        row["ood"] = statistics.fmean(after for after, _ in pairs)
        row["ood_change"] = statistics.fmean(changes)
        row["ood_std"] = _spread(changes)
    return row


def _at(record: RunRecord, alpha: float) -> WisePoint:
    return next(point for point in record.wise if point.alpha == alpha)


def _spread(values: Sequence[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _points(row: dict[str, Any], which: str) -> str:
    change, spread = row[f"{which}_change"], row[f"{which}_std"]
    if change is None:
        return "–"
    text = f"{100 * change:+.1f}".replace("-", "−")
    return text if spread is None else f"{text} ± {100 * spread:.1f}"


def _brief(record: RunRecord) -> dict[str, Any]:
    return {
        "run": record.run_id,
        "config": record.config | {"data": Path(record.config["data"]).name},
        "alpha": record.selection.alpha,
        "wise": [point.model_dump() for point in record.wise],
        "timing": record.timing,
    }
