"""Plots accuracy by shots: a method's runs, fixed features without training, and zero-shot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from core.results.by_shots import AccuracyAtShots
from core.rounding import plotted
from studio.frame.figures import Figure, clean
from studio.frame.markup import interval, percent
from studio.frame.words import Domains, Words

Points = Mapping[str, Sequence[AccuracyAtShots]]
BESIDE = 1.035
"""Factor between two lines at the same shots, so that their intervals do not overlap."""


class CurveWords(Words):
    """The shots curve."""

    curve = "Accuracy by shots"
    axis = "labelled images per class (shots)"
    at = "{shots} shots: {accuracy} (n = {n}, mean of {draws})"
    said = "{accuracy} at {shots} shots"
    zero = "zero-shot"
    columns: ClassVar = (
        "what",
        "on",
        "shots",
        "accuracy",
        "95 % interval",
        "n",
        "mean of",
    )
    note = (
        "Solid: runs that differ from this one in shots and seed only, each at the α it chose. "
        "Dotted: no training, text and image prototypes in equal parts. Dashed: zero-shot. "
        "OOD is the plain mean of the domains. Bars: 95 % interval over the images."
    )
    untrained = "no training"


w = CurveWords


@dataclass(frozen=True)
class _Side:
    """The drawing style of ID or OOD: it has a symbol, because colour never stands alone."""

    key: str
    colour: str
    symbol: str
    shift: float

    @property
    def title(self) -> str:
        """The title of the side."""
        return Domains.sides[self.key]


_SIDES = (
    _Side("id", "var(--ek-s0)", "circle", 1 / BESIDE),
    _Side("ood", "var(--ek-s1)", "square", BESIDE),
)


def shots_chart(
    method: str, zero: Mapping[str, AccuracyAtShots], runs: Points, untrained: Points, run_id: str
) -> Figure:
    """All known curves on ID and OOD. Value of a `chart`."""
    lines = [(method, runs, "solid"), (w.untrained, untrained, "2px,3px")]
    ticks = sorted({one.shots for _, points, _ in lines for own in points.values() for one in own})
    ends = [min(ticks, default=1) / BESIDE**3, max(ticks, default=1) * BESIDE**3]
    data: list[Figure] = []
    rows: list[list[str]] = []
    for side in (side for side in _SIDES if side.key in zero):
        data.append(_flat(side, zero[side.key], ends))
        rows.append(_row(side, w.zero, zero[side.key]))
        for name, points, dash in lines:
            if side.key in points:
                data.append(_line(side, name, points[side.key], dash))
                rows += [_row(side, name, one) for one in points[side.key]]
    return {
        "figure": {
            "data": data,
            "layout": {
                "uirevision": run_id,
                "xaxis": {
                    "type": "log", "tickvals": ticks, "ticktext": [str(n) for n in ticks],
                    "title": {"text": w.axis}, "showgrid": False,
                },
                "yaxis": {"ticksuffix": " %"},
            },
        },
        "table": {"columns": list(w.columns), "rows": rows},
        "label": f"{w.curve}. " + "; ".join(_said(side, method, zero, runs) for side in _SIDES
                                            if side.key in zero) + ".",
        "note": w.note,
    }  # fmt: skip


def _line(side: _Side, name: str, points: Sequence[AccuracyAtShots], dash: str) -> Figure:
    y = [plotted(one.mean) for one in points]
    trained = dash == "solid"
    at = w.at.format(
        shots="%{customdata[0]}",
        accuracy="%{y:.1f} %",
        n="%{customdata[1]}",
        draws="%{customdata[2]}",
    )
    return {
        "type": "scatter", "mode": "lines+markers", "name": f"{clean(name)}, {side.title}",
        "x": [one.shots * (side.shift if trained else 1) for one in points], "y": y,
        "line": {"color": side.colour, "width": 2.2 if trained else 1.4, "dash": dash},
        "marker": {"symbol": side.symbol if trained else f"{side.symbol}-open",
                   "size": 8 if trained else 6, "color": side.colour},
        "opacity": 1 if trained else 0.75,
        "customdata": [[one.shots, one.n, one.draws] for one in points],
        "error_y": {
            "type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": side.colour,
            "array": [100 * (one.high - one.mean) for one in points],
            "arrayminus": [100 * (one.mean - one.low) for one in points],
            "visible": trained,
        },
        "hovertemplate": f"{clean(name)}, {side.title}<br>{at}<extra></extra>",
    }  # fmt: skip


def _flat(side: _Side, zero: AccuracyAtShots, ends: Sequence[float]) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "x": list(ends), "y": [plotted(zero.mean)] * 2,
        "line": {"color": side.colour, "width": 1.2, "dash": "6px,4px"}, "opacity": 0.55,
        "name": f"{w.zero}, {side.title}", "showlegend": False,
        "hovertemplate": f"{w.zero}, {side.title}<br>%{{y:.1f}} % (n = {zero.n})"
        "<extra></extra>",
    }  # fmt: skip


def _row(side: _Side, name: str, one: AccuracyAtShots) -> list[str]:
    return [
        name, side.title, str(one.shots), percent(one.mean), interval(one.low, one.high),
        str(one.n), str(one.draws) if one.shots else "–",
    ]  # fmt: skip


def _said(side: _Side, method: str, zero: Mapping[str, AccuracyAtShots], runs: Points) -> str:
    of_runs = (
        w.said.format(accuracy=percent(one.mean), shots=one.shots) for one in runs.get(side.key, ())
    )
    start = f"{side.title}: {w.zero} {percent(zero[side.key].mean)}, {method} "
    return start + ", ".join(of_runs)
