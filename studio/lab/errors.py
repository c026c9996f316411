"""The Errors panel: the confusion matrix, and the images of one cell."""

from typing import Any

from core.results.inspection import InspectedDomain, Inspection, confusion, most_confused
from studio.frame.domains import domain_styles
from studio.frame.html import panel
from studio.frame.markup import render
from studio.frame.view import View
from studio.frame.words import Words
from studio.lab.inspected import (
    LOOK,
    Chosen,
    InspectedView,
    InspectedWords,
    chosen,
    column_titles,
    inspected,
    inspection_key,
)
from studio.lab.panel import LabPanel
from studio.workspace.session import Session
from studio.workspace.studio import Studio

MOST_CLASSES = 40
"""The most rows of a readable matrix; of more classes, those with most errors are shown."""
MOST_PAIRS = 12
MOST_IMAGES = 60


class ErrorsWords(Words):
    """The errors of a run."""

    tab = "Errors"
    confusion = "What is taken for what"
    confusion_note = "Rows are the true class, columns the answer. A cell opens its images."
    confusion_part = "The {shown} of {n} classes with the most errors are shown."
    right_of = "{right} of {n} right"
    true_class = "True class"
    said_class = "Taken for"
    cell = "{actual} taken for {said}: {n}"
    pairs = "Most often confused"
    no_errors = "Nothing is confused here: every answer is right."
    gallery = "Images of this cell"
    empty_cell = "This model makes no such answer on this domain. Choose another cell."
    no_pictures = "This studio does not have the images, so only the answers are shown."
    look_closer = "Where did the model look? Open this image"


w = ErrorsWords


class ErrorsPanel(LabPanel):
    """The matrix of a domain, the pairs that are confused most, and a cell's images."""

    name = "errors"
    order = 20
    words = ErrorsWords

    def __init__(self, studio: Studio) -> None:
        errors = panel()
        self.views = [View(errors, inspection_key, draw_errors)]
        self.events = [(errors.action, LOOK)]


def draw_errors(session: Session) -> str:
    """The errors, or a button that computes them."""

    def show(inspection: Inspection) -> str:
        pictures = session.mine.answers.pictures(str(session.place.run))
        return error_lab(inspection, session.of(InspectedView), pictures)

    return inspected(session, show)


def error_lab(inspection: Inspection, view: InspectedView, pictures: tuple[str, str]) -> str:
    """Switches, matrix, most confused pairs and gallery. `pictures` are the data set's id, empty if
    its images cannot be shown, and the query that lets a guest see them.
    """
    now = chosen(inspection, view)
    domain = inspection.domains[now.domain]
    answer = domain.answers[now.column]
    matrix = confusion(domain.labels, answer.predicted, len(inspection.classes))
    shown = _worst_classes(matrix)
    return render(
        "lab/errors.html",
        say=w,
        both=InspectedWords,
        now=now,
        titles=column_titles(inspection),
        domains=[(style.key, style.title) for style in domain_styles(inspection.domains)],
        names=inspection.names,
        n=len(domain.labels),
        right=int(matrix.trace()),
        shown=shown,
        matrix=matrix.tolist(),
        deepest=max(1, int(matrix.max())),
        pairs=most_confused(matrix, MOST_PAIRS),
        images=_gallery(inspection, domain, now) if now.cell else None,
        most=MOST_IMAGES,
        data_id=pictures[0],
        query=pictures[1],
    )


def _worst_classes(matrix: Any) -> list[int]:
    """Indices of the shown classes, in their order."""
    if len(matrix) <= MOST_CLASSES:
        return list(range(len(matrix)))
    off = matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()
    return sorted(sorted(range(len(matrix)), key=lambda i: (-off[i], i))[:MOST_CLASSES])


def _gallery(
    inspection: Inspection, domain: InspectedDomain, now: Chosen
) -> list[dict[str, object]]:
    """The images of a cell, most confident first, each with the answers of the three models."""
    answers = domain.answers[now.column]
    found = [
        i
        for i, cell in enumerate(zip(domain.labels, answers.predicted, strict=True))
        if cell == now.cell
    ]
    found.sort(key=lambda i: -answers.confidence[i])
    titles = column_titles(inspection)
    return [
        {
            "sha": domain.sha256[i],
            "said": [
                {
                    "title": titles[column],
                    "name": inspection.names[one.predicted[i]],
                    "confidence": one.confidence[i],
                    "right": one.predicted[i] == domain.labels[i],
                }
                for column, one in domain.answers.items()
            ],
        }
        for i in found
    ]
