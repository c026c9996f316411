"""Plots prompt templates: kept, odd or excluded, with their clusters before and after."""

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from core.results.correction import Clusters, Correction, TemplateClusters
from core.results.space import Places, PlaneName
from studio.frame.figures import COLOURS, SYMBOLS, Figure, clean
from studio.frame.markup import percent
from studio.frame.words import Words
from studio.lab.words import Lab

Place = tuple[float, float]


class TemplatesWords(Words):
    """The picture of the templates."""

    picture = "Templates in the plane"
    notes: ClassVar = {
        "tsne": "t-SNE: near dots say alike things. A centre is drawn amid its templates.",
        "pca": "PCA: {explained} of all variance. A centre is the mean of its templates.",
    }
    arrows = "Arrows lead from a centre before to the one that shares most templates after."
    label = (
        "{n} templates in the plane of {plane}: {kept} kept, {odd} left out as odd, "
        "{centres} clusters."
    )
    uses: ClassVar = {
        "kept": "kept ({n})",
        "odd": "left out as odd ({n})",
        "excluded": "excluded ({n})",
        "centre": "centre ({n})",
        "before": "centre before ({n})",
    }
    use: ClassVar = {"kept": "kept", "odd": "left out as odd", "excluded": "excluded"}
    columns: ClassVar = ("template", "use", "cluster")
    columns_again: ClassVar = ("template", "use before", "cluster", "use after", "cluster")


w = TemplatesWords


def templates_chart(found: Correction, by: str, plane: PlaneName, run_id: str) -> Figure:
    """The templates, coloured by use or by cluster. Value of a `chart`."""
    now, places = found.after or found.before, found.places[plane]
    draw: Callable[..., Iterator[Figure]] = _by_cluster if by == "cluster" else _by_use
    bare = {"showticklabels": False, "showgrid": False}
    note = w.notes[plane].format(explained=percent(found.explained, 0))
    uses = uses_of(found, now)
    return {
        "figure": {
            "data": [*draw(found, now, places), *_centres(found, places)],
            "layout": {
                "uirevision": f"{run_id} {plane}",
                "xaxis": bare,
                "yaxis": bare,
                "margin": {"l": 12, "r": 12, "t": 8, "b": 12},
                "annotations": list(_arrows(found, places)),
            },
        },
        "table": {
            "columns": list(w.columns_again if found.after else w.columns),
            "rows": _rows(found),
        },
        "label": w.label.format(
            n=len(found.templates),
            plane=Lab.planes[plane],
            kept=now.kept,
            odd=uses.count("odd"),
            centres=now.centres,
        ),
        "note": f"{note} {w.arrows}" if found.after else note,
    }


def uses_of(found: Correction, estimate: TemplateClusters) -> list[str]:
    """The use of each template: `kept`, `odd` or `excluded`."""
    excluded = set(estimate.excluded)
    return [
        "excluded" if text in excluded else "odd" if cluster is None else "kept"
        for text, cluster in zip(found.templates, estimate.clusters, strict=True)
    ]


def centres_of(clusters: Clusters, places: Places) -> dict[int, Place]:
    """The position of each cluster's centre: the mean of its templates, which is exact for PCA."""
    members: dict[int, list[Place]] = {}
    for cluster, place in zip(clusters, places, strict=True):
        if cluster is not None:
            members.setdefault(cluster, []).append(place)
    return {
        cluster: (sum(x for x, _ in own) / len(own), sum(y for _, y in own) / len(own))
        for cluster, own in sorted(members.items())
    }


def _by_use(found: Correction, now: TemplateClusters, places: Places) -> Iterator[Figure]:
    uses = uses_of(found, now)
    looks = (
        ("kept", "circle", 7, "var(--ek-ink-3)"),
        ("odd", "x-thin-open", 9, "var(--ek-s1)"),
        ("excluded", "circle-open", 7, "var(--ek-s2)"),
    )
    for use, symbol, size, colour in looks:
        own = [i for i, one in enumerate(uses) if one == use]
        if own:
            yield _dots(found, places, own, w.uses[use], (symbol, size, colour))


