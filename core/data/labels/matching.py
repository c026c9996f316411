"""Finds the image that a row names: by its path, by the end of the path, or by its name alone."""

import re
from collections.abc import Iterable
from functools import cached_property
from unicodedata import normalize
from urllib.parse import unquote

from core.data.names import split_of

_SERVER = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*/")
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
"""The prefix that Label Studio adds to the name of an uploaded image."""


class ImageIndex:
    """The images that rows may name. A name that several images share matches none of them, unless
    the path from the label file's folder decides.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = list(paths)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The names of the images, without extension."""
        return frozenset(_key(path.rpartition("/")[2].rpartition(".")[0]) for path in self.paths)

    def near(self, folder: str, role: str | None) -> "LabelScope":
        """The images that a label file in this folder can name."""
        return LabelScope(self, folder, role)

    def ending(self, parts: list[str], is_stem: bool) -> list[str]:
        """Images whose path ends with these parts; with `is_stem`, compared without extension."""
        found = (self._by_stem if is_stem else self._by_name).get("/".join(parts[-2:]), [])
        if len(parts) < 3:
            return found
        end = "/".join(parts)
        return [path for path in found if f"/{_without(path, is_stem)}".endswith(f"/{end}")]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        return self._by_end(False)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        return self._by_end(True)

    def _by_end(self, is_stem: bool) -> dict[str, list[str]]:
        """Images by name, and by last folder and name. Longer paths would need much memory."""
        found: dict[str, list[str]] = {}
        for path in self.paths:
            *folders, name = _without(path, is_stem).split("/")
            found.setdefault(name, []).append(path)
            if folders:
                found.setdefault(f"{folders[-1]}/{name}", []).append(path)
        return found


class LabelScope:
    """The images that one label file can name."""

    def __init__(self, images: ImageIndex, folder: str, role: str | None) -> None:
        """A file in a folder with images names only these. A file named like a split names only
        images of that split, if there are any.
        """
        self._images = images
        prefix = f"{folder}/" if folder else ""
        own = [path for path in images.paths if path.startswith(prefix)]
        self._prefix = prefix if own else ""
        own = own or images.paths
        split = {path for path in own if role and _split(path) == role}
        self.paths = split or set(own)
        self._known: dict[str, str | None] = {}

    def find(self, written: str) -> str | None:
        """The image that a text names; None if there is none, or more than one."""
        if written not in self._known:
            self._known[written] = self._find(written)
        return self._known[written]

    def _find(self, written: str) -> str | None:
        parts = _parts(written)
        if not parts or len(written) > 2000:
            return None
        short = _UPLOADED.sub("", parts[-1])
        for names in (parts, [short]) if short != parts[-1] else (parts,):
            stem = names[-1].rpartition(".")[0]
            for last, is_stem in ((names[-1], False), (names[-1], True), (stem, True)):
                found = self._by_end([*names[:-1], last], is_stem) if last else None
                if found:
                    return found
        return None

    def _by_end(self, parts: list[str], is_stem: bool) -> str | None:
        for start in range(len(parts)):
            ending = self._images.ending(parts[start:], is_stem)
            found = [path for path in ending if path in self.paths]
            if len(found) > 1:
                exact = _key(self._prefix) + "/".join(parts[start:])
                found = [p for p in found if _without(p, is_stem) == exact]
            if len(found) == 1:
                return found[0]
        return None


def _without(path: str, extension: bool) -> str:
    key = _key(path)
    return key.rpartition(".")[0] or key if extension else key


def _split(path: str) -> str | None:
    return next((role for part in path.split("/")[:-1] if (role := split_of(part))), None)


def _key(path: str) -> str:
    return path.casefold() if path.isascii() else normalize("NFC", path).casefold()


def _parts(written: str) -> list[str]:
    text = written.strip().strip("'\"").replace("\\", "/")
    if "?d=" in text:  # Label Studio's local files
        text = text.partition("?d=")[2]
    if "://" in text:
        text = _SERVER.sub("", text).partition("?")[0]
    if "%" in text:
        text = unquote(text)
    return [part for part in _key(text).split("/") if part not in ("", ".", "..")]
