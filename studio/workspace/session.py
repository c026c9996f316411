"""The session of a page: its data set, run and tab, all of which are in the address bar."""

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
"""The most runs in a comparison: there are as many colours with a symbol of their own."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
_LINK = re.compile(r"[A-Za-z0-9_-]{43}")
_T = TypeVar("_T")


def is_id(text: Any) -> bool:
    """True if `text` may be the id of a data set or a run: a visitor names ids, never paths."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class Place:
    """The content of the address bar, from which a page can be restored."""

    data: str | None = None
    run: str | None = None
    tab: str = "data"
    compare: tuple[str, ...] = ()
    """The compared runs; the others are compared against the first."""
    share: str | None = None
    """The token of a read-only link, if the visitor used one."""
    lab: str = ""
    """The open panel of the lab; empty for the first one."""

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
        """The query string of this place. It is never empty, because a plain address opens the last
        place.
        """
        parts = {"data": self.data, "run": self.run, "compare": ",".join(self.compare)}
        if self.share:
            parts = {"share": self.share}
        named = {key: value for key, value in parts.items() if value} | {"tab": self.tab}
        if self.tab == "lab" and self.lab:
            named["lab"] = self.lab
        return f"?{urlencode(named, safe=',')}"

    @property
    def is_somewhere(self) -> bool:
        """True if a data set or a run is named."""
        return any((self.data, self.run, self.compare, self.share))

    def at(self, **changes: Any) -> Self:
        """A copy of this place with changes."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Notice:
    """A sentence about what the visitor just did."""

    text: str
    level: str = "error"


@dataclass(frozen=True)
class Move:
    """A request of the server to open a tab. The browser ignores it if the visitor has opened
    another tab since.
    """

    tab: str
    stamp: int
    """Milliseconds since 1970: each move is followed once, and none after a later one."""
    opened: int | None
    """The number of tabs that the visitor had opened by hand when the browser asked."""


@dataclass
class Session:
    """One open page: its visitor, its place, and what it has drawn."""

    mine: "Workspace"
    """The workspace of the page's visitor; nothing else is shown on it."""
    place: Place = field(default_factory=Place)
    move: Move | None = None
    seen: dict[int, Any] = field(default_factory=dict)
    """The key of each view when it was last drawn. A view with the same key is not sent again."""
    notices: dict[str, Notice] = field(default_factory=dict)
    """Notices by the tab that caused them; `shell` stands for the header and the queue."""
    origin: str = ""
    """The address of this studio in the browser, such as `https://example.org`: links begin with
    it.
    """
    parts: dict[type, Any] = field(default_factory=dict)
    """The state of the parts of the page, by type: see `of`."""
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)
    """Lets ticks and clicks of one page take turns: otherwise an older drawing could replace a
    newer one.
    """

    @property
    def data(self) -> str | None:
        """The data set of the page; None if it does not exist here."""
        return self.place.data if self.mine.data.has(self.place.data) else None

    def of(self, kind: type[_T]) -> _T:
        """The state of one part of this page, made at first use.

        A part declares a small dataclass with defaults next to its code, so that nothing here knows
        the parts.
        """
        if kind not in self.parts:
            self.parts[kind] = kind()
        kept: _T = self.parts[kind]
        return kept

    def open(self, tab: str, opened: int | None) -> None:
        """Send the visitor to another tab."""
        self.move = Move(tab, time.time_ns() // 1_000_000, opened)

    def moved_after(self, opened: int | None) -> bool:
        """True if the server moved the visitor after they had opened that many tabs by hand."""
        asked = self.move.opened if self.move else None
        return asked is not None and opened is not None and opened <= asked
