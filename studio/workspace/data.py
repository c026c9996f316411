"""The data sets of one visitor: their uploads, and the demo that all share."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.data.dataset import Dataset, IngestReport
from core.errors import UserError
from studio.workspace import words
from studio.workspace.data_store import DEMO, Opened

if TYPE_CHECKING:
    from studio.workspace import Workspace


@dataclass(frozen=True)
class DataSets:
    """The data sets of a workspace, by the name of their folder."""

    mine: "Workspace"

    def ids(self) -> list[str]:
        """Data sets, the newest first."""
        if self.mine.is_owner:
            return self.mine.studio.data_store.ids()
        if self.mine.is_read_only:
            return []
        own = self.mine.studio.workspaces.data_sets(self.mine.visitor.workspace)
        return [
            name
            for name in self.mine.studio.data_store.ids()
            if name in own or self.is_shared(name)
        ]

    def has(self, data_id: str | None) -> bool:
        """True if this workspace has such a data set."""
        if not self.mine.studio.data_store.has(data_id) or self.mine.is_read_only:
            return False
        if self.mine.is_owner or self.is_shared(data_id):
            return True
        return data_id in self.mine.studio.workspaces.data_sets(self.mine.visitor.workspace)

    def path(self, data_id: str) -> Path:
        """The folder of a data set."""
        if not self.has(data_id):
            raise UserError(words.DataSets.unknown_data.format(name=data_id))
        return self.mine.studio.data_store.path(data_id)

    def shown_path(self, data_id: str) -> str:
        """The name of a data set in a command line on the page."""
        return str(self.path(data_id)) if self.mine.is_owner else data_id

    def title(self, data_id: str) -> str:
        """The title of a data set, without reading its images."""
        self.path(data_id)
        return self.mine.studio.data_store.title(data_id)

    def open(self, data_id: str) -> Opened:
        """The data set, read at most once until it changes."""
        self.path(data_id)
        return self.mine.studio.data_store.open(data_id)

    def reports(self, data_id: str) -> list[IngestReport]:
        """The reports on the uploads of this data set, while the studio remembers them."""
        self.path(data_id)
        return self.mine.studio.data_store.reports(data_id)

    def may_change(self, data_id: str) -> bool:
        """True if the visitor may change and delete this data set."""
        return self.has(data_id) and (self.mine.is_owner or not self.is_shared(data_id))

    def change(self, data_id: str, change: Callable[[Dataset], None]) -> None:
        """Change the visitor's own data set; `change` edits its description, not its images."""
        self.path(data_id)
        if not self.may_change(data_id):
            raise UserError(words.DataSets.not_yours)
        self.mine.studio.data_store.change(data_id, change)

    def delete(self, data_id: str) -> None:
        """Delete the visitor's own data set with its images, if no run uses it."""
        path = self.path(data_id)
        if not self.may_change(data_id):
            raise UserError(words.DataSets.not_yours)
        if self.mine.studio.ledger.uses(path):
            raise UserError(words.DataSets.in_use)
        self.mine.studio.data_store.remove(data_id)
        self.mine.studio.workspaces.measured(data_id, None)

    def thumb(self, data_id: str, sha256: str, effect: str = "") -> Path:
        """A small WebP of one image; a guest sees those that the lab of the shared run shows."""
        if not self._shows(data_id, sha256):
            self.path(data_id)
        return self.mine.studio.data_store.thumb(data_id, sha256, effect)

    def image(self, data_id: str, sha256: str) -> Path:
        """An image of a data set by its hash."""
        found = self.open(data_id).images.get(sha256)
        if found is None:
            raise UserError(words.DataSets.unknown_image)
        return found

    def open_demo(self) -> str:
        """The id of the demo, which all share and only the owner may change."""
        demo = self.mine.studio.data_store.add_demo()
        if not self.has(demo):
            raise UserError(words.DataSets.no_demo)
        return demo

    def is_shared(self, data_id: str | None) -> bool:
        """True for the demo, until the owner puts their own images into it."""
        return data_id == DEMO and not self.mine.studio.workspaces.is_claimed(DEMO)

    def _shows(self, data_id: str, sha256: str) -> bool:
        """True if the lab shows this image to a guest."""
        job = self.mine.runs.job(self.mine.visitor.run)
        if not self.mine.is_read_only or job is None or self.mine.runs.data_name(job) != data_id:
            return False
        answer = self.mine.answers.inspected(job.id)
        if answer is None or answer.state != "ready":
            return False
        return any(sha256 in domain.sha256 for domain in answer.value.domains.values())
