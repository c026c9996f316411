"""How far training moved the features of every domain: two measures, one bar a domain."""

from collections.abc import Callable, Mapping

from core.results.records import Drift, RunRecord
from studio.frame.domains import Look, looks
from studio.frame.figures import Figure, clean
from studio.frame.markup import decimal
from studio.lab import words

Measure = Callable[[Drift], float | None]


def distortion_chart(record: RunRecord) -> Figure:
    """Mean change of the unit image features, from 0 to 2. Value of a `chart`."""
    w = words.Lab
    return _chart(record, lambda d: d.distortion, (w.distortion, w.distortion_note), w.no_drift)


def energy_gap_chart(record: RunRecord) -> Figure:
    """Mean squared change of the energy over random texts. Value of a `chart`."""
    w = words.Lab
    empty = w.no_gap if record.drift else w.no_drift
    return _chart(record, lambda d: d.energy_gap, (w.energy_gap, w.energy_gap_note), empty)


def _chart(record: RunRecord, measure: Measure, said: tuple[str, str], empty: str) -> Figure:
    measured = _measured(record.drift, measure)
    if not measured:
        return {"empty": empty}
    domains = looks(measured)
    sizes = {name: score.n for name, score in record.evaluations["fine-tuned"].domains.items()}
    return {
        "figure": {
            "data": [_bar(look, measured[look.key], sizes.get(look.key)) for look in domains],
            "layout": {
                "uirevision": record.run_id,
                "xaxis": {"showgrid": False, "type": "category"},
                "yaxis": {"rangemode": "tozero"},
                "bargap": 0.45,
            },
        },
        "table": {
            "columns": [words.Lab.domain, said[0], "n"],
            "rows": [
                [look.title, decimal(measured[look.key], 4), str(sizes.get(look.key, "–"))]
                for look in domains
            ],
        },
        "label": f"{said[0]}: "
        + "; ".join(f"{look.title} {decimal(measured[look.key], 3)}" for look in domains)
        + ".",
        "note": said[1],
    }


def _measured(drift: Mapping[str, Drift], measure: Measure) -> dict[str, float]:
    found = {name: measure(one) for name, one in drift.items()}
    return {name: value for name, value in found.items() if value is not None}


def _bar(look: Look, value: float, n: int | None) -> Figure:
    title = clean(look.title)
    return {
        "type": "bar", "name": look.title, "x": [title], "y": [value], "showlegend": False,
        "marker": {"color": look.colour},
        "hovertemplate": f"{title}<br>%{{y:.4f}} (n = {n})<extra></extra>",
    }  # fmt: skip
