"""Removes paths of this machine from texts for visitors."""

import re
from pathlib import Path

_PATH = re.compile(r"(?<![\w/:.<])/(?:[^/\s\"'<>:,;()\[\]{}]+/)+([^/\s\"'<>:,;()\[\]{}]*)")
"""An absolute path of at least two parts, but not one after a letter, as in `a/b/c` or a URL."""


def without_paths(text: str, home: Path) -> str:
    """The text, with every absolute path shortened to its last part; `home` may contain spaces."""
    return _PATH.sub(r"\1", text.replace(str(home), "/home"))
