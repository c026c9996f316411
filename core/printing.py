"""Prints text to streams that cannot encode every character: a pipe on Windows, LC_ALL=C.

A missing character is replaced by a similar one or an escape, so that no message is lost.
"""

import codecs
import json
import sys
from typing import Any, TextIO

_ERRORS = "evenkeel.with-what-there-is"
_PLAIN = {
    "−": "-", "–": "-", "—": "-", "…": "...", "×": "x", "·": "-", "α": "alpha", "β": "beta",
    "γ": "gamma", "λ": "lambda", "τ": "tau", "≤": "<=", "≥": ">=", "→": "->", "’": "'", "‘": "'",
    "“": '"', "”": '"', "½": "1/2", "²": "^2", "\u00a0": " ", "\u202f": " ",
}  # fmt: skip
"""ASCII for the characters of our own sentences: a minus must not become a question mark."""


def print_anything() -> None:
    """Makes stdout and stderr of this process accept every character."""
    codecs.register_error(_ERRORS, _with_what_there_is)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(
            stream, "reconfigure", None
        ):  # a stream captured by a test has none
            reconfigure(errors=_ERRORS)


def json_for(document: Any, stream: TextIO) -> str:
    """The document as JSON text; non-ASCII characters are escaped if the stream lacks them."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(document, indent=2)
    return text


def _with_what_there_is(error: UnicodeError) -> tuple[str, int]:
    """Replaces characters that cannot be encoded: by ASCII if similar, else by `\\u72ac`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    escaped = (c.encode("ascii", "backslashreplace").decode("ascii") for c in missing)
    return "".join(_PLAIN.get(c, e) for c, e in zip(missing, escaped, strict=True)), error.end
