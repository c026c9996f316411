"""A child ends with its parent: the pipe on its stdin closes when the parent is gone."""

import os
import sys
import threading
from collections.abc import Callable


def when_parent_ends(action: Callable[[], None]) -> None:
    """Call `action` in a thread of its own when stdin closes, even if the parent was killed."""
    threading.Thread(target=_wait, args=(action,), name="lifeline", daemon=True).start()


def _wait(action: Callable[[], None]) -> None:
    # The descriptor, not `sys.stdin`: a buffered reader would hold its lock while the interpreter
    # ends.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    action()
