"""A ninth panel of the lab, as one file: it stands in no list."""

from collections.abc import Hashable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from studio.frame.html import panel
from studio.frame.view import View, looking
from studio.frame.words import Words
from studio.lab.panel import LabPanel
from studio.workspace.session import Session
from studio.workspace.studio import Studio


class TallyWords(Words):
    """The tally."""

    tab = "Tally"
    said = "looked {looked} times, counted {counted} times"


@dataclass
class Tally:
    """The clicks on a page."""

    looked: int = 0
    counted: int = 0


class TallyPanel(LabPanel):
    """A sentence, and two buttons that change it."""

    name = "tally"
    order = 90
    words = TallyWords

    def __init__(self, studio: Studio) -> None:
        board = panel()
        self.views = [View(board, self._key, self._draw)]
        self.events = [(board.action, {"tally-look": self.look, "tally-count": self.count})]

    def _key(self, session: Session) -> Hashable:
        return astuple(session.of(Tally))

    def _draw(self, session: Session) -> str:
        tally = session.of(Tally)
        return f"<p>{TallyWords.said.format(looked=tally.looked, counted=tally.counted)}</p>"

    @looking
    def look(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """An action that only looks."""
        session.of(Tally).looked += 1

    def count(self, session: Session, _detail: Mapping[str, Any]) -> None:
        """An action that says nothing of itself."""
        session.of(Tally).counted += 1
