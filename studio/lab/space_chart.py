"""Image features in the plane, by class or by domain, at one end of training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.results.space import By, End, FeatureSpace, Places, PlaneName
from studio.frame.domains import Look, looks
from studio.frame.figures import Figure, clean
from studio.frame.markup import decimal, percent
from studio.lab import words

COLOURS = tuple(f"var(--ek-s{i})" for i in range(6))
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
MOST_NAMED = 12
"""Classes with a colour and symbol of their own: more cannot be told apart."""


@dataclass(frozen=True)
class _Mark:
    """How the images of one group are drawn."""

    title: str
    colour: str
    symbol: str


def space_chart(space: FeatureSpace, end: End, by: By, plane: PlaneName, run_id: str) -> Figure:
    """The images of one end. Value of a `chart`; the axes are those of the other end too."""
    w, grouping = words.Space, space.grouped[by][end]
    places, named = space.places[plane], len(_marks(space, by))
    left = len(grouping.groups) - named
    note = w.notes[plane].format(explained=percent(space.explained, 0))
    return {
        "figure": {
            "data": list(_traces(space, by, places[end], left)),
            "layout": _layout(places, f"{run_id} {plane}"),
        },
        "table": {
            "columns": [w.group[by], "n", w.separation, w.nearest],
            "rows": [
                [
                    _title(by, one.name),
                    str(one.n),
                    separation(one.separation),
                    _title(by, one.nearest) if one.nearest else "–",
                ]
                for one in grouping.groups
            ],
        },
        "label": w.label.format(
            end=w.ends[end],
            n=len(space.labels),
            by=w.by[by],
            plane=w.planes[plane],
            separation=separation(grouping.separation),
        ),
        "note": f"{note} {w.hardest.format(n=named)}" if left else note,
    }


def separation(value: float | None) -> str:
    """A silhouette with its sign: `+0.214`."""
    if value is None:
        return "–"
    return f"{'−' if value < 0 else '+'}{decimal(abs(value), 3)}"


def _title(by: By, name: str) -> str:
    return looks([name])[0].title if by == "domain" else name


def _marks(space: FeatureSpace, by: By) -> dict[int, _Mark]:
    """Group to its looks: every domain, and the classes that lie least apart at α."""
    if by == "domain":
        index = {name: i for i, name in enumerate(space.domains)}
        return {
            index[look.key]: _Mark(look.title, look.colour, _symbol(look))
            for look in looks(space.domains)
        }
    groups = space.grouped["class"]["alpha"].groups
    named = sorted(groups, key=lambda one: one.separation or 0.0)[:MOST_NAMED]
    return {
        one.index: _Mark(one.name, COLOURS[i % 6], SYMBOLS[(i + i // 6) % 6])
        for i, one in enumerate(sorted(named, key=lambda one: one.index))
    }


def _symbol(look: Look) -> str:
    """Validation and test images are of one domain and colour, and are drawn apart."""
    return "circle-open" if look.role == "val" else look.symbol


def _traces(space: FeatureSpace, by: By, places: Places, left: int) -> Iterator[Figure]:
    """A trace for each group; the images without a name lie below the others."""
    marks, of = _marks(space, by), _group_of(space, by)
    other = [clean(title) for title in _titles(space, "domain" if by == "class" else "class")]
    points = list(zip(places, of, other, strict=True))
    if left:
        rest = [(place, text) for place, group, text in points if group not in marks]
        title = words.Space.others.format(n=left)
        yield _dots(rest, _Mark(title, "var(--ek-line-2)", "circle"))
    for index, mark in marks.items():
        own = [(place, text) for place, group, text in points if group == index]
        yield _dots(own, mark)


def _group_of(space: FeatureSpace, by: By) -> list[int]:
    return space.labels if by == "class" else space.domain


def _titles(space: FeatureSpace, by: By) -> list[str]:
    """What the group of each image is called."""
    names = space.names if by == "class" else space.domains
    titles = [_title(by, name) for name in names]
    return [titles[index] for index in _group_of(space, by)]


def _dots(points: Sequence[tuple[tuple[float, float], str]], mark: _Mark) -> Figure:
    """Places, each with what is said of it beside the name of its group."""
    title = clean(mark.title)
    return {
        "type": "scatter", "mode": "markers", "name": mark.title, "opacity": 0.8,
        "x": [x for (x, _), _ in points], "y": [y for (_, y), _ in points],
        "text": [text for _, text in points],
        "marker": {"symbol": mark.symbol, "size": 7, "color": mark.colour},
        "hovertemplate": f"{title} (n = {len(points)})<br>%{{text}}<extra></extra>",
    }  # fmt: skip


def _layout(places: dict[End, Places], revision: str) -> Figure:
    every = [place for of in places.values() for place in of]
    axes = {}
    for name, values in (("xaxis", [x for x, _ in every]), ("yaxis", [y for _, y in every])):
        room = 0.06 * (max(values) - min(values)) or 1.0
        axes[name] = {
            "range": [min(values) - room, max(values) + room],
            "showticklabels": False, "showgrid": False,
        }  # fmt: skip
    return {"uirevision": revision, "margin": {"l": 12, "r": 12, "t": 8, "b": 12}, **axes}
