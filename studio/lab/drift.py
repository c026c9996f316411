"""The Drift panel: movement of features by domain, and accuracy under synthetic effects."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import gradio as gr

from core.results.records import DomainScore, Drift, RunRecord
from core.rounding import plotted
from studio.frame.chart import chart
from studio.frame.domains import DomainStyle, domain_styles
from studio.frame.figures import Figure, clean
from studio.frame.markup import decimal, interval, percent, points
from studio.frame.view import View
from studio.frame.words import Charts, Words
from studio.lab.panel import LabPanel, record_of, run_key
from studio.lab.words import Lab
from studio.workspace.session import Session
from studio.workspace.studio import Studio

Measure = Callable[[Drift], float | None]
_COLOURS = {"zero-shot": "var(--ek-line-2)", "fine-tuned": "var(--ek-accent)"}


class DriftWords(Words):
    """The drift of features, and the stress set."""

    tab = "Drift"
    distortion = "Feature distortion by domain"
    distortion_note = (
        "How far the fine-tuned tower moved an image's unit features from CLIP's, on average: 0 is "
        "not at all, 2 the most there is. Little on OOD means that CLIP's knowledge was kept."
    )
    energy_gap = "Energy gap by domain"
    energy_gap_note = (
        "How much training changed what images and random texts have to do with each other "
        "(squared, averaged over the texts); 0 is not at all. It grows with the model's own "
        "temperature: compare domains, not models."
    )
    no_drift = (
        "This run holds no drift: an older version trained it, or it is an ensemble. Train it "
        "again to see it."
    )
    no_gap = "The text tower of this model cannot read random texts, so there is no energy gap."
    stress = "Stress set (synthetic)"
    stress_note = (
        "Synthetic: the test images changed by eight effects, not photos of another place. No part "
        "of any OOD number. Bars: 95 % interval."
    )
    stress_worst = "Lowest after fine-tuning"
    stress_columns: ClassVar = (
        "effect (synthetic)",
        "zero-shot",
        "fine-tuned",
        "95 % interval",
        "change",
        "n",
    )
    no_stress = (
        "No stress set was measured: it is when a data set has no OOD folder, or when the run was "
        "asked for it."
    )


w = DriftWords


class DriftPanel(LabPanel):
    """Two measures of drift side by side, and the stress set below them."""

    name = "drift"
    order = 40
    words = DriftWords

    def __init__(self, studio: Studio) -> None:
        with gr.Row(elem_classes="ek-pair", equal_height=True):
            distortion = chart(w.distortion, min_width=320)
            gap = chart(w.energy_gap, min_width=320)
        stress = chart(w.stress, height=320)
        self.views = [
            View(distortion, run_key, _drawn_by(distortion_chart)),
            View(gap, run_key, _drawn_by(energy_gap_chart)),
            View(stress, run_key, _drawn_by(stress_chart)),
        ]
        self.events = []


def _drawn_by(figure: Callable[[RunRecord], Figure]) -> Callable[[Session], Any]:
    """A drawing function for a chart of the run's record."""

    def draw(session: Session) -> Any:
        record = record_of(session)
        return figure(record) if record else None

    return draw


def distortion_chart(record: RunRecord) -> Figure:
    """Mean change of the unit image features, from 0 to 2. Value of a `chart`."""
    return _chart(record, lambda d: d.distortion, (w.distortion, w.distortion_note), w.no_drift)


def energy_gap_chart(record: RunRecord) -> Figure:
    """Mean squared change of the energy over random texts. Value of a `chart`."""
    empty = w.no_gap if record.drift else w.no_drift
    return _chart(record, lambda d: d.energy_gap, (w.energy_gap, w.energy_gap_note), empty)


