"""Stores files from a browser under an id per visitor until they are placed in a data set."""

import os
import re
import secrets
import shutil
import time
from pathlib import Path
from typing import BinaryIO

from core.errors import UserError
from studio.workspace import words

LEFT_AFTER_SECONDS = 6 * 3600.0
_ID = re.compile(r"[0-9a-f]{32}(\.[a-z0-9]{1,5})?")
_OWNER = "owner"


class Incoming:
    """A folder per visitor. A file of another visitor is reported as missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, workspace: str | None, name: str, file: BinaryIO) -> str:
        """Store a copy of `file` and return its id. Of its name only a suffix such as `.zip` is
        kept.
        """
        ending = Path(name).suffix.lower()
        known = re.fullmatch(r"\.[a-z0-9]{1,5}", ending)
        file_id = secrets.token_hex(16) + (ending if known else "")
        folder = self._of(workspace)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(folder / file_id, "xb") as kept:
            shutil.copyfileobj(file, kept, 1 << 20)
        return file_id

    def path(self, workspace: str | None, file_id: str) -> Path:
        """The path of this visitor's file; a `UserError` if there is no such file."""
        path = self._of(workspace) / file_id
        if not _ID.fullmatch(file_id) or path.is_symlink() or not path.is_file():
            raise UserError(words.DataSets.lost_upload)
        return path

    def size_bytes(self, workspace: str | None) -> int:
        """The size of a visitor's waiting files, without those that have waited for hours."""
        total, now = 0, time.time()
        for entry in _files(self._of(workspace)):
            if now - entry.stat().st_mtime > LEFT_AFTER_SECONDS:
                Path(entry.path).unlink(missing_ok=True)
            else:
                total += entry.stat().st_size
        return total

    def _of(self, workspace: str | None) -> Path:
        return self._folder / (workspace or _OWNER)


def _files(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return []
