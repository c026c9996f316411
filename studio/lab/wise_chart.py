"""Plots the frontier: ID against OOD accuracy for every α, by the weights alone and steady."""

from collections.abc import Sequence
from typing import ClassVar

from core.results.records import RunRecord, WisePoint
from core.rounding import plotted
from studio.frame.domains import DomainStyle, domain_styles
from studio.frame.figures import Figure, padded
from studio.frame.markup import decimal, percent
from studio.frame.words import Charts, Words


class FrontierWords(Words):
    """The frontier."""

    mark: ClassVar = {
        "val": "chosen on validation",
        "default": "the default",
        "fixed": "the combination",
        "oracle": "the combination",
    }


def frontier_figure(record: RunRecord) -> Figure:
    """ID against OOD accuracy for every measured α. The last traces are the run's choice and the
    slider's α.
    """
    grid = _by_alpha(record.wise)
    steady = _by_alpha(record.steady.points) if record.steady else []
    with_ood = all(point.ood is not None for point in grid)
    x, y = _place(grid[0], with_ood)
    ends = [
        _end(x, y, Charts.ends["zero-shot"], "circle-open"),
        _end(*_place(grid[-1], with_ood), Charts.ends["fine-tuned"], "square-open"),
    ]
    curve = steady if record.mixing.kind == "steady" else grid
    at = _place(min(curve, key=lambda point: abs(point.alpha - record.mixing.alpha)), with_ood)
    named = Charts.weights_alone if steady else Charts.every_alpha
    alone = _curve(grid, with_ood, named, "var(--ek-ink-3)", "circle", "solid")
    lines = [{**alone, "showlegend": bool(steady)}]
    if steady:
        name = Charts.steady
        lines.append(_curve(steady, with_ood, name, "var(--ek-accent)", "square", "dash"))
    data = [
        *lines,
        *ends,
        {
            "type": "scatter", "mode": "markers", "x": [at[0]], "y": [at[1]],
            "marker": {
                "symbol": "circle-open", "size": 20, "color": "var(--ek-good)",
                "line": {"width": 2},
            },
            "name": FrontierWords.mark[record.selection.alpha_chosen_on], "hoverinfo": "skip",
        },
        {
            "type": "scatter", "mode": "markers", "x": [at[0]], "y": [at[1]],
            "marker": {"symbol": "diamond", "size": 13, "color": "var(--ek-accent)"},
            "name": Charts.this_alpha, "hoverinfo": "skip",
        },
    ]  # fmt: skip
    places = [_place(point, with_ood) for point in (*grid, *steady)]
    layout = {
        "uirevision": record.run_id,
        "xaxis": {
            "title": {"text": Charts.id_axis}, "range": padded([x for x, _ in places])
        },
        "yaxis": {
            "title": {"text": Charts.ood_axis if with_ood else Charts.alpha_axis},
            "range": padded([y for _, y in places]),
        },
        "margin": {"l": 56},
    }  # fmt: skip
    return {"data": data, "layout": layout}


def frontier_table(record: RunRecord) -> Figure:
    """The same points as a table: α, for a steady run its kind of mixing, then every domain."""
    grid = _by_alpha(record.wise)
    domains = domain_styles(grid[0].domains)
    columns = ["α", *(style.title for style in domains)]
    if record.steady is None:
        return {"columns": columns, "rows": [_row(point, domains) for point in grid]}
    steady = {point.alpha: point for point in record.steady.points}
    kinds = (Charts.weights_alone, Charts.steady)
    rows = [
        _row(one, domains, kind)
        for point in grid
        for kind, one in zip(kinds, (point, steady.get(point.alpha)), strict=True)
        if one
    ]
    return {"columns": ["α", Charts.how_mixed, *columns[1:]], "rows": rows}


def _by_alpha(points: Sequence[WisePoint]) -> list[WisePoint]:
    return sorted(points, key=lambda point: point.alpha)


def _place(point: WisePoint, with_ood: bool) -> tuple[float, float]:
    """The position of a point in percent; without OOD images, accuracy over α."""
    height = point.ood if with_ood and point.ood is not None else point.alpha
    return plotted(point.id), plotted(height)


def _row(point: WisePoint, domains: Sequence[DomainStyle], *how: str) -> list[str]:
    scores = (percent(point.domains[style.key]) for style in domains)
    return [decimal(point.alpha), *how, *scores]


def _curve(
    points: Sequence[WisePoint], with_ood: bool, name: str, colour: str, symbol: str, dash: str
) -> Figure:
    places = [_place(point, with_ood) for point in points]
    return {
        "type": "scatter", "mode": "lines+markers",
        "x": [x for x, _ in places], "y": [y for _, y in places],
        "text": [f"α = {decimal(point.alpha)}" for point in points],
        "line": {"color": colour, "width": 1.6, "dash": dash},
        "marker": {"color": colour, "size": 5, "symbol": symbol},
        "hovertemplate": (
            f"{name}<br>%{{text}}<br>ID %{{x:.1f}} %<br>OOD %{{y:.1f}} %<extra></extra>"
        ),
        "name": name,
    }  # fmt: skip


def _end(x: float, y: float, name: str, symbol: str) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "x": [x], "y": [y], "name": name,
        "marker": {"symbol": symbol, "size": 11, "color": "var(--ek-ink)", "line": {"width": 2}},
        "hoverinfo": "skip",
    }  # fmt: skip
