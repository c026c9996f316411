"""Draws the page: a view is drawn again when something that it depends on has changed."""

import logging
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

import gradio as gr
import orjson

from core.errors import UserError
from studio.frame import words
from studio.workspace.session import Notice, Session

log = logging.getLogger(__name__)
SKIP = gr.skip()
"""The value of an output that did not change."""
Handler = Callable[[Session, Mapping[str, Any]], None]
Actions = Mapping[str, Handler]
"""Handlers of the clicks on a component, by their `data-do`."""
_H = TypeVar("_H", bound=Callable[..., None])


def looking(handler: _H) -> _H:
    """Declare that an action only changes the page: a guest may take it, and it does not count
    against the limit. Every other action counts.
    """
    handler.__dict__["only_looks"] = True
    return handler


def only_looks(handler: Handler) -> bool:
    """True if the handler of an action is declared with `looking`."""
    return bool(getattr(handler, "only_looks", False))


@dataclass(frozen=True)
class View:
    """A component with a key of what it depends on, and the function that draws it."""

    component: Any
    depends: Callable[[Session], Hashable]
    draw: Callable[[Session], Any]


class Page(Protocol):
    """A tab of the studio: builds its components when it is made, and declares how to fill them."""

    views: list[View]
    events: list[tuple[Any, Actions]]
    """A component's event, and its handlers by action."""


@runtime_checkable
class Settling(Protocol):
    """A page that corrects the place of a session before anything is drawn."""

    def settle(self, session: Session) -> None:
        """Remove ids from the place that do not exist."""


def draw(views: Sequence[View], session: Session) -> list[Any]:
    """New values for the views that changed, `SKIP` for the others."""
    values: list[Any] = []
    for index, view in enumerate(views):
        now = view.depends(session)
        if index in session.seen and session.seen[index] == now:
            values.append(SKIP)
            continue
        values.append(_sent(view.draw(session)))
        session.seen[index] = now
    return values


def _sent(value: Any) -> Any:
    """The value for the browser. Data of a widget is sent as text, which the browser does not wrap
    in watchers.
    """
    is_update = isinstance(value, dict) and "__type__" in value
    packed = isinstance(value, dict) and not is_update
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode() if packed else value


def guarded(form: str, actions: Actions, session: Session, detail: Mapping[str, Any]) -> None:
    """Take the action in `detail`. An error becomes a sentence on the form that caused it."""
    if detail.get("do") != "draft":  # typing may arrive after a click, whose notice must stay
        session.notices.pop(form, None)
    try:
        handler = actions.get(str(detail.get("do")), _unknown)
        if not only_looks(handler):
            session.mine.act()
        handler(session, detail)
    except UserError as error:
        session.notices[form] = Notice(session.mine.spoken(str(error)))
    except Exception as error:
        log.exception("a handler of the page failed")
        sentence = words.Workspace.wrong.format(kind=type(error).__name__)
        session.notices[form] = Notice(sentence)


def _unknown(_session: Session, _detail: Mapping[str, Any]) -> None:
    """Handles an action that no page of the studio sends."""
    raise UserError(words.Common.unknown_action)


def outputs(pages: Iterable[Page]) -> list[View]:
    """The views of all pages, in a fixed order."""
    return [view for page in pages for view in page.views]
