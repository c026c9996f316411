"""Lists the files in a folder; entries that are not read are named with a reason."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.data.images import is_image_name

LINK_TO_NOTHING = "a link to nothing"
NOT_TEXT = "its name is not UTF-8; rename it"


@dataclass
class Listing:
    """The entries below a folder, as relative POSIX paths."""

    files: list[str] = field(default_factory=list)
    """Regular files, and broken links with an image's name; an empty folder ends in `/`."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of entries that are neither file nor folder, or whose name is not text."""

    @property
    def everything(self) -> set[str]:
        """All paths, of files and of refused entries."""
        return {*self.files, *(path for path, _ in self.refused)}


def list_files(folder: Path) -> Iterator[str]:
    """Every file below `folder` as a relative POSIX path; an empty folder ends in `/`."""
    return iter(list_folder(folder).files)


def list_folder(folder: Path) -> Listing:
    """Lists everything below `folder`.

    Links are followed, because data sets are often made of links, but never in a circle. No file is
    opened: opening a pipe would block until another process writes to it.
    """
    folder = folder.resolve()
    found = Listing()
    waiting = [("", folder, frozenset({folder}))]
    while waiting:
        prefix, here, above = waiting.pop()
        with os.scandir(here) as scanned:
            entries = list(scanned)
        if prefix and not entries:
            found.files.append(prefix)
        for entry in entries:
            path = prefix + entry.name
            kind = _kind(entry)
            if (
                kind == stat.S_IFLNK and is_image_name(path) and _is_text(path)
            ):  # listed, so that the image is later reported as missing
                found.files.append(path)
            elif reason := _why_not(entry.name, kind):
                end = "/" if stat.S_ISDIR(kind) else ""
                found.refused.append((_as_text(path) + end, reason))
            elif not stat.S_ISDIR(kind):
                found.files.append(path)
            else:
                inner = here / entry.name
                target = inner.resolve() if entry.is_symlink() else inner
                if target in above:
                    found.refused.append((f"{path}/", "a link to a folder that it lies in"))
                else:
                    waiting.append((f"{path}/", inner, above | {target}))
    return found


def _kind(entry: os.DirEntry[str]) -> int:
    """The file type, links followed. A broken link is a link; a circle of links is 0."""
    try:
        # For most entries the folder itself has the type, so no further call to the disk is needed.
        if entry.is_file():
            return stat.S_IFREG
        return stat.S_IFDIR if entry.is_dir() else stat.S_IFMT(entry.stat().st_mode)
    except FileNotFoundError:
        return stat.S_IFLNK
    except OSError:
        return 0


def _why_not(name: str, kind: int) -> str | None:
    """The reason why an entry is not read; None for a file or a folder."""
    if not _is_text(name):
        return NOT_TEXT
    if kind in (0, stat.S_IFLNK):
        return LINK_TO_NOTHING
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        return "a pipe, a socket or a device, not a file"
    return None


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_text(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")
