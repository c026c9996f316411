"""`UserError`, the exception for problems a user can fix, and a helper that suggests names."""

import re
from collections.abc import Iterable
from difflib import get_close_matches


class UserError(Exception):
    """A problem the user can fix. The sentence says what is needed, what it got and what to do.

    The page shows the sentence unchanged, so it names no command-line flag. `setting` is the
    setting of a run that would allow it; the command line adds the flag for that setting.
    """

    def __init__(self, sentence: str = "", setting: str = "") -> None:
        super().__init__(sentence)
        self.setting = setting


class DiskFull(UserError):
    """The disk is full. The same action may succeed later."""


class NotFinite(UserError):
    """A model returned NaN or infinity. Training may still go back to an earlier checkpoint."""


def unknown(kind: str, got: str, options: Iterable[str]) -> UserError:
    """Builds the `UserError` for an unknown name; it suggests the most similar known names."""
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
    """Makes an external name safe to show: line ends and direction marks become `?`."""
    return _NOT_TO_BE_SHOWN.sub("?", text)
