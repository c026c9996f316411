"""What stands above the pictures of the feature space: switches, and how far apart groups are."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.results.space import ENDS, GROUPED_BY, By, FeatureSpace, PlaneName
from studio.frame.markup import decimal, number, render
from studio.lab import words
from studio.lab.space_chart import separation

w = words.Space


@dataclass(frozen=True)
class Chosen:
    """How the visitor looks at the feature space."""

    by: By
    plane: PlaneName


def chosen(space: FeatureSpace, asked: Mapping[str, str]) -> Chosen:
    """What a click named, as far as there is such a thing; else by class, in the first plane."""
    by, plane = asked.get("by"), asked.get("plane")
    return Chosen(
        by=by if by in GROUPED_BY else "class",
        plane=plane if plane in space.places else next(iter(space.places)),
    )


def space_lab(space: FeatureSpace, asked: Mapping[str, str]) -> str:
    """Switches, the separation of classes and domains at both ends, and what is shown."""
    apart = {
        by: [separation(space.grouped[by][end].separation) for end in ENDS] for by in GROUPED_BY
    }
    return render(
        "lab/space.html",
        now=chosen(space, asked),
        planes=[(name, w.planes[name]) for name in space.places],
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
