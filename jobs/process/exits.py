"""What the exit code of a run's process means. The worker decides by it what happens to the run."""

import signal
from enum import IntEnum


class Exit(IntEnum):
    """Every other code, and every signal, is a crash: the run is tried again."""

    DONE = 0
    REFUSED = 65
    """A `UserError`; the sentence is in the run's `failure.json`."""
    BROKEN = 70
    """Any other exception; its last line is in `failure.json`, the rest in `traceback.txt`."""
    TRY_LATER = 75
    """The disk is full; the sentence is in `failure.json`, if that fitted."""
    PARENT_GONE = 77
    FENCED = 78
    """A later attempt at this run has begun."""
    STOPPED = 128 + signal.SIGTERM
    """Asked to end, and ended in good order; its checkpoint says how far it was."""


def describe(code: int) -> str:
    """A crash in words: `killed by SIGKILL (out of memory?)`."""
    if code >= 0:
        return f"it ended with exit code {code}."
    name = signal.Signals(-code).name
    likely = " (perhaps the machine ran out of memory)" if name == "SIGKILL" else ""
    return f"it was killed by {name}{likely}."
