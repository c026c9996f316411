"""Numbers to Plotly figures, by pure functions.

Colours are names of CSS variables, which the page resolves: one figure suits both themes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.records import RunRecord
from studio import words
from studio.domains import Look, shown
from studio.markup import percent, points

Figure = dict[str, Any]
MOST_POINTS = 400
DODGE = 0.008
"""Share of the axis between two domains, so that their intervals do not cover each other."""
SMOOTHING = 0.15
"""Weight of the newest step in the smoothed loss."""


def loss_chart(run_id: str, losses: Sequence[Sequence[float]], steps: int) -> Figure:
    """Raw and smoothed training loss over the steps. Value of a `chart`."""
    if not losses:
        return {"empty": words.Live.loss_empty}
    kept = thin(losses)
    x = [step for step, _ in kept]
    raw = [loss for _, loss in kept]
    smooth_by_step = dict(zip((s for s, _ in losses), smooth([v for _, v in losses]), strict=True))
    soft = [smooth_by_step[step] for step in x]
    top = max(max(x), steps)
    figure = {
        "data": [
            _line(x, raw, "var(--ek-line-2)", width=1.2, name="each step"),
            _line(x, soft, "var(--ek-accent)", width=2.2, name="smoothed"),
        ],
        "layout": {
            "uirevision": run_id,
            "xaxis": {"title": {"text": "step"}, "range": [0, top * 1.01], "showgrid": False},
            "yaxis": {"rangemode": "tozero"},
        },
    }
    return {
        "figure": figure,
        "table": {
            "columns": ["step", "loss"],
            "rows": [[s, f"{v:.4f}"] for s, v in thin(losses, 60)],
        },
        "label": f"Training loss over {len(losses)} steps, now {soft[-1]:.3f}.",
    }


def accuracy_chart(run_id: str, evaluations: Sequence[Mapping[str, Any]], steps: int) -> Figure:
    """Accuracy by domain over the steps, zero-shot dashed. Value of a `chart`."""
    along = [e for e in evaluations if e["label"] in ("zero-shot", "training", "fine-tuned")]
    if not along:
        return {"empty": words.Live.accuracy_empty}
    along = sorted({e["step"]: e for e in along}.values(), key=lambda e: e["step"])
    domains = shown(along[0]["domains"])
    last = max(along[-1]["step"], steps, 1)
    data: list[Figure] = []
    for i, look in enumerate(domains):
        beside = DODGE * last * (i - (len(domains) - 1) / 2)
        data.append(_zero_line(look, along[0]["domains"][look.key], last))
        data.append(_domain_line(look, along, beside))
    layout = {
        "uirevision": run_id,
        "xaxis": {
            "title": {"text": "step"},
            "range": [-0.04 * last, last * 1.04],
            "showgrid": False,
        },
        "yaxis": {"ticksuffix": " %"},
    }
    newest = along[-1]["domains"]
    label = "; ".join(f"{d.title} {percent(newest[d.key]['accuracy'])}" for d in domains)
    return {
        "figure": {"data": data, "layout": layout},
        "table": _accuracy_table(along, domains),
        "label": f"Accuracy by domain at step {along[-1]['step']}: {label}.",
        "note": words.Live.accuracy_note,
    }


def frontier_figure(record: RunRecord) -> Figure:
    """ID against OOD accuracy for every measured α; the last trace is the α of the slider."""
    grid = sorted(record.wise, key=lambda point: point.alpha)
    with_ood = all(point.ood is not None for point in grid)
    x = [100 * point.id for point in grid]
    y = [100 * point.ood if point.ood is not None else 100 * point.alpha for point in grid]
    texts = [f"α = {point.alpha:.2f}" for point in grid]
    hover = "%{text}<br>ID %{x:.1f} %<br>OOD %{y:.1f} %<extra></extra>"
    chosen = min(range(len(grid)), key=lambda i: abs(grid[i].alpha - record.selection.alpha))
    ends = [
        _end(x[0], y[0], "zero-shot", "circle-open"),
        _end(x[-1], y[-1], "fine-tuned", "square-open"),
    ]
    data = [
        {
            "type": "scatter", "mode": "lines+markers", "x": x, "y": y, "text": texts,
            "line": {"color": "var(--ek-ink-3)", "width": 1.6},
            "marker": {"color": "var(--ek-ink-3)", "size": 5}, "hovertemplate": hover,
            "name": "every α", "showlegend": False,
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
            "name": "this α", "hoverinfo": "skip",
        },
    ]  # fmt: skip
    layout = {
        "uirevision": record.run_id,
        "xaxis": {"title": {"text": "accuracy on your images (ID), %"}, "range": _padded(x)},
        "yaxis": {
            "title": {"text": "mean OOD accuracy, %" if with_ood else "α, %"},
            "range": _padded(y),
        },
        "margin": {"l": 56},
    }
    return {"data": data, "layout": layout}


def prototypes_chart(prototypes: Mapping[str, Any] | None, run_id: str, empty: str) -> Figure:
    """Templates, outliers, centres, and training features by epoch. Value of a `chart`."""
    if not prototypes or not prototypes.get("templates"):
        return {"empty": empty}
    templates = prototypes["templates"]
    kept = [t for t in templates if t["kept"]]
    odd = [t for t in templates if not t["kept"]]
    centres, trail = prototypes["centres"], prototypes["trail"]
    data = [
        _dots(kept, "circle", 7, "var(--ek-ink-3)", f"template ({len(kept)})", opacity=0.55),
        _dots(odd, "x-thin-open", 9, "var(--ek-s1)", f"left out ({len(odd)})"),
        _dots(centres, "diamond", 13, "var(--ek-ink)", f"centre ({len(centres)})"),
    ]
    bare = {"showticklabels": False, "showgrid": False, "showline": False}
    layout = {
        "uirevision": run_id,
        "xaxis": bare,
        "yaxis": bare,
        "margin": {"l": 12, "r": 12, "t": 8, "b": 12},
    }
    rows = [[t["text"], "kept" if t["kept"] else "left out", _cluster(t)] for t in templates]
    return {
        "figure": {"data": data, "layout": layout},
        "frames": [
            {"label": str(at["epoch"]), "data": _drift(trail[: i + 1])}
            for i, at in enumerate(trail)
        ],
        "table": {"columns": ["template", "use", "cluster"], "rows": rows},
        "label": f"{len(kept)} prompt templates kept, {len(odd)} left out as odd, {len(centres)} "
        f"cluster centres; training features after epoch {trail[-1]['epoch'] if trail else 0}.",
        "note": prototypes.get("note", ""),
    }


def smooth(values: Sequence[float], weight: float = SMOOTHING) -> list[float]:
    """Exponential moving average, starting at the first value."""
    out: list[float] = []
    for value in values:
        out.append(value if not out else out[-1] + weight * (value - out[-1]))
    return out


def thin(pairs: Sequence[Sequence[float]], most: int = MOST_POINTS) -> list[Sequence[float]]:
    """At most `most` of the pairs, evenly, always with the first and the last."""
    if len(pairs) <= most:
        return list(pairs)
    step = (len(pairs) - 1) / (most - 1)
    return [pairs[round(i * step)] for i in range(most)]


def _line(
    x: list[Any], y: list[float], colour: str, width: float, name: str, **more: Any
) -> Figure:
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name,
        "line": {"color": colour, "width": width},
        "hovertemplate": f"step %{{x}}<br>{name} %{{y:.3f}}<extra></extra>", **more,
    }  # fmt: skip


def _zero_line(look: Look, score: Mapping[str, Any], last: int) -> Figure:
    y = 100 * score["accuracy"]
    return {
        "type": "scatter", "mode": "lines", "x": [0, last], "y": [y, y],
        "line": {"color": look.colour, "width": 1.2, "dash": "4px,4px"}, "opacity": 0.55,
        "name": f"{look.title}, zero-shot", "legendgroup": look.key, "showlegend": False,
        "hovertemplate": f"{clean(look.title)}, zero-shot<br>"
        f"%{{y:.1f}} % (n = {score['n']})<extra></extra>",
    }  # fmt: skip


def _domain_line(look: Look, along: Sequence[Mapping[str, Any]], beside: float) -> Figure:
    scores = [e["domains"][look.key] for e in along]
    y = [100 * score["accuracy"] for score in scores]
    return {
        "type": "scatter", "mode": "lines+markers", "name": look.title, "legendgroup": look.key,
        "x": [e["step"] + beside for e in along], "y": y, "customdata": [e["step"] for e in along],
        "line": {"color": look.colour, "width": 2.2},
        "marker": {"symbol": look.symbol, "size": 8, "color": look.colour},
        "error_y": {
            "type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": look.colour,
            "array": [100 * (s["high"] - s["accuracy"]) for s in scores],
            "arrayminus": [100 * (s["accuracy"] - s["low"]) for s in scores],
        },
        "hovertemplate": f"{clean(look.title)}<br>step %{{customdata}}: "
        f"%{{y:.1f}} % (n = {scores[0]['n']})<extra></extra>",
    }  # fmt: skip


def _accuracy_table(along: Sequence[Mapping[str, Any]], domains: Sequence[Look]) -> Figure:
    zero = along[0]["domains"]
    rows = [
        [
            look.title, str(e["step"]), percent(e["domains"][look.key]["accuracy"]),
            points(e["domains"][look.key]["accuracy"] - zero[look.key]["accuracy"]),
            str(e["domains"][look.key]["n"]),
        ]
        for look in domains
        for e in along
    ]  # fmt: skip
    return {"columns": ["domain", "step", "accuracy", "vs zero-shot", "n"], "rows": rows}


def _end(x: float, y: float, name: str, symbol: str) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "x": [x], "y": [y], "name": name,
        "marker": {"symbol": symbol, "size": 11, "color": "var(--ek-ink)", "line": {"width": 2}},
        "hoverinfo": "skip",
    }  # fmt: skip


def _dots(
    rows: Sequence[Mapping[str, Any]], symbol: str, size: int, colour: str, name: str, **more: Any
) -> Figure:
    return {
        "type": "scatter", "mode": "markers", "name": name,
        "x": [row["x"] for row in rows], "y": [row["y"] for row in rows],
        "text": [clean(row.get("text", name)) for row in rows],
        "marker": {
            "symbol": symbol, "size": size, "color": colour,
            "line": {"width": 2 if "thin" in symbol else 0},
        },
        "hovertemplate": "%{text}<extra></extra>", **more,
    }  # fmt: skip


def _drift(trail: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """Training features now, and the way of each class mean since epoch 0."""
    now = trail[-1]
    names = [clean(str(c["name"])) for c in now["classes"]]
    ways: dict[str, list[float | None]] = {"x": [], "y": []}
    for i in range(len(names)):
        for axis in ("x", "y"):
            ways[axis] += [at["classes"][i][axis] for at in trail] + [None]
    return [
        {
            "type": "scatter", "mode": "markers", "name": "image",
            "x": [p[0] for p in now["points"]], "y": [p[1] for p in now["points"]],
            "text": [names[int(p[2])] if int(p[2]) < len(names) else "" for p in now["points"]],
            "marker": {"size": 4, "color": "var(--ek-accent)"}, "opacity": 0.35,
            "hovertemplate": "%{text}<extra></extra>",
        },
        {
            "type": "scatter", "mode": "lines", "name": "way since epoch 0", "showlegend": False,
            "x": ways["x"], "y": ways["y"], "hoverinfo": "skip",
            "line": {"color": "var(--ek-accent)", "width": 1.4}, "opacity": 0.7,
        },
        {
            "type": "scatter", "mode": "markers", "name": "class mean",
            "x": [c["x"] for c in now["classes"]], "y": [c["y"] for c in now["classes"]],
            "text": names, "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "size": 8, "color": "var(--ek-accent)",
                "line": {"width": 1, "color": "var(--ek-surface)"},
            },
        },
    ]  # fmt: skip


def clean(text: str) -> str:
    """A user's text for a Plotly label, which understands a few HTML tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cluster(template: Mapping[str, Any]) -> str:
    return "–" if template.get("cluster") is None else str(template["cluster"] + 1)


def _padded(values: Sequence[float]) -> list[float]:
    """The range of an axis with room for markers; never narrower than four points."""
    low, high = min(values), max(values)
    room = max(0.12 * (high - low), (4 - (high - low)) / 2, 0.6)
    return [low - room, high + room]
