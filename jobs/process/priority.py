"""How a process makes way for those whom somebody waits for."""

import os
import time
from pathlib import Path

NICENESS = 10
"""A run takes what the page and its visitors leave: they wait for an answer, nobody for a step."""
_SESSION = Path("/proc/self/autogroup")
_TRIES, _PAUSE_SECONDS = 5, 0.1


def make_way() -> None:
    """Lower the priority of this process and of the session that it leads.

    Linux shares the processor among sessions first (`sched(7)`, "the autogroup feature") and heeds
    the nice value of a process only within its session: without the second a nice process in a
    session of its own takes as much as any other session.
    """
    least = max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
    os.setpriority(os.PRIO_PROCESS, 0, least)
    for _ in range(_TRIES):
        try:
            _SESSION.write_text(str(least))
        except BlockingIOError:  # it was somebody else's turn a moment ago
            time.sleep(_PAUSE_SECONDS)
        except OSError:  # a system or a kernel without
            return
        else:
            return
