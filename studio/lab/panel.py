"""A tab of the lab, and what all of them need: the finished run, an offer, an answer at once.

A panel is one module of this folder with one `LabPanel`, which is found by itself. Its words, its
state and its actions stand in that module.
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
"""How long a visitor is kept waiting for an evaluator that is starting."""


class TabWords(Protocol):
    """The sentences of a panel, of which the lab needs one."""

    tab: str
    """What is written on the tab."""


class LabPanel(ABC):
    """One tab: it builds its components when it is made, and says how they are filled.

    An action counts, and a guest may not take it, unless its handler is declared with
    `studio.frame.view.looking`.
    """

    name: ClassVar[str]
    """Its id in the address."""
    order: ClassVar[int]
    """The tabs stand from the lowest number to the highest; the first one opens by itself."""
    words: ClassVar[type[TabWords]]
    views: list[View]
    events: list[tuple[Any, Actions]]

    @abstractmethod
    def __init__(self, studio: Studio) -> None:
        """Build the components of the tab, and set `views` and `events`."""


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
    """What a view depends on that is drawn from the record of a finished run."""
    done = record_of(session) is not None
    return (session.place.run, done)


def record_of(session: Session) -> RunRecord | None:
    """The record of the run that a page looks at, once it has ended."""
    record: RunRecord | None = session.mine.runs.record(session.place.run)
    return record


def finished(session: Session) -> str | None:
    """The id of the run that a page looks at, once it has ended."""
    record = record_of(session)
    return record.run_id if record else None


def required(session: Session) -> str:
    """The same, or a `UserError` while there is none."""
    run_id = finished(session)
    if run_id is None:
        raise UserError(words.Lab.empty)
    return run_id


def take(view: Any, detail: Mapping[str, Any]) -> None:
    """Keep what a click names: the fields of `view`, a dataclass of texts."""
    for field in fields(view):
        if field.name in detail:
            setattr(view, field.name, str(detail[field.name])[:200])


def offer(answer: Answer[Any] | None, note: Notice | None, do: str, **said: str) -> str:
    """Offers a look that takes seconds; then says that it goes on, and offers it again with what
    went wrong. `said`: `title`, `text`, `button`, `waiting`.
    """
    wrong = Notice(answer.error) if answer and answer.error else note
    return render("lab/offer.html", state=answer.state if answer else "", note=wrong, do=do, **said)


def answered(
    studio: Studio, request: gr.Request, ask: Callable[[Workspace], Mapping[str, object]]
) -> Mapping[str, object]:
    """The answer to a question that a script of ours asks, or the sentence that says why there is
    none. It counts, and a guest may not ask.
    """
    mine = None
    try:
        mine = Workspace(studio, studio.visitors.require(request))
        mine.act()
        return ask(mine)
    except UserError as error:
        return {"error": mine.spoken(str(error)) if mine else str(error)}
