"""Text for streams whose encoding does not have all of its characters: a pipe on Windows, LC_ALL=C.

What is missing is written with what there is, so that nothing that was to be said is lost.
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
"""What our own sentences use, in ASCII. A minus must not become a question mark."""


def print_anything() -> None:
    """From now on nothing that this process prints fails for a character."""
    codecs.register_error(_ERRORS, _with_what_there_is)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):  # not what tests put in its place
            reconfigure(errors=_ERRORS)


def json_for(document: Any, stream: TextIO) -> str:
    """A JSON document in the characters of a stream; what it does not have is escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(document, indent=2)
    return text


def _with_what_there_is(error: UnicodeError) -> tuple[str, int]:
    """The characters that cannot be encoded in plain ones, `\\u72ac` where nothing is alike."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    escaped = (c.encode("ascii", "backslashreplace").decode("ascii") for c in missing)
    return "".join(_PLAIN.get(c, e) for c, e in zip(missing, escaped, strict=True)), error.end
