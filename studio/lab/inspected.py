"""The look at every image of a run that errors and calibration share: how it is asked for, and
what of it a page looks at.
"""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from core.results.inspection import COLUMNS, Inspection
from studio.frame.domains import domain_styles
from studio.frame.markup import mixture
from studio.frame.view import Actions, looking
from studio.frame.words import Words
from studio.lab.panel import finished, offer, required, take
from studio.workspace.session import Session

_CELL = re.compile(r"(\d{1,6})-(\d{1,6})")


class InspectedWords(Words):
    """The look at every image."""

    title = "Every image, one by one"
    text = (
        "Zero-shot, the mixing you chose and the fine-tuned weights answer for every measured "
        "image. "
        "It takes a few seconds once, and is kept."
    )
    button = "Look at every image"
    waiting = "Asking the three models about every image …"
    columns: ClassVar = {
        "zero-shot": "zero-shot",
        "fine-tuned": "fine-tuned",
    }
    answers_of = "Answers of"


w = InspectedWords


@dataclass
class InspectedView:
    """What a page looks at image by image, as it was clicked."""

    domain: str = ""
    column: str = ""
    cell: str = ""
    """True class and what was said, as `0-3`."""


@dataclass(frozen=True)
class Chosen:
    """What the visitor looks at."""

    domain: str
    column: str
    cell: tuple[int, int] | None
    """True class and what was said."""


def chosen(inspection: Inspection, view: InspectedView) -> Chosen:
    """What a click named, as far as this run has it; else the first domain, α, and no cell."""
    keys = [style.key for style in domain_styles(inspection.domains)]
    found = _CELL.fullmatch(view.cell)
    cell = (int(found[1]), int(found[2])) if found else None
    if cell and max(cell) >= len(inspection.classes):
        cell = None
    return Chosen(
        domain=view.domain if view.domain in keys else keys[0],
        column=view.column if view.column in COLUMNS else "alpha",
        cell=cell,
    )


def column_titles(inspection: Inspection) -> dict[str, str]:
    """The three classifiers, as they are called above a table."""
    return {**w.columns, "alpha": mixture(inspection.mixing, None)}


def inspection_key(session: Session) -> Hashable:
    """What everything that is drawn from the inspection depends on."""
    run_id = finished(session)
    if run_id is None:
        return None
    answer = session.mine.answers.inspected(run_id)
    view = session.of(InspectedView)
    asked = (answer.state, answer.version) if answer else None
    chosen = (view.domain, view.column, view.cell)
    return (run_id, session.mine.runs.mixing(run_id), asked, chosen, session.notices.get("lab"))


def inspection_of(session: Session) -> Inspection | None:
    """The inspection of the run that a page looks at, once it has come."""
    run_id = finished(session)
    answer = session.mine.answers.inspected(run_id) if run_id else None
    if answer is None or answer.state != "ready":
        return None
    return answer.value


def inspected(session: Session, show: Callable[[Inspection], str]) -> str:
    """What `show` makes of the inspection; until there is one, how to get it."""
    run_id, inspection = finished(session), inspection_of(session)
    if run_id is None:
        return ""
    if inspection is not None:
        return show(inspection)
    return offer(
        session.mine.answers.inspected(run_id),
        session.notices.get("lab"),
        "inspect",
        title=w.title,
        text=w.text,
        button=w.button,
        waiting=w.waiting,
    )


@looking
def inspect_images(session: Session, _detail: Mapping[str, Any]) -> None:
    """Ask the three models about every image of the run."""
    session.mine.answers.inspect(required(session))


@looking
def show_errors(session: Session, detail: Mapping[str, Any]) -> None:
    """Look at another domain, at another model's answers, or at the images of a cell."""
    take(session.of(InspectedView), detail)


LOOK: Actions = {"inspect": inspect_images, "show-errors": show_errors}
"""What can be clicked where the inspection is shown."""