def _by_cluster(found: Correction, now: TemplateClusters, places: Places) -> Iterator[Figure]:
    """Draw each cluster with its own marker, and lines from its templates to the centre."""
    for cluster, (x, y) in centres_of(now.clusters, places).items():
        own = [i for i, one in enumerate(now.clusters) if one == cluster]
        colour, symbol = COLOURS[cluster % 6], SYMBOLS[(cluster + cluster // 6) % 6]
        yield {
            "type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False,
            "x": [v for i in own for v in (x, places[i][0], None)],
            "y": [v for i in own for v in (y, places[i][1], None)],
            "line": {"color": colour, "width": 1}, "opacity": 0.5,
        }  # fmt: skip
        yield {
            **_dots(found, places, own, w.uses["kept"], (symbol, 8, colour)), "showlegend": False,
        }  # fmt: skip
    yield from (trace for trace in _by_use(found, now, places) if _is_out(trace))


def _is_out(trace: Figure) -> bool:
    return bool(trace["marker"]["symbol"].endswith("-open"))


def _centres(found: Correction, places: Places) -> Iterator[Figure]:
    now = found.after or found.before
    if found.after:
        yield _diamonds(found.before, places, "before", "diamond-open", "var(--ek-ink-3)")
    yield _diamonds(now, places, "centre", "diamond", "var(--ek-ink)")


def _diamonds(of: TemplateClusters, places: Places, use: str, symbol: str, colour: str) -> Figure:
    at = centres_of(of.clusters, places)
    return {
        "type": "scatter", "mode": "markers", "name": w.uses[use].format(n=len(at)),
        "x": [x for x, _ in at.values()], "y": [y for _, y in at.values()],
        "text": [str(cluster + 1) for cluster in at],
        "marker": {"symbol": symbol, "size": 12, "color": colour},
        "hovertemplate": f"{w.columns[2]} %{{text}}<extra></extra>",
    }  # fmt: skip


def _arrows(found: Correction, places: Places) -> Iterator[Figure]:
    """Draw arrows from the centres before to those after, if they moved."""
    if found.after is None:
        return
    old, new = (centres_of(e.clusters, places) for e in (found.before, found.after))
    for before, after in found.pairs:
        (ax, ay), (x, y) = old[before], new[after]
        if (ax, ay) != (x, y):
            yield {
                "x": x, "y": y, "ax": ax, "ay": ay, "text": "", "showarrow": True,
                "xref": "x", "yref": "y", "axref": "x", "ayref": "y",
                "standoff": 7, "arrowhead": 2, "arrowwidth": 1.6, "arrowcolor": "var(--ek-accent)",
            }  # fmt: skip


def _dots(
    found: Correction, places: Places, own: Sequence[int], name: str, look: tuple[str, int, str]
) -> Figure:
    symbol, size, colour = look
    return {
        "type": "scatter", "mode": "markers", "name": name.format(n=len(own)),
        "x": [places[i][0] for i in own], "y": [places[i][1] for i in own],
        "text": [clean(found.templates[i]) for i in own],
        "marker": {
            "symbol": symbol, "size": size, "color": colour,
            "line": {"width": 2 if "thin" in symbol else 0},
        },
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _rows(found: Correction) -> list[list[str]]:
    estimates = [found.before, found.after] if found.after else [found.before]
    uses = [uses_of(found, estimate) for estimate in estimates]
    rows = []
    for i, text in enumerate(found.templates):
        row = [text]
        for estimate, use in zip(estimates, uses, strict=True):
            cluster = estimate.clusters[i]
            row += [w.use[use[i]], "–" if cluster is None else str(cluster + 1)]
        rows.append(row)
    return rows
