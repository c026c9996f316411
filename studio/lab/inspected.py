"""The inspection of every image of a run, which errors and calibration share: the request for it,
and the part of it that a page shows.
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
    """Sentences of the inspection."""

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
    """The part of the inspection that a page shows, as it was clicked."""

    domain: str = ""
    column: str = ""
    cell: str = ""
    """True and predicted class, as `0-3`."""


@dataclass(frozen=True)
class Chosen:
    """The checked choice of a visitor."""

    domain: str
    column: str
    cell: tuple[int, int] | None
    """True and predicted class."""


def chosen(inspection: Inspection, view: InspectedView) -> Chosen:
    """The choice of the visitor as far as this run has it; otherwise the first domain, α, and no
    cell.
    """
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
    """The titles of the three classifiers, as above a table."""
    return {**w.columns, "alpha": mixture(inspection.mixing, None)}


def inspection_key(session: Session) -> Hashable:
    """The key of all views that are drawn from the inspection."""
    run_id = finished(session)
    if run_id is None:
        return None
    answer = session.mine.answers.inspected(run_id)
    view = session.of(InspectedView)
    asked = (answer.state, answer.version) if answer else None
    chosen = (view.domain, view.column, view.cell)
    return (run_id, session.mine.runs.mixing(run_id), asked, chosen, session.notices.get("lab"))


def inspection_of(session: Session) -> Inspection | None:
    """The inspection of the page's run, once it is there."""
    run_id = finished(session)
    answer = session.mine.answers.inspected(run_id) if run_id else None
    if answer is None or answer.state != "ready":
        return None
    return answer.value


def inspected(session: Session, show: Callable[[Inspection], str]) -> str:
    """The inspection drawn by `show`; until it is there, a button that starts it."""
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
    """Start the inspection: three models classify every image of the run."""
    session.mine.answers.inspect(required(session))


@looking
def show_errors(session: Session, detail: Mapping[str, Any]) -> None:
    """Show another domain, another model's answers, or the images of a cell."""
    take(session.of(InspectedView), detail)


LOOK: Actions = {"inspect": inspect_images, "show-errors": show_errors}
"""The actions of a panel that shows the inspection."""
