"""Tables from records: means over seeds, changes from zero-shot of the same seed, as Markdown."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from core.benchmark.running import Result
from core.records import Evaluation, RunRecord

Row = dict[str, Any]
TITLES = {
    "methods": "Every method",
    "heads": "Where the class head starts",
    "guidance": "KL divergence or squared error, fixed or random texts",
    "prototypes": "Where FD-Align's spurious prototypes come from",
    "texts": "Length (L) and number (M) of Lipsum-FT's random texts",
    "plug-in": "Training-free adapters on FD-Align's image tower",
    "shots": "Adapters",
    "interpolation": "Interpolation on top of fine-tuning",
    "unseen": "Half of the classes without training images",
    "references": "Another reference domain",
}


def row(result: Result) -> Row:
    """Everything that the tables show of one trial, as means over its seeds.

    ID and OOD are fractions of 1; `*_change` is the mean change from zero-shot of the same seed and
    `*_std` its sample standard deviation over seeds (None for one seed). `wise_*` are the weights
    mixed at the α chosen on validation.
    """
    records = result.records
    tuned = [record.evaluations["fine-tuned"] for record in records]
    start = [record.evaluations["zero-shot"] for record in records]
    mixed = [_chosen(record) for record in records]
    return {
        "label": result.trial.label,
        "shots": result.trial.shots,
        "seeds": len(records),
        "lr": records[0].config["params"].get("lr"),
        **_change("id", [e.id for e in tuned], [e.id for e in start]),
        **_change("ood", [e.ood for e in tuned], [e.ood for e in start]),
        **_change("wise_id", [p["id"] for p in mixed], [e.id for e in start]),
        **_change("wise_ood", [p["ood"] for p in mixed], [e.ood for e in start]),
        "alphas": [record.selection.alpha for record in records],
        "domain_changes": _by_domain(start, tuned),
        **_calibration(tuned),
        **_generalised(records),
        "train_seconds": statistics.median(r.timing.get("train_seconds", 0.0) for r in records),
        "step_seconds": statistics.median(_step_seconds(r) for r in records),
    }


def markdown(experiments: Mapping[str, Sequence[Row]]) -> str:
    """All tables: trade-off per experiment, then calibration and cost of the methods."""
    parts = []
    for name, rows in experiments.items():
        if name == "cost":
            continue
        by_shots = sorted({r["shots"] for r in rows})
        for shots in by_shots:
            more = f", {shots} shot{'s' * (shots > 1)}" if len(by_shots) > 1 else ""
            shown = [r for r in rows if r["shots"] == shots]
            table = generalised(shown) if name == "unseen" else trade_off(shown)
            parts.append(f"### {TITLES.get(name, name)}{more}\n\n{table}")
    if "methods" in experiments:
        most = max(r["shots"] for r in experiments["methods"])
        shown = [r for r in experiments["methods"] if r["shots"] == most]
        parts.append(f"### Every domain\n\n{by_domain(shown)}")
        parts.append(f"### Calibration\n\n{calibration(shown)}")
    if "cost" in experiments:
        parts.append(f"### Cost of a step\n\n{cost(experiments['cost'])}")
    return "\n".join(parts)


def trade_off(rows: Sequence[Row]) -> str:
    """ID and OOD in percent with the change in points, as trained and mixed."""
    columns = ("", "ID", "change", "OOD", "change", "WiSE α", "ID", "OOD")
    return _table(
        columns,
        [
            (
                r["label"],
                _percent(r["id"]),
                _points(r, "id"),
                _percent(r["ood"]),
                _points(r, "ood"),
                ", ".join(f"{alpha:g}" for alpha in r["alphas"]),
                _points(r, "wise_id"),
                _points(r, "wise_ood"),
            )
            for r in rows
        ],
    )


def generalised(rows: Sequence[Row]) -> str:
    """Mean per-class accuracy of seen and unseen classes in percent, and their harmonic mean."""
    return _table(
        ("", "seen", "unseen", "harmonic", "change"),
        [
            (
                r["label"],
                *(_percent(r[key]) for key in ("seen", "unseen", "harmonic")),
                _points(r, "harmonic"),
            )
            for r in rows
        ],
    )


def by_domain(rows: Sequence[Row]) -> str:
    """Change of the tuned weights on each domain in points, means over seeds."""
    domains = list(rows[0]["domain_changes"])
    return _table(
        ("", *domains),
        [(r["label"], *(_signed(r["domain_changes"][name]) for name in domains)) for r in rows],
    )


def calibration(rows: Sequence[Row]) -> str:
    """Expected calibration error (15 bins) and negative log-likelihood of the tuned weights."""
    return _table(
        ("", "ECE ID", "ECE OOD", "NLL ID", "NLL OOD"),
        [
            (r["label"], *(_number(r[key]) for key in ("ece_id", "ece_ood", "nll_id", "nll_ood")))
            for r in rows
        ],
    )


def cost(rows: Sequence[Row]) -> str:
    """Seconds of an optimiser step, the median over steps and seeds: one busy minute of the machine
    spoils a mean.
    """
    ft = next((r["step_seconds"] for r in rows if r["label"] == "ft"), 0.0)
    return _table(
        ("", "a step, s", "FT = 1"),
        [
            (
                r["label"],
                f"{r['step_seconds']:.3f}",
                f"{r['step_seconds'] / ft:.2f}" if ft else "–",
            )
            for r in rows
        ],
    )


def _chosen(record: RunRecord) -> dict[str, float | None]:
    """ID and OOD at the α that validation chose; as trained where there is no frontier."""
    for point in record.wise:
        if point.alpha == record.selection.alpha:
            return {"id": point.id, "ood": point.ood}
    tuned = record.evaluations["fine-tuned"]
    return {"id": tuned.id, "ood": tuned.ood}


def _change(
    name: str, after: Sequence[float | None], before: Sequence[float | None]
) -> dict[str, float | None]:
    pairs = [(a, b) for a, b in zip(after, before, strict=True) if a is not None and b is not None]
    changes = [a - b for a, b in pairs]
    return {
        name: _mean(a for a, _ in pairs),
        f"{name}_change": _mean(changes),
        f"{name}_std": statistics.stdev(changes) if len(changes) > 1 else None,
    }


def _by_domain(
    before: Sequence[Evaluation], after: Sequence[Evaluation]
) -> dict[str, float | None]:
    return {
        name: _mean(
            end.domains[name].accuracy - start.domains[name].accuracy
            for start, end in zip(before, after, strict=True)
        )
        for name in before[0].domains
        if name != "val"
    }


def _generalised(records: Sequence[RunRecord]) -> dict[str, float | None]:
    """Nothing for runs that were trained on every class."""
    if not all(record.generalised for record in records):
        return {}
    tuned = [record.generalised["fine-tuned"].macro for record in records]
    start = [record.generalised["zero-shot"].macro for record in records]
    return {
        "seen": _mean(sides.seen for sides in tuned),
        "unseen": _mean(sides.unseen for sides in tuned),
        **_change("harmonic", [s.harmonic for s in tuned], [s.harmonic for s in start]),
    }


def _calibration(evaluations: Sequence[Evaluation]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for metric in ("ece", "nll"):
        inside = [getattr(e.domains["test"], metric) for e in evaluations if "test" in e.domains]
        outside = [
            getattr(score, metric)
            for e in evaluations
            for name, score in e.domains.items()
            if name.startswith("ood/")
        ]
        found |= {f"{metric}_id": _mean(inside), f"{metric}_ood": _mean(outside)}
    return found


def _step_seconds(record: RunRecord) -> float:
    """0 for a run without optimiser steps."""
    return record.timing.get("step_seconds", 0.0)


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return statistics.fmean(listed) if listed else None


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(write: Callable[[float], str], value: float | None) -> str:
    return "–" if value is None else write(value)


def _percent(value: float | None) -> str:
    return _shown(lambda v: f"{100 * v:.1f}", value)


def _number(value: float | None) -> str:
    return _shown(lambda v: f"{v:.3f}", value)


def _signed(value: float | None) -> str:
    return _shown(lambda v: f"{100 * v:+.1f}".replace("-", "−"), value)


def _points(r: Row, which: str) -> str:
    spread = r[f"{which}_std"]
    text = _signed(r[f"{which}_change"])
    return text if spread is None else f"{text} ± {100 * spread:.1f}"
