"""How a template has a child that is not its own but its worker's, or becomes it itself."""

import os
import socket
import time
from contextlib import suppress

_LOOK_SECONDS = 0.001


def forked(line: socket.socket) -> bool:
    """Fork; True in the child. Its process id, and an end of line, are written to `line`.

    The child's parent ends at once, and the worker adopts it (`jobs.process.children`). The child
    writes when that has happened, so that the reader can wait for the child; and it writes all of
    it by itself, since its template may be killed at any moment.
    """
    if between := os.fork():
        os.waitpid(between, 0)
        return False
    os.setsid()
    parent = os.getpid()
    if os.fork():
        os._exit(0)
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    became(line)
    return True


def became(line: socket.socket) -> bool:
    """Where nobody can adopt: True, the process of the run is this one."""
    with suppress(BrokenPipeError):  # a worker that wants it no more; the line ends, as it will see
        line.sendall(f"{os.getpid()}\n".encode())
    return True
