"""Places where a test makes the process die: `EVENKEEL_CRASH_AT=mid-epoch`. Off otherwise.

`EVENKEEL_CRASH_SKIP=2` lives through the first two times that it comes there.
"""

import os
import signal

_PLACE = os.environ.get("EVENKEEL_CRASH_AT")
_left = int(os.environ.get("EVENKEEL_CRASH_SKIP", "0"))


def crash_at(place: str) -> None:
    """Die here as if the power went, when this is the place that was asked for."""
    global _left
    if place != _PLACE:
        return
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _left -= 1
