"""One loop for all that is shown: a view is drawn again when what it depends on changed."""

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
"""What stands for an output that did not change."""
Handler = Callable[[Session, Mapping[str, Any]], None]
Actions = Mapping[str, Handler]
"""What the clicks on a component do, by what their `data-do` says."""
_H = TypeVar("_H", bound=Callable[..., None])


def looking(handler: _H) -> _H:
    """Declare that an action changes nothing but the page: a guest may take it, and it does not
    count. Every other action counts.
    """
    handler.__dict__["only_looks"] = True
    return handler


def only_looks(handler: Handler) -> bool:
    """Whether the handler of an action is declared with `looking`."""
    return bool(getattr(handler, "only_looks", False))


@dataclass(frozen=True)
class View:
    """A component, what it depends on, and how it is drawn."""

    component: Any
    depends: Callable[[Session], Hashable]
    draw: Callable[[Session], Any]


class Page(Protocol):
    """A place of the studio: it builds components when it is made, and says how to fill them."""

    views: list[View]
    events: list[tuple[Any, Actions]]
    """A component's event and what it does to the session, by action."""


@runtime_checkable
class Settling(Protocol):
    """A page that puts the place of a session right before anything is drawn."""

    def settle(self, session: Session) -> None:
        """Drop from the place what does not exist."""


def draw(views: Sequence[View], session: Session) -> list[Any]:
    """New values for what changed, `SKIP` for the rest."""
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
    """What a widget draws from travels as text, which the browser does not wrap in watchers."""
    is_update = isinstance(value, dict) and "__type__" in value
    packed = isinstance(value, dict) and not is_update
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode() if packed else value


def guarded(form: str, actions: Actions, session: Session, detail: Mapping[str, Any]) -> None:
    """Take the action that `detail` names; what it raises becomes a sentence on the form that
    caused it.
    """
    if detail.get("do") != "draft":  # typing on may overtake the click that it followed
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
    """Stands for an action that no page of ours sends."""
    raise UserError(words.Common.unknown_action)


def outputs(pages: Iterable[Page]) -> list[View]:
    """The views of all pages, in a fixed order."""
    return [view for page in pages for view in page.views]
