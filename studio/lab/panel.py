"""The base of lab panels, and what they share: the finished run, an offer, an immediate answer.

A panel is one module of this folder with one `LabPanel`, which is found automatically. Its words,
its state and its actions are in that module.
"""

import importlib
import inspect
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields
from typing import Any, ClassVar, Protocol

import gradio as gr

from core.errors import UserError
from core.results.records import RunRecord
from studio import lab
from studio.frame.markup import render
from studio.frame.view import Actions, View
from studio.lab import words
from studio.workspace import Workspace
from studio.workspace.background import Answer
from studio.workspace.session import Notice, Session
from studio.workspace.studio import Studio

PATIENCE_SECONDS = 40.0
"""The seconds that a visitor waits for an evaluator that is starting."""


class TabWords(Protocol):
    """The sentences of a panel; the lab itself needs only the title."""

    tab: str
    """The title of the panel."""


class LabPanel(ABC):
    """A lab panel: it builds its components when it is made, and declares how to fill them.

    An action counts against a visitor's limit, and a guest may not take it, unless its handler is
    declared with `studio.frame.view.looking`.
    """

    name: ClassVar[str]
    """The id of the panel in the address."""
    order: ClassVar[int]
    """The position of the panel: the lowest number comes first and is open at the start."""
    words: ClassVar[type[TabWords]]
    views: list[View]
    events: list[tuple[Any, Actions]]

    @abstractmethod
    def __init__(self, studio: Studio) -> None:
        """Build the components of the panel, and set `views` and `events`."""


def panels() -> list[type[LabPanel]]:
    """Every panel that a module of this folder defines, from left to right."""
    found = []
    for module_info in pkgutil.iter_modules(lab.__path__):
        module = importlib.import_module(f"{lab.__name__}.{module_info.name}")
        found += [value for value in vars(module).values() if _is_panel(value, module.__name__)]
    return sorted(found, key=lambda panel: panel.order)


def _is_panel(value: object, module: str) -> bool:
    return (
        inspect.isclass(value)
        and issubclass(value, LabPanel)
        and hasattr(value, "name")
        and value.__module__ == module
    )


def run_key(session: Session) -> Hashable:
    """The key of a view that is drawn from the record of a finished run."""
    done = record_of(session) is not None
    return (session.place.run, done)


def record_of(session: Session) -> RunRecord | None:
    """The record of the page's run, once it has finished."""
    record: RunRecord | None = session.mine.runs.record(session.place.run)
    return record


def finished(session: Session) -> str | None:
    """The id of the page's run, once it has finished."""
    record = record_of(session)
    return record.run_id if record else None


def required(session: Session) -> str:
    """The id of the page's finished run; a `UserError` if there is none."""
    run_id = finished(session)
    if run_id is None:
        raise UserError(words.Lab.empty)
    return run_id


def take(view: Any, detail: Mapping[str, Any]) -> None:
    """Store the choices of a click in the fields of `view`, a dataclass of texts."""
    for field in fields(view):
        if field.name in detail:
            setattr(view, field.name, str(detail[field.name])[:200])


def offer(answer: Answer[Any] | None, note: Notice | None, do: str, **said: str) -> str:
    """A button for a computation that takes seconds; then its progress, or its error with the
    button again. `said`: `title`, `text`, `button`, `waiting`.
    """
    wrong = Notice(answer.error) if answer and answer.error else note
    return render("lab/offer.html", state=answer.state if answer else "", note=wrong, do=do, **said)


def answered(
    studio: Studio, request: gr.Request, ask: Callable[[Workspace], Mapping[str, object]]
) -> Mapping[str, object]:
    """The answer to a question of a script, or a sentence that says why there is none. It counts
    against a visitor's limit, and a guest may not ask.
    """
    mine = None
    try:
        mine = Workspace(studio, studio.visitors.require(request))
        mine.act()
        return ask(mine)
    except UserError as error:
        return {"error": mine.spoken(str(error)) if mine else str(error)}
