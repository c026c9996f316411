"""Plots a run: loss and accuracy over the steps."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.rounding import plotted
from studio.frame.domains import DomainStyle, shown
from studio.frame.figures import Figure, clean, smooth, thin
from studio.frame.markup import decimal, percent, points
from studio.live import words

DODGE = 0.008
"""Share of the axis between two domains, so that their intervals do not overlap."""


def loss_chart(
    run_id: str,
    losses: Sequence[Sequence[float]],
    steps: int,
    terms: Mapping[str, Sequence[Sequence[float]]] | None = None,
) -> Figure:
    """Raw and smoothed training loss over the steps. Value of a `chart`.

    If the loss has several terms, the legend offers each one unweighted.
    """
    if not losses:
        return {"empty": words.Live.loss_empty}
    kept = thin(losses)
    x = [step for step, _ in kept]
    raw = [loss for _, loss in kept]
    smooth_by_step = dict(zip((s for s, _ in losses), smooth([v for _, v in losses]), strict=True))
    soft = [smooth_by_step[step] for step in x]
    top = max(max(x), steps)
    by_step = [{point[0]: point[1] for point in series} for series in (terms or {}).values()]
    figure = {
        "data": [
            _line(x, raw, "var(--ek-line-2)", width=1.2, name=words.Charts.each_step),
            _line(x, soft, "var(--ek-accent)", width=2.2, name=words.Charts.smoothed),
            *_terms(terms or {}),
        ],
        "layout": {
            "uirevision": run_id,
            "xaxis": {
                "title": {"text": words.Charts.step},
                "range": [0, top * 1.01],
                "showgrid": False,
            },
            "yaxis": {"rangemode": "tozero"},
        },
    }
    return {
        "figure": figure,
        "table": {
            "columns": [words.Charts.step, words.Charts.loss, *(terms or {})],
            "rows": [
                [s, decimal(v, 4), *(decimal(at[s], 4) if s in at else "–" for at in by_step)]
                for s, v in thin(losses, 60)
            ],
        },
        "label": words.Charts.loss_label.format(n=len(losses), loss=decimal(soft[-1], 3)),
    }


def _terms(terms: Mapping[str, Sequence[Sequence[float]]]) -> list[Figure]:
    """Draw the terms of the loss, hidden until a click in the legend: their scales differ and would
    flatten the loss.
    """
    if len(terms) < 2:
        return []
    return [
        _line(
            [step for step, _ in kept],
            [value for _, value in kept],
            f"var(--ek-s{1 + number % 4})",
            width=1.4,
            name=name,
            visible="legendonly",
        )
        for number, (name, kept) in enumerate((n, thin(series)) for n, series in terms.items())
    ]


def accuracy_chart(run_id: str, evaluations: Sequence[Mapping[str, Any]], steps: int) -> Figure:
    """Accuracy by domain over the steps, zero-shot dashed. Value of a `chart`."""
    along = [e for e in evaluations if e["label"] in ("zero-shot", "training", "fine-tuned")]
    if not along:
        return {"empty": words.Live.accuracy_empty}
    along = sorted({e["step"]: e for e in along}.values(), key=lambda e: e["step"])
    domains = shown(along[0]["domains"])
    last = max(along[-1]["step"], steps, 1)
    data: list[Figure] = []
    for i, style in enumerate(domains):
        beside = DODGE * last * (i - (len(domains) - 1) / 2)
        data.append(_zero_line(style, along[0]["domains"][style.key], last))
        data.append(_domain_line(style, along, beside))
    layout = {
        "uirevision": run_id,
        "xaxis": {
            "title": {"text": words.Charts.step},
            "range": [-0.04 * last, last * 1.04],
            "showgrid": False,
        },
        "yaxis": {"ticksuffix": " %"},
    }
    newest = along[-1]["domains"]
    label = "; ".join(f"{d.title} {percent(newest[d.key]['accuracy'])}" for d in domains)
    return {
        "figure": {"data": data, "layout": layout},
        "table": _accuracy_table(along, domains),
        "label": words.Charts.accuracy_label.format(step=along[-1]["step"], domains=label),
        "note": words.Live.accuracy_note,
    }


def _line(
    x: list[Any], y: list[float], colour: str, width: float, name: str, **more: Any
) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name,
        "line": {"color": colour, "width": width},
        "hovertemplate": f"{words.Charts.step} %{{x}}<br>{name} %{{y:.3f}}<extra></extra>", **more,
    }  # fmt: skip


def _zero_line(style: DomainStyle, score: Mapping[str, Any], last: int) -> Figure:
    y, zero = plotted(score["accuracy"]), words.Charts.ends["zero-shot"]
    return {
        "type": "scatter", "mode": "lines", "x": [0, last], "y": [y, y],
        "line": {"color": style.colour, "width": 1.2, "dash": "4px,4px"}, "opacity": 0.55,
        "name": f"{style.title}, {zero}", "legendgroup": style.key, "showlegend": False,
        "hovertemplate": f"{clean(style.title)}, {zero}<br>"
        f"%{{y:.1f}} % (n = {score['n']})<extra></extra>",
    }  # fmt: skip


def _domain_line(style: DomainStyle, along: Sequence[Mapping[str, Any]], beside: float) -> Figure:
    scores = [e["domains"][style.key] for e in along]
    y = [plotted(score["accuracy"]) for score in scores]
    return {
        "type": "scatter", "mode": "lines+markers", "name": style.title, "legendgroup": style.key,
        "x": [e["step"] + beside for e in along], "y": y, "customdata": [e["step"] for e in along],
        "line": {"color": style.colour, "width": 2.2},
        "marker": {"symbol": style.symbol, "size": 8, "color": style.colour},
        "error_y": {
            "type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": style.colour,
            "array": [100 * (s["high"] - s["accuracy"]) for s in scores],
            "arrayminus": [100 * (s["accuracy"] - s["low"]) for s in scores],
        },
        "hovertemplate": f"{clean(style.title)}<br>{words.Charts.step} %{{customdata}}: "
        f"%{{y:.1f}} % (n = {scores[0]['n']})<extra></extra>",
    }  # fmt: skip


def _accuracy_table(along: Sequence[Mapping[str, Any]], domains: Sequence[DomainStyle]) -> Figure:
    zero = along[0]["domains"]
    rows = [
        [
            style.title, str(e["step"]), percent(e["domains"][style.key]["accuracy"]),
            points(e["domains"][style.key]["accuracy"] - zero[style.key]["accuracy"]),
            str(e["domains"][style.key]["n"]),
        ]
        for style in domains
        for e in along
    ]  # fmt: skip
    return {"columns": list(words.Charts.accuracy_columns), "rows": rows}
