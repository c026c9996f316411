"""One visitor's view of the studio: their runs, data sets, drafts and questions.

Pages and routes reach the studio only through here, so that no forgotten check can show another
visitor's data. The id of another visitor's object and an id that does not exist get the same
answer.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from core.errors import UserError
from core.results.records import RunConfig
from studio.people.visitors import Visitor
from studio.workspace import words
from studio.workspace.answers import Answers
from studio.workspace.data import DataSets
from studio.workspace.data_store import DEMO
from studio.workspace.drafts import Drafts
from studio.workspace.runs import Runs
from studio.workspace.session import Place
from studio.workspace.studio import Studio
from studio.workspace.uploads import WorkspaceUploads

_PATH = re.compile(r"(?<![\w/:.<])/(?:[^/\s\"'<>:,;()\[\]{}]+/)+([^/\s\"'<>:,;()\[\]{}]*)")
"""An absolute path of at least two parts, but not one after a letter, as in `a/b/c` or a URL."""


def without_paths(text: str, home: Path) -> str:
    """The text, with every absolute path shortened to its last part; `home` may contain spaces."""
    return _PATH.sub(r"\1", text.replace(str(home), "/home"))


@dataclass(frozen=True)
class Workspace:
    """The studio as one visitor may use it. The owner's workspace is the whole studio, a guest's is
    one run.
    """

    studio: Studio
    visitor: Visitor

    @cached_property
    def runs(self) -> Runs:
        """The visitor's runs."""
        return Runs(self)

    @cached_property
    def data(self) -> DataSets:
        """The visitor's data sets."""
        return DataSets(self)

    @cached_property
    def uploads(self) -> WorkspaceUploads:
        """The visitor's uploads."""
        return WorkspaceUploads(self)

    @cached_property
    def answers(self) -> Answers:
        """The visitor's questions and their answers."""
        return Answers(self)

    @property
    def is_owner(self) -> bool:
        """True if the visitor may see everything, including paths of this machine."""
        return self.visitor.role == "owner"

    @property
    def is_read_only(self) -> bool:
        """True if the visitor may only look."""
        return self.visitor.role == "guest"

    def act(self) -> None:
        """Count an action of the visitor before it happens; a `UserError` if it is not allowed."""
        if self.is_read_only:
            raise UserError(words.Workspace.read_only)
        self.studio.visitors.count(self.visitor)

    def spoken(self, text: str) -> str:
        """The text for this visitor: without paths of this machine, except for the owner."""
        return text if self.is_owner else without_paths(text, self.studio.settings.home)

    def leave(self, place: Place) -> None:
        """Store the visitor's place for their next visit."""
        query = place.query()
        if place.is_somewhere and not self.is_read_only and query != self.drafts.place:
            self.drafts.leave(query)

    def back_to(self, asked: Place, is_tab_named: bool) -> Place:
        """The place at which a page opens: that of its address or, if the address names neither
        data set nor run, the visitor's last place. The Data tab alone means a new data set.
        """
        if asked.is_somewhere or self.is_read_only or (is_tab_named and asked.tab == "data"):
            return asked
        last = Place.from_query(dict(parse_qsl(self.drafts.place.removeprefix("?"))))
        if not (self.data.has(last.data) or self.runs.job(last.run)):
            last = self._busy_place()
        return last.at(tab=asked.tab) if is_tab_named else last

    def _busy_place(self) -> Place:
        """The place of a running run, otherwise of the newest data set, otherwise the start."""
        first = next(iter(self.runs.jobs(1)), None)
        if first and not first.is_over:
            return Place(run=first.id, tab="live")
        own = (name for name in self.data.ids() if name != DEMO)
        return Place(data=next(own, None))

    def draft(self, data_id: str) -> dict[str, Any]:
        """The visitor's choices for the next run on a data set."""
        plain = RunConfig(data=str(self.data.path(data_id)))
        start = {"method": plain.method, "model": plain.model, "templates": plain.templates}
        return {**start, "fields": {}, **self.drafts.get(data_id)}

    def keep(self, data_id: str, **changes: Any) -> None:
        """Change the draft of a data set."""
        self.data.path(data_id)
        self.check_names(changes)
        self.drafts.put(data_id, **changes)

    @property
    def drafts(self) -> Drafts:
        """The visitor's choices so far, by data set and by run."""
        drafts, name = self.studio.drafts, self.visitor.workspace
        return Drafts(drafts.folder / name) if name else drafts

    def remembered(self) -> str | None:
        """The id of the workspace, which is stored from now on."""
        token = self.visitor.token
        return self.studio.workspaces.remember(token) if token else self.visitor.workspace

    def check_names(self, chosen: Mapping[str, Any]) -> None:
        """Check the models and runs that a visitor names. Only the owner may name a path, because a
        path reads this machine's disk.
        """
        if self.is_owner:
            return
        catalogue = self.studio.catalogue
        models = {model["name"] for model in catalogue["models"]} | {"embedded"}
        if chosen.get("model", "embedded") not in models:
            raise UserError(words.Workspace.model_of_list.format(models=", ".join(sorted(models))))
        method = next((m for m in catalogue["methods"] if m["name"] == chosen.get("method")), None)
        params = chosen.get("params", {})
        for knob in method["knobs"] if method else ():
            if knob["type"] == "run" and params.get(knob["name"]):
                self.runs.find(str(params[knob["name"]]))
