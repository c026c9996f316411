"""Receives files from a visitor's browser, and puts them into a data set."""

import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from core.data.dataset import Role
from core.data.limits import MIB
from core.errors import UserError
from jobs.ledger.workspaces import DataSize
from studio.workspace import words

if TYPE_CHECKING:
    from studio.workspace import Workspace


@dataclass(frozen=True)
class WorkspaceUploads:
    """The uploads of a workspace, within its limits."""

    mine: "Workspace"

    def receive(self, name: str, file: BinaryIO) -> str:
        """Store a file from the browser until it is placed, and return its id."""
        return self.mine.studio.incoming.keep(self.mine.visitor.workspace, name, file)

    def check_room(self, size_bytes: int) -> None:
        """Raise a `UserError` if so much more exceeds the limit of an upload, the workspace or the
        disk.
        """
        settings = self.mine.studio.settings
        waiting = self.mine.studio.incoming.size_bytes(self.mine.visitor.workspace) + size_bytes
        if waiting > settings.limits.upload_bytes:
            raise UserError(words.DataSets.too_large.format(limit=f"{settings.upload_mib:,}"))
        if self.mine.is_owner:
            return
        kept = self.mine.studio.workspaces.kept(self.mine.visitor.workspace).size_bytes
        if kept + waiting > settings.workspace_mib * MIB:
            raise UserError(words.DataSets.full.format(limit=f"{settings.workspace_mib:,}"))
        if shutil.disk_usage(settings.home).free < settings.upload_reserve_mib * MIB + size_bytes:
            raise UserError(words.DataSets.disk_full)

    def upload(
        self, files: Sequence[Mapping[str, Any]], role: Role, data_id: str | None, folder: str
    ) -> str:
        """Put the files `{rel, id}` into `data_id` or a new data set, and return its id."""
        if data_id is not None and not self.mine.data.has(data_id):
            data_id = None
        if data_id is not None and not self.mine.is_owner and self.mine.data.is_shared(data_id):
            raise UserError(words.DataSets.demo_is_shared)
        sent = [{"rel": str(f.get("rel", "")), "path": self._sent(f.get("id"))} for f in files]
        store, settings = self.mine.studio.data_store, self.mine.studio.settings
        target = data_id or store.fresh_id(sent, exact=self.mine.is_owner)
        limit = (
            None
            if self.mine.is_owner
            else DataSize(settings.workspace_mib * MIB, settings.workspace_images)
        )
        workspaces, owner = self.mine.studio.workspaces, self.mine.remembered()
        workspaces.claim(owner, target, target, _brought(sent), limit)
        try:
            store.add_upload(sent, role, target, folder)
        finally:
            workspaces.measured(target, _measured(store.folder / target))
        return target

    def uploaded(self, file_id: str) -> Path:
        """A file that this visitor's browser sent."""
        if self.mine.is_read_only:
            raise UserError(words.Workspace.read_only)
        return self.mine.studio.incoming.path(self.mine.visitor.workspace, file_id)

    def _sent(self, file_id: Any) -> str:
        return str(self.uploaded(str(file_id)))


def _brought(sent: Sequence[Mapping[str, str]]) -> DataSize:
    """The size of an upload, as far as it is known before the files are read."""
    paths = [Path(file["path"]) for file in sent]
    return DataSize(sum(p.stat().st_size for p in paths), sum(_images(p) for p in paths))


def _images(path: Path) -> int:
    if path.suffix != ".zip":
        return 1
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(not entry.is_dir() for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError):
        return 0  # its error is reported where it is unpacked


def _measured(folder: Path) -> DataSize | None:
    """The size of a data set on disk; None if it does not exist."""
    if not folder.is_dir():
        return None
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return DataSize(sum(sizes), len(sizes))
