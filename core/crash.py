"""Places where a test makes the process die: `EVENKEEL_CRASH_AT=before-rename`. Off otherwise.

With `EVENKEEL_CRASH_ONCE=FILE` it dies only while FILE does not exist, and makes it: whoever takes
over lives.
"""

import os
import signal

_PLACE = os.environ.get("EVENKEEL_CRASH_AT")
_ONCE = os.environ.get("EVENKEEL_CRASH_ONCE")


def crash_at(place: str) -> None:
    """Die here as if the power went, when this is the place that was asked for."""
    if place != _PLACE:
        return
    if _ONCE:
        try:
            os.close(os.open(_ONCE, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
    os.kill(os.getpid(), signal.SIGKILL)
