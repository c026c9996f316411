"""What lies in a folder: files to read, and what is named and left alone."""

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
    """What lies below a folder, by relative POSIX path."""

    files: list[str] = field(default_factory=list)
    """Regular files, and links of images that lead nowhere; an empty folder ends in `/`."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """(path, reason) of what is neither a file nor a folder, or cannot be named."""

    @property
    def everything(self) -> set[str]:
        """The paths of both."""
        return {*self.files, *(path for path, _ in self.refused)}


def list_files(folder: Path) -> Iterator[str]:
    """Every file below `folder` as a relative POSIX path; an empty folder ends in `/`."""
    return iter(list_folder(folder).files)


def list_folder(folder: Path) -> Listing:
    """All that lies below `folder`.

    Links are followed, since data sets are often built of them, but never in a circle. Nothing is
    opened: to open a pipe is to wait for whoever writes to it.
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
            ):  # an image that is missing
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
    """The file type, behind links; that of a link where it leads nowhere, 0 where in a circle."""
    try:
        # What the folder itself says is enough for most entries, and asks the disk nothing.
        if entry.is_file():
            return stat.S_IFREG
        return stat.S_IFDIR if entry.is_dir() else stat.S_IFMT(entry.stat().st_mode)
    except FileNotFoundError:
        return stat.S_IFLNK
    except OSError:
        return 0


def _why_not(name: str, kind: int) -> str | None:
    """Why an entry is left alone; None for a file and a folder."""
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
