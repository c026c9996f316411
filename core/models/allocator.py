"""Keeps freed memory with the process for the next tensor, and recognises out-of-memory errors."""

import ctypes
import functools

_SAYINGS = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
KEPT_BYTES = 1 << 30
_SETTINGS = {-1: KEPT_BYTES, -3: KEPT_BYTES, -8: 1}
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX. One arena only: a thread's own arena has no
large blocks.
"""


@functools.cache
def keep_freed_memory() -> bool:
    """Tell the C library to keep up to 1 GB of freed memory; False where it has no such setting.

    Call it before threads start: a thread that already has its own arena keeps it.

    glibc returns large blocks to the kernel at once. Then each layer of each batch waits while the
    kernel zeroes fresh pages: a third of the time of a forward pass of the embedded model.
    """
    try:
        tune = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        return False
    return all(tune(setting, value) for setting, value in _SETTINGS.items())


def is_out_of_memory(error: BaseException) -> bool:
    """True if the device, or this machine, had no memory left for a tensor."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in _SAYINGS)
