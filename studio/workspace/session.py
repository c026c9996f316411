"""Where a visitor is: the data set, the run and the place, all of it in the address bar."""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlencode

if TYPE_CHECKING:
    from studio.workspace import Workspace

TABS = ("data", "train", "live", "lab", "compare", "export")
MOST_COMPARED = 6
"""Runs side by side: as many as there are colours with a symbol of their own."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_LINK = re.compile(r"[A-Za-z0-9_-]{43}")
_T = TypeVar("_T")


def is_id(text: Any) -> bool:
    """Whether `text` may be the id of a data set or a run: a visitor names ids, never paths."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class Place:
    """What the address bar says. Reading it back restores the page."""

    data: str | None = None
    run: str | None = None
    tab: str = "data"
    compare: tuple[str, ...] = ()
    """Runs side by side; the first is compared against."""
    share: str | None = None
    """The token of a read-only link, when the visitor came by one."""
    lab: str = ""
    """The panel of the lab that is open; empty for the first one."""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> Self:
        """The place that a query string names; what is not an id or a tab is dropped."""
        data, run, tab = query.get("data"), query.get("run"), query.get("tab", "")
        lab = query.get("lab", "")
        share = query.get("share")
        is_link = isinstance(share, str) and _LINK.fullmatch(share)
        compare = dict.fromkeys(filter(is_id, str(query.get("compare", "")).split(",")))
        usual = "live" if is_id(run) or is_link else "compare" if compare else "data"
        return cls(
            data=data if is_id(data) else None,
            run=run if is_id(run) else None,
            tab=tab if tab in TABS else usual,
            compare=tuple(compare)[:MOST_COMPARED],
            share=share if is_link else None,
            lab=lab if is_id(lab) else "",
        )

    def query(self) -> str:
        """The query string of this place; never empty: a plain address opens where one was."""
        parts = {"data": self.data, "run": self.run, "compare": ",".join(self.compare)}
        if self.share:
            parts = {"share": self.share}
        named = {key: value for key, value in parts.items() if value} | {"tab": self.tab}
        if self.tab == "lab" and self.lab:
            named["lab"] = self.lab
        return f"?{urlencode(named, safe=',')}"

    @property
    def is_somewhere(self) -> bool:
        """Whether a data set or a run is named."""
        return any((self.data, self.run, self.compare, self.share))

    def at(self, **changes: Any) -> Self:
        """This place with something changed."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Notice:
    """A sentence about what the visitor just did."""

    text: str
    level: str = "error"


@dataclass(frozen=True)
class Move:
    """The server opens a place by itself. The browser obeys unless the visitor went elsewhere since
    asking.
    """

    tab: str
    stamp: int
    """Milliseconds since 1970: each move is obeyed once, and none after a later one."""
    opened: int | None
    """How often the visitor had opened a place by hand when the browser asked."""


@dataclass
class Session:
    """One open page: whose it is, where it is, what it shows, and what it was last told."""

    mine: "Workspace"
    """What the visitor of this page reaches; nothing else is shown on it."""
    place: Place = field(default_factory=Place)
    move: Move | None = None
    seen: dict[int, Any] = field(default_factory=dict)
    """What each view depended on when it was last drawn: the same again is not sent."""
    notices: dict[str, Notice] = field(default_factory=dict)
    """By the place that caused it; `shell` for the header and the drawer."""
    origin: str = ""
    """How the browser calls this studio, as `https://example.org`: links begin with it."""
    parts: dict[type, Any] = field(default_factory=dict)
    """What the parts of the page keep for themselves, by type: see `of`."""
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """Ticks and clicks of one page take turns: else an older drawing could cover a newer one."""

    @property
    def data(self) -> str | None:
        """The data set that the page is about; None where there is none of that name here."""
        return self.place.data if self.mine.data.has(self.place.data) else None

    def of(self, kind: type[_T]) -> _T:
        """What this page keeps for one part of it: made when it is first asked for.

        A part declares a small dataclass whose fields have defaults next to its code, so nothing
        here knows the parts.
        """
        if kind not in self.parts:
            self.parts[kind] = kind()
        kept: _T = self.parts[kind]
        return kept

    def open(self, tab: str, opened: int | None) -> None:
        """Send the visitor to another place."""
        self.move = Move(tab, time.time_ns() // 1_000_000, opened)

    def moved_after(self, opened: int | None) -> bool:
        """Whether the server moved the visitor after they had opened that many by hand."""
        asked = self.move.opened if self.move else None
        return asked is not None and opened is not None and opened <= asked
