"""Accuracy under the synthetic stress set: effects side by side, zero-shot beside tuned."""

from collections.abc import Mapping, Sequence

from core.results.records import DomainScore, RunRecord
from core.rounding import plotted
from studio.frame.figures import Figure
from studio.frame.markup import interval, percent, points
from studio.lab import words

_COLOURS = {"zero-shot": "var(--ek-line-2)", "fine-tuned": "var(--ek-accent)"}


def stress_chart(record: RunRecord) -> Figure:
    """A bar an effect and model, with its interval. Value of a `chart`; labelled synthetic."""
    measured = {end: record.stress[end] for end in _COLOURS if record.stress.get(end)}
    if len(measured) < len(_COLOURS):
        return {"empty": words.Lab.no_stress}
    zero, tuned = measured["zero-shot"], measured["fine-tuned"]
    effects = [name for name in zero if name in tuned]
    rows = [_row(name, zero[name], tuned[name]) for name in effects]
    worst = min(effects, key=lambda name: tuned[name].accuracy)
    return {
        "figure": {
            "data": [_bars(end, effects, scores) for end, scores in measured.items()],
            "layout": {
                "uirevision": record.run_id,
                "barmode": "group",
                "xaxis": {"showgrid": False, "type": "category"},
                "yaxis": {"ticksuffix": " %", "range": [0, 102]},
            },
        },
        "table": {"columns": list(words.Lab.stress_columns), "rows": rows},
        "label": f"{words.Lab.stress}. {words.Lab.stress_worst}: {words.Charts.effects[worst]} "
        f"{percent(tuned[worst].accuracy)}.",
        "note": words.Lab.stress_note,
    }


def _bars(end: str, effects: Sequence[str], scores: Mapping[str, DomainScore]) -> Figure:
    found, name = [scores[effect] for effect in effects], words.Charts.ends[end]
    return {
        "type": "bar", "name": name,
        "x": [words.Charts.effects[effect] for effect in effects],
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


def _row(effect: str, zero: DomainScore, tuned: DomainScore) -> list[str]:
    return [
        words.Charts.effects[effect], percent(zero.accuracy), percent(tuned.accuracy),
        interval(tuned.low, tuned.high), points(tuned.accuracy - zero.accuracy), str(tuned.n),
    ]  # fmt: skip
