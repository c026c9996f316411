"""A child ends with its parent, whose pipe is on its stdin; until then it hears what that asks."""

import os
import sys
import threading
from collections.abc import Callable


def when_parent_ends(
    action: Callable[[], None], hear: Callable[[str], None] = lambda word: None
) -> None:
    """Call `action` in a thread of its own when stdin closes, even if the parent was killed.

    `hear` gets every line that comes before.
    """
    threading.Thread(target=_wait, args=(action, hear), name="lifeline", daemon=True).start()


def _wait(action: Callable[[], None], hear: Callable[[str], None]) -> None:
    # The descriptor, not `sys.stdin`: a buffered reader would hold its lock while the interpreter
    # ends.
    rest = b""
    while said := os.read(sys.stdin.fileno(), 4096):
        *lines, rest = (rest + said).split(b"\n")
        for line in lines:
            hear(line.decode())
    action()
