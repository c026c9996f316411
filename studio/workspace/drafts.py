"""Stores choices that are not queued yet on disk, so that a closed tab loses nothing."""

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.durable import publish
from core.results.records import write_json
from studio.workspace.session import is_id


@dataclass(frozen=True)
class Drafts:
    """Small JSON objects by the id of a data set (its next run) or of a run (its chosen mixing)."""

    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, key: str) -> dict[str, Any]:
        """The object stored under `key`; empty if there is none, or if the file is damaged."""
        try:
            kept = json.loads(self._path(key).read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def put(self, key: str, **changes: Any) -> dict[str, Any]:
        """Change some fields of the object under `key`, and return the whole object."""
        with self._lock:
            kept = {**self.get(key), **changes}
            self.folder.mkdir(parents=True, exist_ok=True)
            write_json(self._path(key), kept)
        return kept

    @property
    def place(self) -> str:
        """The query string of the visitor's last place; empty if it is not known."""
        try:
            return self._place_path.read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def leave(self, query: str) -> None:
        """Store the visitor's place."""
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            publish(self._place_path, lambda partial: partial.write_text(query, "utf-8"))

    @property
    def _place_path(self) -> Path:
        return self.folder / ".place"  # no id begins with a dot

    def _path(self, key: str) -> Path:
        if not is_id(key):
            raise ValueError(f"not an id: {key!r}")
        return self.folder / f"{key}.json"
