"""Controls the address bar, the title of the window, and notices that fade."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr

from studio.frame.html import widget
from studio.frame.markup import percent
from studio.shell import words
from studio.workspace.session import Session


def address_bar(**options: Any) -> gr.HTML:
    """A component that keeps the address bar and the title equal to the server's state."""
    short = words.Shell.short_tabs
    return widget("address", "<span hidden></span>", short=short, **options)


def address(
    session: Session, share: float | None, news: Sequence[Mapping[str, str]]
) -> dict[str, object]:
    """Value of `address_bar`; `share` is the progress of the run, None if it is not running."""
    place = words.Shell.tabs[session.place.tab]
    title = f"{place} · {words.Brand.name}"
    if share is not None:
        title = f"● {percent(share, 0)} · {words.Brand.name}"
    return {
        "query": session.place.query(),
        "title": title,
        "read_only": session.mine.is_read_only,
        "move": asdict(session.move) if session.move else None,
        "notices": list(news),
    }
