"""How a template has a child that is not its own but its worker's, or becomes it itself."""

import os
import socket
from contextlib import suppress


def forked(line: socket.socket) -> bool:
    """Fork; True in the child. Its process id, and an end of line, are written to `line`.

    The child's parent ends at once, and the worker adopts it (`jobs.children`). The end of line is
    written after that, by the template: who has read it can wait for the child.
    """
    if between := os.fork():
        os.waitpid(between, 0)
        with suppress(BrokenPipeError):
            line.sendall(b"\n")
        return False
    os.setsid()
    if child := os.fork():
        with suppress(BrokenPipeError):
            line.sendall(str(child).encode())
        os._exit(0)
    return True


def became(line: socket.socket) -> bool:
    """Where nobody can adopt: True, the process of the run is this one."""
    line.sendall(f"{os.getpid()}\n".encode())
    return True
