"""One loop for all that is shown: a view is drawn again when what it depends on changed."""

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr
import orjson

from core.errors import UserError
from studio.frame import words
from studio.workspace.session import Notice, Session

log = logging.getLogger(__name__)
SKIP = gr.skip()
"""What stands for an output that did not change."""
Handler = Callable[[Session, dict[str, Any]], None]
LOOKING = (
    "stay", "open-lab", "open-run", "open-data", "new-data", "inspect", "show-errors",
    "search", "choose-runs", "map-features", "show-space", "show-more",
    "look-at-templates", "show-templates",
)  # fmt: skip
"""What changes nothing but the page: a guest may, and it is not counted."""


@dataclass(frozen=True)
class View:
    """A component, what it depends on, and how it is drawn."""

    component: Any
    depends: Callable[[Session], Hashable]
    draw: Callable[[Session], Any]


class Page(Protocol):
    """A place of the studio: it builds components when it is made, and says how to fill them."""

    views: list[View]
    events: list[tuple[Any, Handler]]
    """A component's event and what it does to the session."""


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


def guarded(form: str, handler: Handler, session: Session, detail: dict[str, Any]) -> None:
    """Run a handler; what it raises becomes a sentence on the form that caused it."""
    if detail.get("do") != "draft":  # typing on may overtake the click that it followed
        session.notices.pop(form, None)
    try:
        if detail.get("do") not in LOOKING:
            session.mine.act()
        handler(session, detail)
    except UserError as error:
        session.notices[form] = Notice(session.mine.spoken(str(error)))
    except Exception as error:
        log.exception("a handler of the page failed")
        sentence = words.Workspace.wrong.format(kind=type(error).__name__)
        session.notices[form] = Notice(sentence)


def dispatch(handlers: dict[str, Handler]) -> Handler:
    """One handler for a panel's `action`: `data-do` names which of these is meant."""

    def handle(session: Session, detail: dict[str, Any]) -> None:
        handler = handlers.get(str(detail.get("do")))
        if handler is None:  # no page of ours sends it
            raise UserError(words.Common.unknown_action)
        handler(session, detail)

    return handle


def outputs(pages: Iterable[Page]) -> list[View]:
    """The views of all pages, in a fixed order."""
    return [view for page in pages for view in page.views]
