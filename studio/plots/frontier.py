"""The frontier of WiSE: ID against OOD accuracy for every mixing weight."""

from core.records import RunRecord
from studio import words
from studio.domains import looks
from studio.markup import decimal, percent
from studio.plots.marks import Figure, padded


def frontier_figure(record: RunRecord) -> Figure:
    """ID against OOD accuracy for every measured α; the last trace is the α of the slider."""
    grid = sorted(record.wise, key=lambda point: point.alpha)
    with_ood = all(point.ood is not None for point in grid)
    x = [100 * point.id for point in grid]
    y = [100 * point.ood if point.ood is not None else 100 * point.alpha for point in grid]
    texts = [f"α = {decimal(point.alpha)}" for point in grid]
    hover = "%{text}<br>ID %{x:.1f} %<br>OOD %{y:.1f} %<extra></extra>"
    chosen = min(range(len(grid)), key=lambda i: abs(grid[i].alpha - record.selection.alpha))
    ends = [
        _end(x[0], y[0], words.Charts.ends["zero-shot"], "circle-open"),
        _end(x[-1], y[-1], words.Charts.ends["fine-tuned"], "square-open"),
    ]
    data = [
        {
            "type": "scatter", "mode": "lines+markers", "x": x, "y": y, "text": texts,
            "line": {"color": "var(--ek-ink-3)", "width": 1.6},
            "marker": {"color": "var(--ek-ink-3)", "size": 5}, "hovertemplate": hover,
            "name": words.Charts.every_alpha, "showlegend": False,
        },
        *ends,
        {
            "type": "scatter", "mode": "markers", "x": [x[chosen]], "y": [y[chosen]],
            "marker": {
                "symbol": "circle-open", "size": 20, "color": "var(--ek-good)",
                "line": {"width": 2},
            },
            "name": words.Lab.mark[record.selection.alpha_chosen_on], "hoverinfo": "skip",
        },
        {
            "type": "scatter", "mode": "markers", "x": [x[chosen]], "y": [y[chosen]],
            "marker": {"symbol": "diamond", "size": 13, "color": "var(--ek-accent)"},
            "name": words.Charts.this_alpha, "hoverinfo": "skip",
        },
    ]  # fmt: skip
    layout = {
        "uirevision": record.run_id,
        "xaxis": {"title": {"text": words.Charts.id_axis}, "range": padded(x)},
        "yaxis": {
            "title": {"text": words.Charts.ood_axis if with_ood else words.Charts.alpha_axis},
            "range": padded(y),
        },
        "margin": {"l": 56},
    }
    return {"data": data, "layout": layout}


def frontier_table(record: RunRecord) -> Figure:
    """The same points in rows: α, then the accuracy on every domain."""
    grid = sorted(record.wise, key=lambda point: point.alpha)
    domains = looks(grid[0].domains)
    rows = [
        [decimal(point.alpha), *(percent(point.domains[look.key]) for look in domains)]
        for point in grid
    ]
    return {"columns": ["α", *(look.title for look in domains)], "rows": rows}


def _end(x: float, y: float, name: str, symbol: str) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "x": [x], "y": [y], "name": name,
        "marker": {"symbol": symbol, "size": 11, "color": "var(--ek-ink)", "line": {"width": 2}},
        "hoverinfo": "skip",
    }  # fmt: skip
