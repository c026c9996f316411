"""The Feature space panel: separation of classes and domains, before and after fine-tuning."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

import gradio as gr

from core.results.space import ENDS, GROUPED_BY, By, End, FeatureSpace, Places, PlaneName
from studio.frame.chart import chart
from studio.frame.domains import DomainStyle, domain_styles
from studio.frame.figures import COLOURS, SYMBOLS, Figure, clean
from studio.frame.html import panel
from studio.frame.markup import decimal, number, percent, render
from studio.frame.view import Actions, View, looking
from studio.frame.words import Words
from studio.lab.panel import LabPanel, finished, offer, required, take
from studio.lab.words import Lab
from studio.workspace.session import Session
from studio.workspace.studio import Studio

MOST_NAMED = 12
"""Classes with their own colour and symbol: more cannot be told apart."""


class SpaceWords(Words):
    """The feature space."""

    tab = "Feature space"
    title = "Where your images lie"
    text = (
        "Puts the image features of zero-shot CLIP and of the α you chose into one plane, and "
        "measures how far apart classes and domains are. It takes some seconds once, and is kept."
    )
    button = "Map the features"
    waiting = "Mapping the features of both models …"
    ends: ClassVar = {"zero-shot": "Zero-shot", "alpha": "Fine-tuned, at the chosen α"}
    columns: ClassVar = {"zero-shot": "zero-shot", "alpha": "α = {alpha}"}
    colour_by = "Colour by"
    by: ClassVar = {"class": "class", "domain": "domain"}
    plane = "Plane"
    apart = "How far apart"
    groups: ClassVar = {"class": "Classes", "domain": "Domains"}
    apart_note = (
        "Mean silhouette over cosine distances in the whole space, not in the plane: 1 is far "
        "apart, 0 is one on top of the other. Training should part the classes and leave the "
        "domains together."
    )
    all_shown = "All {n} measured images are shown."
    part_shown = "{n} of {measured} measured images are shown, evenly over domains and classes."
    unmoved = "This method left the image tower as it was, so both pictures are the same."
    few = "There are too few images for t-SNE."
    notes: ClassVar = {
        "tsne": "t-SNE keeps who is near whom; distances between groups mean little.",
        "pca": "PCA shows the two directions that vary most: {explained} of all variance.",
    }
    hardest = "Named are the {n} classes that lie least apart at the chosen α."
    others = "other classes ({n})"
    group: ClassVar = {"class": "class", "domain": "domain"}
    separation = "separation"
    nearest = "nearest other"
    label = "{end}: {n} images by {by} in the plane of {plane}. Separation: {separation}."


w = SpaceWords


@dataclass
class SpaceView:
    """The choices of a page about the drawing of the feature space, as they were clicked."""

    by: str = ""
    plane: str = ""


class SpacePanel(LabPanel):
    """Zero-shot next to α, in one plane."""

    name = "space"
    order = 50
    words = SpaceWords

    def __init__(self, studio: Studio) -> None:
        head = panel()
        with gr.Row(visible=False, elem_classes="ek-pair", equal_height=True) as pair:
            before = chart(w.ends["zero-shot"], height=400, min_width=320)
            after = chart(w.ends["alpha"], height=400, min_width=320)
        self.views = [
            View(head, self._key, self._draw_head),
            View(pair, self._key, lambda s: gr.update(visible=self._found(s) is not None)),
            View(before, self._key, self._drawn("zero-shot")),
            View(after, self._key, self._drawn("alpha")),
        ]
        act: Actions = {"map-features": self.map_features, "show-space": self.show}
        self.events = [(head.action, act)]

    def _key(self, session: Session) -> Hashable:
        run_id = finished(session)
        if run_id is None:
            return None
        answer = session.mine.answers.mapped(run_id)
        asked = (answer.state, answer.version) if answer else None
        alpha = session.mine.runs.mixing(run_id).alpha
        return (run_id, alpha, asked, astuple(session.of(SpaceView)), session.notices.get("lab"))

    def _found(self, session: Session) -> FeatureSpace | None:
        run_id = finished(session)
        answer = session.mine.answers.mapped(run_id) if run_id else None
        return answer.value if answer and answer.state == "ready" else None

    def _draw_head(self, session: Session) -> str:
        run_id, space = finished(session), self._found(session)
        if run_id is None:
            return ""
        if space is not None:
            return space_lab(space, session.of(SpaceView))
        return offer(
            session.mine.answers.mapped(run_id),
            session.notices.get("lab"),
            "map-features",
            title=w.title,
            text=w.text,
            button=w.button,
            waiting=w.waiting,
        )

    def _drawn(self, end: End) -> Callable[[Session], Any]:
        """The function that draws one end."""

        def draw(session: Session) -> Any:
            space = self._found(session)
            if space is None:
                return None
            now = chosen(space, session.of(SpaceView))
            return space_chart(space, end, now.by, now.plane, str(session.place.run))

        return draw

    @looking
    def map_features(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """Compute the feature space of the run."""
        session.mine.answers.map_features(required(session))

    @looking
    def show(self, session: Session, detail: Mapping[str, Any]) -> None:
        """Change the colouring or the plane."""
        take(session.of(SpaceView), detail)


@dataclass(frozen=True)
class ChosenPlane:
    """The checked choice of a visitor."""

    by: By
    plane: PlaneName


def chosen(space: FeatureSpace, view: SpaceView) -> ChosenPlane:
    """The choice of the visitor as far as it exists; otherwise by class, in the first plane."""
    return ChosenPlane(
        by=view.by if view.by in GROUPED_BY else "class",
        plane=view.plane if view.plane in space.places else next(iter(space.places)),
    )


def space_lab(space: FeatureSpace, view: SpaceView) -> str:
    """Switches, the separation of classes and domains at both ends, and a note on the drawing."""
    apart = {
        by: [separation(space.grouped[by][end].separation) for end in ENDS] for by in GROUPED_BY
    }
    return render(
        "lab/space.html",
        say=w,
        now=chosen(space, view),
        planes=[(name, Lab.planes[name]) for name in space.places],
        titles=[w.columns[end].format(alpha=decimal(space.alpha, None)) for end in ENDS],
        rows=[(w.groups[by], values) for by, values in apart.items()],
        n=len(space.labels),
        notes=list(_notes(space)),
    )


def _notes(space: FeatureSpace) -> list[str]:
    n, measured = number(len(space.labels)), number(space.measured)
    whole = len(space.labels) == space.measured
    notes = [(w.all_shown if whole else w.part_shown).format(n=n, measured=measured)]
    if "tsne" not in space.places:
        notes.append(w.few)
    if all(places["zero-shot"] == places["alpha"] for places in space.places.values()):
        notes.append(w.unmoved)
    return notes


@dataclass(frozen=True)
class _Mark:
    """The marker of the images of one group."""

    title: str
    colour: str
    symbol: str


def space_chart(space: FeatureSpace, end: End, by: By, plane: PlaneName, run_id: str) -> Figure:
    """The images of one end. Value of a `chart`; the other end has the same axes."""
    grouping = space.grouped[by][end]
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
            plane=Lab.planes[plane],
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
    return domain_styles([name])[0].title if by == "domain" else name


def _marks(space: FeatureSpace, by: By) -> dict[int, _Mark]:
    """The marker of each group: every domain, and the classes that are separated least at α."""
    if by == "domain":
        index = {name: i for i, name in enumerate(space.domains)}
        return {
            index[style.key]: _Mark(style.title, style.colour, _symbol(style))
            for style in domain_styles(space.domains)
        }
    groups = space.grouped["class"]["alpha"].groups
    named = sorted(groups, key=lambda one: one.separation or 0.0)[:MOST_NAMED]
    return {
        one.index: _Mark(one.name, COLOURS[i % 6], SYMBOLS[(i + i // 6) % 6])
        for i, one in enumerate(sorted(named, key=lambda one: one.index))
    }


def _symbol(style: DomainStyle) -> str:
    """The symbol of a domain. Validation and test images share domain and colour, so they differ in
    symbol.
    """
    return "circle-open" if style.role == "val" else style.symbol


def _traces(space: FeatureSpace, by: By, places: Places, left: int) -> Iterator[Figure]:
    """Draw a trace for each group; unnamed images are below the others."""
    marks, of = _marks(space, by), _group_of(space, by)
    other = [clean(title) for title in _titles(space, "domain" if by == "class" else "class")]
    points = list(zip(places, of, other, strict=True))
    if left:
        rest = [(place, text) for place, group, text in points if group not in marks]
        title = w.others.format(n=left)
        yield _dots(rest, _Mark(title, "var(--ek-line-2)", "circle"))
    for index, mark in marks.items():
        own = [(place, text) for place, group, text in points if group == index]
        yield _dots(own, mark)


def _group_of(space: FeatureSpace, by: By) -> list[int]:
    return space.labels if by == "class" else space.domain


def _titles(space: FeatureSpace, by: By) -> list[str]:
    """The name of each group of images."""
    names = space.names if by == "class" else space.domains
    titles = [_title(by, name) for name in names]
    return [titles[index] for index in _group_of(space, by)]


def _dots(points: Sequence[tuple[tuple[float, float], str]], mark: _Mark) -> Figure:
    """Draw positions, each with its hover text and the name of its group."""
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
