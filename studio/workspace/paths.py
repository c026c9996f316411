"""Texts for visitors: paths of the machine that the studio runs on do not leave it."""

import re
from pathlib import Path

_PATH = re.compile(r"(?<![\w/:.<])/(?:[^/\s\"'<>:,;()\[\]{}]+/)+([^/\s\"'<>:,;()\[\]{}]*)")
"""An absolute path of at least two parts. Not what follows a letter, as in `a/b/c` or a URL."""


def without_paths(text: str, home: Path) -> str:
    """The text with the last part of every absolute path in its place; `home` may hold spaces."""
    return _PATH.sub(r"\1", text.replace(str(home), "/home"))
