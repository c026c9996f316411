"""The one exception for what a user can mend, and the sentence that helps with a typo."""

import re
from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """What it must be, what it got, what to do next: one sentence that a user can act on.

    The page shows it as it is, so it names no flag. `setting` is what in a run's config would
    allow it; the command line says how it is called there.
    """

    def __init__(self, sentence: str = "", setting: str = "") -> None:
        super().__init__(sentence)
        self.setting = setting


class DiskFull(UserError):
    """There is no room to write; the same may succeed later."""


class NotFinite(UserError):
    """A model answers with something that is no number; its training may still go back."""


def unknown(kind: str, got: str, options: Iterable[str]) -> UserError:
    """A `UserError` for a name that does not exist, with the nearest names that do."""
    names = sorted(options)
    near = get_close_matches(got, names, n=3, cutoff=0.5)
    if near:
        hint = f"Did you mean {' or '.join(repr(name) for name in near)}?"
    elif len(names) <= 20:
        hint = f"Choose one of: {', '.join(names)}."
    else:
        hint = f"There are {len(names)} to choose from, for example {', '.join(names[:3])}."
    return UserError(f"{kind}: there is no {got!r}. {hint}")


_NOT_TO_BE_SHOWN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """A name from outside, fit for a sentence: without line ends, and what turns text around."""
    return _NOT_TO_BE_SHOWN.sub("?", text)
