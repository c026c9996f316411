"""Reads the event log of a run as it grows: what every reader of a log has in common."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json  # takes NaN like `json`, and half the time

_AT_ONCE = 1 << 20
"""Bytes that are read of a log. Between readings other threads get their turn: with small ones, a
thread that draws a page waits for each."""

Told = Mapping[str, Any] | bytes
"""An event, or its line in the log."""


def whole(seq: int, told: Told) -> Mapping[str, Any]:
    """The event of that number."""
    if isinstance(told, bytes):
        return {**from_json(told, cache_strings="keys"), "seq": seq}
    return told


def state_of(path: Path) -> tuple[int, int]:
    """The inode and size of a log: if neither changed, its events are the same. (0, 0) for none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_ino, found.st_size


class Tail:
    """Follows a log: gives its lines once each, as they are written."""

    def __init__(self, path: Path, restarted: Callable[[], object]) -> None:
        """`restarted` is called where another log took its place, or it was cut back."""
        self._path = path
        self._restarted = restarted
        self._inode, self._offset = 0, 0

    def skip(self) -> None:
        """Leave out what the log holds by now."""
        self._inode, self._offset = state_of(self._path)

    def lines(self) -> Iterator[bytes]:
        """The lines since the last look. One that is still being written is left for the next."""
        inode, size = state_of(self._path)
        if (inode, size) == (self._inode, self._offset):
            return
        try:
            file = open(self._path, "rb", buffering=_AT_ONCE)  # noqa: SIM115
        except FileNotFoundError:
            self._inode, self._offset = 0, 0
            self._restarted()
            return
        with file:
            found = os.fstat(file.fileno())
            if found.st_ino != self._inode or found.st_size < self._offset:
                self._inode, self._offset = found.st_ino, 0
                self._restarted()
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                yield line
