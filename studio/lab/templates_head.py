"""Around the picture of the prototypes: switches, what became of the templates, and the choice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.results.correction import Correction, TemplateClusters
from core.results.space import PlaneName
from studio.frame.markup import render
from studio.lab import words
from studio.lab.templates_chart import uses_of
from studio.workspace.session import Notice

w = words.Prototypes
MOST_NAMED = 5
"""Templates that are named where their use changed; the table has them all."""


@dataclass(frozen=True)
class Chosen:
    """How the visitor looks at the prototypes."""

    by: str
    plane: PlaneName


def chosen(found: Correction, asked: Mapping[str, str]) -> Chosen:
    """What a click named, as far as there is such a thing; else by use, in the first plane."""
    by, plane = asked.get("by", ""), asked.get("plane")
    return Chosen(
        by=by if by in w.by else "use",
        plane=plane if plane in found.places else next(iter(found.places)),
    )


def template_summary(found: Correction, asked: Mapping[str, str], waiting: bool) -> str:
    """Switches and numbers, before and after; `waiting` for an estimate that has not come."""
    estimates = [found.before, found.after] if found.after else [found.before]
    counts = [_counts(found, estimate) for estimate in estimates]
    return render(
        "lab/template_summary.html",
        now=chosen(found, asked),
        planes=[(name, words.Space.planes[name]) for name in found.places],
        n=found.classes,
        titles=[w.as_run, w.again][: len(estimates)],
        rows=[(w.rows[name], [count[name] for count in counts]) for name in w.rows],
        note=_changed(found),
        waiting=waiting,
    )


def template_choice(
    found: Correction, excluded: Sequence[str], note: Notice | None, may_act: bool
) -> str:
    """Every template with a box to tick, and what can be done with the choice."""
    uses = uses_of(found, found.after or found.before)
    rows: list[Mapping[str, Any]] = [
        {"name": f"t{i}", "text": text, "included": text not in excluded, "odd": use == "odd"}
        for i, (text, use) in enumerate(zip(found.templates, uses, strict=True))
    ]
    return render("lab/template_choice.html", rows=rows, note=note, may_act=may_act)


def unticked(found: Correction, form: Mapping[str, Any]) -> tuple[str, ...]:
    """The templates that the visitor has not ticked, in their order."""
    return tuple(text for i, text in enumerate(found.templates) if form.get(f"t{i}") is False)


def _counts(found: Correction, estimate: TemplateClusters) -> dict[str, int]:
    uses = uses_of(found, estimate)
    return {
        "included": len(uses) - uses.count("excluded"),
        "kept": estimate.kept,
        "odd": uses.count("odd"),
        "centres": estimate.centres,
    }


def _changed(found: Correction) -> str:
    """Templates that were not excluded and yet are kept now, or left out now, unlike before."""
    if found.after is None:
        return ""
    before, after = uses_of(found, found.before), uses_of(found, found.after)
    names = [
        f"“{text}” ({w.use[new]})"
        for text, old, new in zip(found.templates, before, after, strict=True)
        if old != new and new != "excluded"
    ]
    if not names:
        return w.unchanged
    said = ", ".join(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        said = w.changed_more.format(names=said, n=len(names) - MOST_NAMED)
    return (w.changed_one if len(names) == 1 else w.changed).format(n=len(names), names=said)
