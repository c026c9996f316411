"""Plots learning rate, gradient norm, and the movement of the features."""

from collections.abc import Sequence
from typing import Any

from core.results.untrained import PrototypeLook
from studio.frame.figures import Figure, smooth, thin
from studio.live import words

_ROWS = ((0.71, 1.0), (0.37, 0.66), (0.0, 0.31))
"""The vertical range of each of the three parts, from the top, as shares of the height."""


def updates_chart(
    run_id: str, updates: Sequence[Sequence[float]], trail: Sequence[PrototypeLook]
) -> Figure:
    """Three parts over the same steps. Value of a `chart`.

    `updates` are [step, learning rate, gradient norm]; `trail` has the observations of the
    prototype plot.
    """
    if not updates:
        return {"empty": words.Live.updates_empty}
    w, kept = words.Live, thin(updates)
    x = [step for step, *_ in kept]
    norms = dict(zip((u[0] for u in updates), smooth([u[2] for u in updates]), strict=True))
    looks = [look for look in trail if look.moved is not None and look.divergence is not None]
    at = [look.step for look in looks]
    data = [
        _line(x, [u[2] for u in kept], "y", "var(--ek-line-2)", w.gradient, showlegend=False),
        _line(x, [norms[step] for step in x], "y", "var(--ek-accent)", w.gradient),
        _line(x, [rate for _, rate, _ in kept], "y2", "var(--ek-s2)", w.rate),
    ]
    for name, field, symbol, colour in (
        (w.moved, "moved", "circle", "var(--ek-s1)"),
        (w.divergence, "divergence", "diamond", "var(--ek-s3)"),
    ):
        if looks:
            line = _line(at, [getattr(look, field) for look in looks], "y3", colour, name)
            marker = {"symbol": symbol, "size": 7, "color": colour}
            data.append({**line, "mode": "lines+markers", "marker": marker})
    return {
        "figure": {
            "data": data,
            "layout": {
                "uirevision": run_id,
                "xaxis": {"title": {"text": "step"}, "showgrid": False, "anchor": "y3"},
                "yaxis": {"domain": _ROWS[0], "rangemode": "tozero", "nticks": 4},
                "yaxis2": {"domain": _ROWS[1], "rangemode": "tozero", "nticks": 4,
                           "exponentformat": "e"},
                "yaxis3": {"domain": _ROWS[2], "rangemode": "tozero", "nticks": 4},
            },
        },
        "table": {
            "columns": ["step", w.rate, w.gradient, w.moved, w.divergence],
            "rows": [
                *([f"{s:.0f}", f"{rate:.3g}", f"{norm:.4g}", "", ""] for s, rate, norm in
                  thin(updates, 60)),
                *([str(look.step), "", "", f"{look.moved:.4f}", f"{look.divergence:.5f}"]
                  for look in looks),
            ],
        },
        "label": f"{w.updates}: gradient norm {norms[x[-1]]:.3g}, learning rate {kept[-1][1]:.3g}"
        + (f", features moved by {looks[-1].moved:.3f}." if looks else "."),
        "note": w.updates_note,
    }  # fmt: skip


def _line(
    x: Sequence[float], y: Sequence[float], axis: str, colour: str, name: str, **more: Any
) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "x": list(x), "y": list(y), "yaxis": axis,
        "name": name, "line": {"color": colour, "width": 1.8},
        "hovertemplate": f"step %{{x}}<br>{name} %{{y:.4g}}<extra></extra>", **more,
    }  # fmt: skip
