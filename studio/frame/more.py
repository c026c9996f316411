"""A long list is shown from its beginning, and more of it when that is asked for."""

from collections.abc import Mapping
from typing import Any

from studio.frame.view import Handler
from studio.workspace.session import Session

STEP = 60


def how_many(session: Session, name: str) -> int:
    """How many of a list this page shows."""
    return session.shown.get(name, STEP)


def showing_more(name: str) -> dict[str, Handler]:
    """The handler of the button below a list."""

    def show(session: Session, _detail: Mapping[str, Any]) -> None:
        session.shown[name] = how_many(session, name) + STEP

    return {"show-more": show}
