"""How sure a classifier is against how often it is right, by domain."""

from collections.abc import Sequence

from core.results.inspection import Calibration, Inspection
from core.rounding import plotted
from studio.frame.domains import Look, shown
from studio.frame.figures import Figure, clean
from studio.frame.markup import interval, percent
from studio.lab import words

SMALLEST, LARGEST = 6, 16
"""Diameters in pixels: a bin with all images of its domain, and one with next to none."""


def reliability_chart(inspection: Inspection, column: str, run_id: str) -> Figure:
    """Accuracy over confidence in 15 bins, plain and with the temperature. Value of a `chart`."""
    domains = shown(inspection.domains)
    data: list[Figure] = [
        {
            "type": "scatter", "mode": "lines", "x": [0, 100], "y": [0, 100], "hoverinfo": "skip",
            "name": words.Lab.diagonal, "showlegend": False,
            "line": {"color": "var(--ek-ink-3)", "width": 1.2, "dash": "4px,4px"},
        }
    ]  # fmt: skip
    rows: list[list[str]] = []
    for look in domains:
        answer = inspection.domains[look.key].answers[column]
        data.append(_bins(look, answer.plain, dashed=False))
        rows += _rows(look, words.Lab.as_it_is, answer.plain)
        if answer.scaled:
            data.append(_bins(look, answer.scaled, dashed=True))
            rows += _rows(look, words.Lab.with_temperature, answer.scaled)
    said = "; ".join(
        f"{look.title} {percent(inspection.domains[look.key].answers[column].plain.ece)}"
        for look in domains
    )
    axis = {"range": [-2, 102], "ticksuffix": " %"}
    return {
        "figure": {
            "data": data,
            "layout": {
                "uirevision": f"{run_id} {column}",
                "xaxis": {**axis, "title": {"text": words.Lab.confidence}},
                "yaxis": {**axis, "title": {"text": words.Lab.accuracy}},
                "margin": {"l": 60},
            },
        },
        "table": {"columns": list(words.Lab.bin_columns), "rows": rows},
        "label": f"{words.Lab.reliability}. ECE: {said}.",
        "note": words.Lab.reliability_note,
    }


def _bins(look: Look, calibration: Calibration, dashed: bool) -> Figure:
    full = [one for one in calibration.bins if one.count]
    n = sum(one.count for one in full)
    return {
        "type": "scatter", "mode": "lines+markers", "name": look.title, "legendgroup": look.key,
        "showlegend": not dashed, "opacity": 0.6 if dashed else 1,
        "x": _percent([one.confidence for one in full]),
        "y": _percent([one.accuracy for one in full]),
        "customdata": [one.count for one in full],
        "line": {"color": look.colour, "width": 1.6, "dash": "3px,3px" if dashed else "solid"},
        "marker": {
            "symbol": look.symbol, "color": look.colour,
            "size": [SMALLEST + (LARGEST - SMALLEST) * (one.count / n) ** 0.5 for one in full],
        },
        "hovertemplate": f"{clean(look.title)}"
        f"{f', {words.Lab.with_temperature}' if dashed else ''}<br>"
        f"{words.Charts.sure_and_right.format(sure='%{x:.1f} %', right='%{y:.1f} %')}<br>"
        "n = %{customdata}<extra></extra>",
    }  # fmt: skip


def _rows(look: Look, how: str, calibration: Calibration) -> list[list[str]]:
    return [
        [look.title, how, interval(one.low, one.high), str(one.count),
         percent(one.confidence), percent(one.accuracy)]
        for one in calibration.bins
        if one.count
    ]  # fmt: skip


def _percent(shares: Sequence[float | None]) -> list[float]:
    return [plotted(share) for share in shares if share is not None]
