"""The Calibration panel: confidence against accuracy, with and without temperature scaling."""

from collections.abc import Sequence
from typing import Any, ClassVar

from core.results.inspection import COLUMNS, Calibration, Inspection
from core.rounding import plotted
from studio.frame.chart import chart
from studio.frame.domains import DomainStyle, domain_styles, shown
from studio.frame.figures import Figure, clean
from studio.frame.html import panel
from studio.frame.markup import interval, percent, render
from studio.frame.view import View
from studio.frame.words import Charts, Words
from studio.lab.inspected import (
    LOOK,
    InspectedView,
    InspectedWords,
    chosen,
    column_titles,
    inspected,
    inspection_key,
    inspection_of,
)
from studio.lab.panel import LabPanel, finished
from studio.workspace.session import Session
from studio.workspace.studio import Studio

SMALLEST, LARGEST = 6, 16
"""Diameters in pixels: from a nearly empty bin to one with all images of its domain."""


class CalibrationWords(Words):
    """The calibration of a run."""

    tab = "Calibration"
    reliability = "Reliability: how sure, and how often right"
    reliability_note = (
        "On the dashed line a model is right as often as it says. Below it, it is too sure. Faint: "
        "with the temperature. Larger marks hold more images."
    )
    confidence = "how sure the answer is"
    accuracy = "how often it is right"
    diagonal = "right as often as said"
    as_it_is = "as it is"
    with_temperature = "with T"
    bin_columns: ClassVar = ("domain", "how", "confidence", "n", "mean confidence", "accuracy")
    ece_title = "Calibration error (ECE)"
    ece_note = "How far confidence is from accuracy, on average over 15 bins; smaller is better."
    temperature = "Temperature"
    temperature_note = (
        "The temperature T divides the logits; one for each model, fitted on {n} validation images "
        "(lowest NLL). It changes no answer, only how sure it is."
    )
    no_temperature = "There are no validation images, so no temperature is fitted."
    fitted_here = "(fitted here)"


w = CalibrationWords


class CalibrationPanel(LabPanel):
    """The table of calibration errors, and the reliability diagram below it."""

    name = "calibration"
    order = 30
    words = CalibrationWords

    def __init__(self, studio: Studio) -> None:
        table = panel()
        reliability = chart(w.reliability, height=420)
        self.views = [
            View(table, inspection_key, draw_table),
            View(reliability, inspection_key, draw_reliability),
        ]
        self.events = [(table.action, LOOK)]


def draw_table(session: Session) -> str:
    """The calibration errors, or a button that computes them."""
    return inspected(session, lambda found: calibration_lab(found, session.of(InspectedView)))


def draw_reliability(session: Session) -> Any:
    """The diagram of the chosen model."""
    inspection = inspection_of(session)
    if inspection is None:
        return {"empty": InspectedWords.text}
    column = chosen(inspection, session.of(InspectedView)).column
    return reliability_chart(inspection, column, str(finished(session)))


def calibration_lab(inspection: Inspection, view: InspectedView) -> str:
    """The choice of the model, the temperatures, and every ECE with its n."""
    rows = [
        {
            "style": style,
            "n": len(inspection.domains[style.key].labels),
            "fitted_here": style.role == "val",
            "ece": [_pair(inspection, style.key, column) for column in COLUMNS],
        }
        for style in domain_styles(inspection.domains)
    ]
    fitted = inspection.domains.get("val")
    return render(
        "lab/calibration.html",
        say=w,
        both=InspectedWords,
        now=chosen(inspection, view),
        titles=column_titles(inspection),
        rows=rows,
        temperatures=[inspection.temperatures.get(column) for column in COLUMNS],
        temperature_note=w.temperature_note.format(n=len(fitted.labels))
        if fitted
        else w.no_temperature,
    )


def _pair(inspection: Inspection, domain: str, column: str) -> tuple[str, str]:
    answer = inspection.domains[domain].answers[column]
    return percent(answer.plain.ece), percent(answer.scaled.ece if answer.scaled else None)


def reliability_chart(inspection: Inspection, column: str, run_id: str) -> Figure:
    """Accuracy over confidence in 15 bins, with and without temperature. Value of a `chart`."""
    domains = shown(inspection.domains)
    data: list[Figure] = [
        {
            "type": "scatter", "mode": "lines", "x": [0, 100], "y": [0, 100], "hoverinfo": "skip",
            "name": w.diagonal, "showlegend": False,
            "line": {"color": "var(--ek-ink-3)", "width": 1.2, "dash": "4px,4px"},
        }
    ]  # fmt: skip
    rows: list[list[str]] = []
    for style in domains:
        answer = inspection.domains[style.key].answers[column]
        data.append(_bins(style, answer.plain, dashed=False))
        rows += _rows(style, w.as_it_is, answer.plain)
        if answer.scaled:
            data.append(_bins(style, answer.scaled, dashed=True))
            rows += _rows(style, w.with_temperature, answer.scaled)
    said = "; ".join(
        f"{style.title} {percent(inspection.domains[style.key].answers[column].plain.ece)}"
        for style in domains
    )
    axis = {"range": [-2, 102], "ticksuffix": " %"}
    return {
        "figure": {
            "data": data,
            "layout": {
                "uirevision": f"{run_id} {column}",
                "xaxis": {**axis, "title": {"text": w.confidence}},
                "yaxis": {**axis, "title": {"text": w.accuracy}},
                "margin": {"l": 60},
            },
        },
        "table": {"columns": list(w.bin_columns), "rows": rows},
        "label": f"{w.reliability}. ECE: {said}.",
        "note": w.reliability_note,
    }


def _bins(style: DomainStyle, calibration: Calibration, dashed: bool) -> Figure:
    full = [one for one in calibration.bins if one.count]
    n = sum(one.count for one in full)
    return {
        "type": "scatter", "mode": "lines+markers", "name": style.title, "legendgroup": style.key,
        "showlegend": not dashed, "opacity": 0.6 if dashed else 1,
        "x": _percent([one.confidence for one in full]),
        "y": _percent([one.accuracy for one in full]),
        "customdata": [one.count for one in full],
        "line": {"color": style.colour, "width": 1.6, "dash": "3px,3px" if dashed else "solid"},
        "marker": {
            "symbol": style.symbol, "color": style.colour,
            "size": [SMALLEST + (LARGEST - SMALLEST) * (one.count / n) ** 0.5 for one in full],
        },
        "hovertemplate": f"{clean(style.title)}"
        f"{f', {w.with_temperature}' if dashed else ''}<br>"
        f"{Charts.sure_and_right.format(sure='%{x:.1f} %', right='%{y:.1f} %')}<br>"
        "n = %{customdata}<extra></extra>",
    }  # fmt: skip


def _rows(style: DomainStyle, how: str, calibration: Calibration) -> list[list[str]]:
    return [
        [style.title, how, interval(one.low, one.high), str(one.count),
         percent(one.confidence), percent(one.accuracy)]
        for one in calibration.bins
        if one.count
    ]  # fmt: skip


def _percent(shares: Sequence[float | None]) -> list[float]:
    return [plotted(share) for share in shares if share is not None]