def _chart(record: RunRecord, measure: Measure, said: tuple[str, str], empty: str) -> Figure:
    measured = _measured(record.drift, measure)
    if not measured:
        return {"empty": empty}
    domains = domain_styles(measured)
    sizes = {name: score.n for name, score in record.evaluations["fine-tuned"].domains.items()}
    return {
        "figure": {
            "data": [_bar(style, measured[style.key], sizes.get(style.key)) for style in domains],
            "layout": {
                "uirevision": record.run_id,
                "xaxis": {"showgrid": False, "type": "category"},
                "yaxis": {"rangemode": "tozero"},
                "bargap": 0.45,
            },
        },
        "table": {
            "columns": [Lab.domain, said[0], "n"],
            "rows": [
                [style.title, decimal(measured[style.key], 4), str(sizes.get(style.key, "–"))]
                for style in domains
            ],
        },
        "label": f"{said[0]}: "
        + "; ".join(f"{style.title} {decimal(measured[style.key], 3)}" for style in domains)
        + ".",
        "note": said[1],
    }


def _measured(drift: Mapping[str, Drift], measure: Measure) -> dict[str, float]:
    found = {name: measure(one) for name, one in drift.items()}
    return {name: value for name, value in found.items() if value is not None}


def _bar(style: DomainStyle, value: float, n: int | None) -> Figure:
    title = clean(style.title)
    return {
        "type": "bar", "name": style.title, "x": [title], "y": [value], "showlegend": False,
        "marker": {"color": style.colour},
        "hovertemplate": f"{title}<br>%{{y:.4f}} (n = {n})<extra></extra>",
    }  # fmt: skip


def stress_chart(record: RunRecord) -> Figure:
    """A bar with its interval for each effect and model. Value of a `chart`; labelled synthetic."""
    measured = {end: record.stress[end] for end in _COLOURS if record.stress.get(end)}
    if len(measured) < len(_COLOURS):
        return {"empty": w.no_stress}
    zero, tuned = measured["zero-shot"], measured["fine-tuned"]
    effects = [name for name in zero if name in tuned]
    rows = [_stress_row(name, zero[name], tuned[name]) for name in effects]
    worst = min(effects, key=lambda name: tuned[name].accuracy)
    return {
        "figure": {
            "data": [_stress_bars(end, effects, scores) for end, scores in measured.items()],
            "layout": {
                "uirevision": record.run_id,
                "barmode": "group",
                "xaxis": {"showgrid": False, "type": "category"},
                "yaxis": {"ticksuffix": " %", "range": [0, 102]},
            },
        },
        "table": {"columns": list(w.stress_columns), "rows": rows},
        "label": f"{w.stress}. {w.stress_worst}: {Charts.effects[worst]} "
        f"{percent(tuned[worst].accuracy)}.",
        "note": w.stress_note,
    }


def _stress_bars(end: str, effects: Sequence[str], scores: Mapping[str, DomainScore]) -> Figure:
    found, name = [scores[effect] for effect in effects], Charts.ends[end]
    return {
        "type": "bar", "name": name,
        "x": [Charts.effects[effect] for effect in effects],
        "y": [plotted(s.accuracy) for s in found],
        "customdata": [s.n for s in found], "marker": {"color": _COLOURS[end]},
        "error_y": {
            "type": "data", "symmetric": False, "thickness": 1, "width": 0,
            "color": "var(--ek-ink-2)",
            "array": [100 * (s.high - s.accuracy) for s in found],
            "arrayminus": [100 * (s.accuracy - s.low) for s in found],
        },
        "hovertemplate": f"%{{x}}, {name}<br>%{{y:.1f}} % (n = %{{customdata}})<extra></extra>",
    }  # fmt: skip


def _stress_row(effect: str, zero: DomainScore, tuned: DomainScore) -> list[str]:
    return [
        Charts.effects[effect], percent(zero.accuracy), percent(tuned.accuracy),
        interval(tuned.low, tuned.high), points(tuned.accuracy - zero.accuracy), str(tuned.n),
    ]  # fmt: skip
