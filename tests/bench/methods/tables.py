"""Tables from records: means over seeds, changes from zero-shot of the same seed, as Markdown."""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from core.errors import UserError
from core.results.intervals import Z95
from core.results.predictions import Predictions
from core.results.records import Evaluation, RunRecord
from tests.bench.methods.running import Result
from tests.bench.methods.trials import FULL_SHOTS

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
    "rates": "Learning rates",
}


def row(result: Result) -> Row:
    """Everything that the tables show of one trial, as means over its seeds.

    ID and OOD are fractions of 1; `*_change` is the mean change from zero-shot of the same seed and
    `*_std` its sample standard deviation over seeds (None for one seed). `wise_*` are the weights
    mixed at the α chosen on validation, `recommended_*` what the run recommends, with the ends of
    its 95 % interval over images and seeds (`*_low`, `*_high`; None without images one by one).
    """
    records = result.records
    tuned = [record.evaluations["fine-tuned"] for record in records]
    start = [record.evaluations["zero-shot"] for record in records]
    advised = [
        record.evaluations.get("recommended", record.evaluations["fine-tuned"])
        for record in records
    ]
    mixed = [_chosen(record) for record in records]
    return {
        "label": result.trial.label,
        "shots": result.trial.shots,
        "seeds": len(records),
        "lr": records[0].config["params"].get("lr"),
        **_change("recommended_id", [e.id for e in advised], [e.id for e in start]),
        **_change("recommended_ood", [e.ood for e in advised], [e.ood for e in start]),
        **_intervals(result),
        "zero_id": _mean(e.id for e in start),
        "zero_ood": _mean(e.ood for e in start if e.ood is not None),
        "zero_domains": {
            name: _mean(e.domains[name].accuracy for e in start)
            for name in start[0].domains
            if name != "val" and all(name in e.domains for e in start)
        },
        "mixings": [str(record.mixing) for record in records],
        "recommended_domain_changes": _by_domain(start, advised),
        "worse": sum(
            change.outcome == "worse"
            for record in records
            for change in record.changes.get("recommended", {}).values()
        ),
        "tests": sum(len(record.changes.get("recommended", {})) for record in records),
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


def _intervals(result: Result) -> Row:
    """95 % intervals of the mean changes of the tuned weights and of what is recommended.

    Two things vary: which images measure (their paired differences, as many as one seed has) and
    the seed (the spread of the seeds' changes). Both variances are added.
    """
    sides = {"": "fine-tuned", "recommended_": "recommended"}
    found: Row = {
        f"{prefix}{at}_{end}": None
        for prefix in sides
        for at in ("id", "ood")
        for end in ("low", "high")
    }
    try:
        said = [Predictions.read(folder.predictions_path) for folder in result.folders]
        for prefix, end in sides.items():
            for at in ("id", "ood"):
                changes = [_paired(one, end, at) for one in said]
                known = [change for change in changes if change]
                if known:
                    low, high = _interval(known)
                    found |= {f"{prefix}{at}_low": low, f"{prefix}{at}_high": high}
    except UserError:  # of an older version, or without a file
        return found
    return found


def _paired(said: Predictions, end: str, at: str) -> tuple[float, float] | None:
    """(mean change, its variance) of one run on `test`, or as the mean over its OOD domains."""
    names = [n for n in said.domains if n.startswith("ood/")] if at == "ood" else ["test"]
    found = [said.domains[name] for name in names if name in said.domains]
    if not found:
        return None
    gains = [domain.hits(end).astype(float) - domain.hits("zero-shot") for domain in found]
    variances = [gain.var(ddof=1) / len(gain) if len(gain) > 1 else 0.0 for gain in gains]
    return float(np.mean([g.mean() for g in gains])), float(sum(variances)) / len(found) ** 2


def _interval(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    changes = [change for change, _ in runs]
    seeds = statistics.variance(changes) / len(changes) if len(changes) > 1 else 0.0
    half = Z95 * math.sqrt(statistics.fmean(variance for _, variance in runs) + seeds)
    return statistics.fmean(changes) - half, statistics.fmean(changes) + half


def clicks(datasets: Mapping[str, Mapping[str, Any]], method: str) -> str:
    """What a click gives: the recommended method at its defaults, by data set and domain."""
    rows = []
    for found in datasets.values():
        for r in found["experiments"].get("references") or found["experiments"].get("methods", []):
            if r["label"].split(",")[0] != method or r["shots"] != FULL_SHOTS or "mixings" not in r:
                continue
            trained = r["label"].partition(", ")[2] or "–"
            ends = [
                ("ID", "recommended_id", r["zero_id"]),
                ("OOD, mean", "recommended_ood", r["zero_ood"]),
            ]
            for side, key, zero in ends:
                rows.append(
                    (found["title"], trained, side, _percent(zero), _percent(r[key]), _span(r, key))
                )
            for name, change in r["recommended_domain_changes"].items():
                if name.startswith("ood/"):
                    zero = r["zero_domains"][name]
                    rows.append(
                        (
                            found["title"],
                            trained,
                            name,
                            _percent(zero),
                            _percent(zero + change),
                            _signed(change),
                        )
                    )
    columns = ("data", "reference", "domain", "zero-shot", "recommended", "change")
    return _table(columns, rows)


def rules(found: Mapping[str, Any]) -> str:
    """What every rule for α would have given, for both kinds of mixing."""
    rows = []
    for kind in ("wise", "steady"):
        listed = [*found.get(kind, {}).get("rules", ())]
        left_out = found.get(kind, {}).get("left_out")
        if left_out:
            names = "; ".join(left_out["rules"])
            listed.append({**left_out, "rule": f"*best on the other methods* ({names})"})
        rows += [
            (
                kind,
                r["rule"],
                str(r["runs"]),
                f"{r['alpha']:.2f}",
                _signed(r["id_change"]),
                _signed(r["ood_change"]),
                _signed(r["worst_ood_change"]),
            )
            for r in listed
        ]
    return _table(("mixing", "rule", "runs", "mean α", "ID", "OOD", "worst run, OOD"), rows)


def gates(rows: Sequence[Mapping[str, Any]]) -> str:
    """What each choice in the gate is worth, in points."""
    columns = ("", "runs", "ID", "OOD", "worst run, OOD", "familiar at home, %", "elsewhere, %")
    return _table(
        columns,
        [
            (
                r["variant"],
                str(r["runs"]),
                _signed(r["id_change"]),
                _signed(r["ood_change"]),
                _signed(r["worst_ood_change"]),
                _percent(r.get("familiar_id")),
                _percent(r.get("familiar_ood")),
            )
            for r in rows
        ],
    )


def published(datasets: Mapping[str, Mapping[str, Any]], method: str) -> str:
    """All tables of all data sets, what a click gives on top."""
    parts = [
        f"## What a click gives (`{method}`, {FULL_SHOTS} shots)\n\n{clicks(datasets, method)}"
    ]
    for found in datasets.values():
        parts.append(f"## {found['title']}\n\n{markdown(found['experiments'])}")
        if found.get("rules"):
            parts.append(f"### How α is chosen: rules compared\n\n{rules(found['rules'])}")
    return "\n".join(parts)


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
    """ID and OOD in percent with the change in points: as trained, and as recommended with the
    interval over images and seeds; of results without that, mixed at the α of validation.
    """
    if all("mixings" in r for r in rows):
        return _table(
            ("", "tuned ID", "OOD", "recommended ID", "95 %", "OOD", "95 %", "mixing", "worse"),
            [
                (
                    r["label"],
                    _points(r, "id"),
                    _points(r, "ood"),
                    _signed(r["recommended_id_change"]),
                    _ends(r, "recommended_id"),
                    _signed(r["recommended_ood_change"]),
                    _ends(r, "recommended_ood"),
                    _mixings(r["mixings"]),
                    f"{r['worse']} of {r['tests']}",
                )
                for r in rows
            ],
        )
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
        if name != "val" and all(name in one.domains for one in (*before, *after))
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


def _span(r: Row, which: str) -> str:
    """The change with its interval."""
    return f"{_signed(r[f'{which}_change'])} ({_ends(r, which)})"


def _ends(r: Row, which: str) -> str:
    low, high = r[f"{which}_low"], r[f"{which}_high"]
    return "–" if low is None or high is None else f"{_signed(low)} to {_signed(high)}"


def _mixings(found: Sequence[str]) -> str:
    """`α = 1, steady; α = 0.8, steady` with each said once."""
    return "; ".join(dict.fromkeys(found))


def _points(r: Row, which: str) -> str:
    spread = r[f"{which}_std"]
    text = _signed(r[f"{which}_change"])
    return text if spread is None else f"{text} ± {100 * spread:.1f}"
