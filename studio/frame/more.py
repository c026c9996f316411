"""Shows the beginning of a long list, and more of it on request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.frame.view import Handler, looking
from studio.workspace.session import Session

STEP = 60


@dataclass
class ListLengths:
    """The number of shown items by list, for lists that were extended."""

    lists: dict[str, int] = field(default_factory=dict)


def how_many(session: Session, name: str) -> int:
    """The number of items of a list that this page shows."""
    return session.of(ListLengths).lists.get(name, STEP)


def showing_more(name: str) -> dict[str, Handler]:
    """The handler of the button below a list."""

    @looking
    def show(session: Session, _detail: Mapping[str, Any]) -> None:
        session.of(ListLengths).lists[name] = how_many(session, name) + STEP

    return {"show-more": show}
