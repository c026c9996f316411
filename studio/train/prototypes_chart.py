"""Spurious prototypes in the plane, and the training images drifting between them."""

from collections.abc import Sequence
from typing import Any

from core.results.untrained import PlacedCentre, PlacedTemplate, PrototypeLook, Prototypes
from studio.frame.figures import Figure, clean
from studio.train import words

w = words.Charts


def prototypes_chart(prototypes: Prototypes | None, run_id: str, empty: str) -> Figure:
    """Templates, outliers, centres, and training features by epoch. Value of a `chart`."""
    if not prototypes or not prototypes.templates:
        return {"empty": empty}
    templates = prototypes.templates
    kept = [t for t in templates if t.kept]
    odd = [t for t in templates if not t.kept]
    centres, trail = prototypes.centres, prototypes.trail
    data = [
        _dots(kept, "circle", 7, "var(--ek-ink-3)", w.template.format(n=len(kept)), opacity=0.55),
        _dots(odd, "x-thin-open", 9, "var(--ek-s1)", w.odd.format(n=len(odd))),
        _dots(centres, "diamond", 13, "var(--ek-ink)", w.centre.format(n=len(centres))),
    ]
    bare = {"showticklabels": False, "showgrid": False, "showline": False}
    layout = {
        "uirevision": run_id,
        "xaxis": bare,
        "yaxis": bare,
        "margin": {"l": 12, "r": 12, "t": 8, "b": 12},
    }
    rows = [[t.text, w.kept if t.kept else w.left_out, _cluster(t)] for t in templates]
    return {
        "figure": {"data": data, "layout": layout},
        "frames": [
            {"label": str(at.epoch), "data": _drift(trail[: i + 1])} for i, at in enumerate(trail)
        ],
        "table": {"columns": list(w.prototypes_columns), "rows": rows},
        "label": w.prototypes_label.format(
            kept=len(kept),
            odd=len(odd),
            centres=len(centres),
            epoch=trail[-1].epoch if trail else 0,
        ),
        "note": prototypes.note,
    }


def _dots(
    rows: Sequence[PlacedTemplate | PlacedCentre],
    symbol: str,
    size: int,
    colour: str,
    name: str,
    **more: Any,
) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "name": name,
        "x": [row.x for row in rows], "y": [row.y for row in rows],
        "text": [clean(getattr(row, "text", name)) for row in rows],
        "marker": {
            "symbol": symbol, "size": size, "color": colour,
            "line": {"width": 2 if "thin" in symbol else 0},
        },
        "hovertemplate": "%{text}<extra></extra>", **more,
    }  # fmt: skip


def _drift(trail: Sequence[PrototypeLook]) -> list[Figure]:
    """Training features now, and the way of each class mean since epoch 0."""
    now = trail[-1]
    names = [clean(c.name) for c in now.classes]
    ways: dict[str, list[float | None]] = {"x": [], "y": []}
    for i in range(len(names)):
        ways["x"] += [*(at.classes[i].x for at in trail), None]
        ways["y"] += [*(at.classes[i].y for at in trail), None]
    return [
        {
            "type": "scatter", "mode": "markers", "name": w.image,
            "x": [p[0] for p in now.points], "y": [p[1] for p in now.points],
            "text": [names[p[2]] if p[2] < len(names) else "" for p in now.points],
            "marker": {"size": 4, "color": "var(--ek-accent)"}, "opacity": 0.35,
            "hovertemplate": "%{text}<extra></extra>",
        },
        {
            "type": "scatter", "mode": "lines", "name": w.way, "showlegend": False,
            "x": ways["x"], "y": ways["y"], "hoverinfo": "skip",
            "line": {"color": "var(--ek-accent)", "width": 1.4}, "opacity": 0.7,
        },
        {
            "type": "scatter", "mode": "markers", "name": w.class_mean,
            "x": [c.x for c in now.classes], "y": [c.y for c in now.classes],
            "text": names, "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "size": 8, "color": "var(--ek-accent)",
                "line": {"width": 1, "color": "var(--ek-surface)"},
            },
        },
    ]  # fmt: skip


def _cluster(template: PlacedTemplate) -> str:
    return "–" if template.cluster is None else str(template.cluster + 1)
