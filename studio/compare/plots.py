"""Plots runs by ID and OOD accuracy, as a Plotly figure. Pure functions."""

from collections.abc import Sequence

from core.results.standing import MeasuredAccuracy, Standing, undominated
from core.rounding import plotted
from studio.compare import words
from studio.compare.comparing import LETTERS, Candidate, is_tuned_alone
from studio.frame.figures import Figure, clean
from studio.frame.markup import interval, mixture, percent

w = words.Compare
_BESIDE = ("top right", "top left", "bottom right", "bottom left", "middle right", "middle left")
"""Positions of the letter, so that runs with the same point stay readable."""


def pareto_chart(runs: Sequence[Candidate]) -> Figure:
    """Each run as recommended and fine-tuned alone, with zero-shot. Value of a `chart`."""
    points = _points(runs)
    if len(points) < 2:
        return {"empty": w.pareto_empty}
    best = undominated((at.id.accuracy, ood.accuracy) for _, at, ood in points)
    names = [_name(run, at) for (run, at, _), free in zip(points, best, strict=True) if free]
    return {
        "figure": {
            "data": [_front(points, best), *(_marker(*point) for point in points)],
            "layout": {
                "uirevision": ",".join(run.id for run in runs),
                "xaxis": {"title": {"text": f"{words.Domains.id}, %"}},
                "yaxis": {"title": {"text": f"{w.mean_ood}, %"}},
                "margin": {"l": 56, "t": 20},
            },
        },
        "table": {
            "columns": list(w.pareto_columns),
            "rows": [_row(*point, free) for point, free in zip(points, best, strict=True)],
        },
        "label": w.pareto_label.format(n=len(runs), names=", ".join(names)),
        "note": w.pareto_note,
    }


Point = tuple[Candidate | None, Standing, MeasuredAccuracy]
"""A run, or None for zero-shot; its accuracies; its mean over OOD domains."""


def _points(runs: Sequence[Candidate]) -> list[Point]:
    """The points with a mean over OOD domains: each zero-shot once, then every run under one or two
    mixings.
    """
    found: list[Point] = []
    for zero in [run.zero for i, run in enumerate(runs) if run.zero not in _zeros(runs[:i])]:
        found += [(None, zero, zero.ood)] if zero.ood else []
    for run in runs:
        ends = [run.recommended] if is_tuned_alone(run) else [run.recommended, run.tuned]
        found += [(run, at, at.ood) for at in ends if at.ood]
    return found


def _zeros(runs: Sequence[Candidate]) -> list[Standing]:
    return [run.zero for run in runs]


def _name(run: Candidate | None, at: Standing) -> str:
    return f"{run.letter} {mixture(at.mixing)}" if run else w.zero


def _marker(run: Candidate | None, at: Standing, ood: MeasuredAccuracy) -> Figure:
    """One point with its two intervals."""
    colour = run.colour if run else "var(--ek-ink)"
    symbol = run.symbol if run else "x"
    beside = _BESIDE[LETTERS.index(run.letter)] if run else "bottom center"
    is_open = run is not None and at is not run.recommended
    name = clean(f"{run.letter} · {run.title}") if run else w.zero
    said = clean(_name(run, at))
    return {
        "type": "scatter", "mode": "markers+text", "name": name,
        "legendgroup": run.id if run else w.zero, "showlegend": not is_open,
        "x": [plotted(at.id.accuracy)], "y": [plotted(ood.accuracy)],
        "text": [run.letter if run else w.zero], "textposition": beside,
        "marker": {
            "symbol": f"{symbol}-open" if is_open else symbol, "size": 12, "color": colour,
            "line": {"width": 2 if is_open else 0},
        },
        "error_x": _bar(at.id, colour), "error_y": _bar(ood, colour),
        "hovertemplate": f"{said}<br>ID %{{x:.1f}} %<br>{w.mean_ood} %{{y:.1f}} %<extra></extra>",
    }  # fmt: skip


def _bar(share: MeasuredAccuracy, colour: str) -> dict[str, object]:
    return {
        "type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": colour,
        "array": [100 * (share.high - share.accuracy)],
        "arrayminus": [100 * (share.accuracy - share.low)],
    }  # fmt: skip


def _front(points: Sequence[Point], best: Sequence[bool]) -> Figure:
    """The line through the points that no other point beats on both axes."""
    front = sorted(
        (plotted(at.id.accuracy), plotted(ood.accuracy))
        for (_, at, ood), free in zip(points, best, strict=True)
        if free
    )
    return {
        "type": "scatter", "mode": "lines", "name": w.pareto_line, "hoverinfo": "skip",
        "x": [x for x, _ in front], "y": [y for _, y in front],
        "line": {"color": "var(--ek-ink-3)", "width": 1.4, "dash": "dot"},
    }  # fmt: skip


def _row(run: Candidate | None, at: Standing, ood: MeasuredAccuracy, free: bool) -> list[str]:
    return [
        f"{run.letter} · {run.title}" if run else w.zero,
        mixture(at.mixing),
        percent(at.id.accuracy),
        interval(at.id.low, at.id.high),
        percent(ood.accuracy),
        interval(ood.low, ood.high),
        w.yes if free else w.no,
    ]
