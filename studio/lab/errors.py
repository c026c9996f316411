"""Which class is taken for which, and the images of one cell: HTML from an inspection."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.results.confusion import confusion, most_confused
from core.results.inspection import COLUMNS, InspectedDomain, Inspection
from studio.frame.domains import looks
from studio.frame.markup import mixture, render
from studio.lab import words

MOST_CLASSES = 40
"""Rows of a matrix that a person still reads; of more classes those with most errors are shown."""
MOST_PAIRS = 12
MOST_IMAGES = 60
_CELL = re.compile(r"(\d{1,6})-(\d{1,6})")


@dataclass(frozen=True)
class Chosen:
    """What the visitor looks at."""

    domain: str
    column: str
    cell: tuple[int, int] | None
    """True class and what was said."""


def chosen(inspection: Inspection, asked: Mapping[str, str]) -> Chosen:
    """What a click named, as far as this run has it; else the first domain, α, and no cell."""
    keys = [look.key for look in looks(inspection.domains)]
    domain, column = asked.get("domain"), asked.get("column")
    found = _CELL.fullmatch(asked.get("cell", ""))
    cell = (int(found[1]), int(found[2])) if found else None
    if cell and max(cell) >= len(inspection.classes):
        cell = None
    return Chosen(
        domain=domain if domain in keys else keys[0],
        column=column if column in COLUMNS else "alpha",
        cell=cell,
    )


def column_titles(inspection: Inspection) -> dict[str, str]:
    """The three classifiers, as they are called above a table."""
    titles = words.Lab.columns
    return {**titles, "alpha": mixture(inspection.mixing, None)}


def error_lab(inspection: Inspection, asked: Mapping[str, str], pictures: tuple[str, str]) -> str:
    """Switches, matrix, most confused pairs and gallery. `pictures` are the data set's id, empty
    where its images cannot be shown, and the query that lets a guest see them.
    """
    now = chosen(inspection, asked)
    domain = inspection.domains[now.domain]
    answer = domain.answers[now.column]
    matrix = confusion(domain.labels, answer.predicted, len(inspection.classes))
    shown = _worst_classes(matrix)
    return render(
        "lab/errors.html",
        now=now,
        titles=column_titles(inspection),
        domains=[(look.key, look.title) for look in looks(inspection.domains)],
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
    """Indices of the classes that are shown, in their order."""
    if len(matrix) <= MOST_CLASSES:
        return list(range(len(matrix)))
    off = matrix.sum(0) + matrix.sum(1) - 2 * matrix.diagonal()
    return sorted(sorted(range(len(matrix)), key=lambda i: (-off[i], i))[:MOST_CLASSES])


def _gallery(inspection: Inspection, domain: InspectedDomain, now: Chosen) -> list[dict[str, Any]]:
    """The images of a cell, the surest first: each with what the three say of it."""
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
