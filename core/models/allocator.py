"""Freed memory that stays with the process for the next tensor, and how to tell that it ran out."""

import ctypes
import functools

_SAYINGS = ("can't allocate memory", "not enough memory", "out of memory", "ALLOC_FAILED")
KEPT_BYTES = 1 << 30
_SETTINGS = {-1: KEPT_BYTES, -3: KEPT_BYTES, -8: 1}
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX: a thread's own arena has no large blocks."""


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library keep up to 1 GB of what is freed; False where it has no such setting.

    To be called before there are threads: one that has an arena of its own keeps it.

    glibc gives large blocks back to the kernel at once, so that each layer of each batch waits for
    fresh pages to be zeroed: a third of the time of a forward pass of the embedded model.
    """
    try:
        tune = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        return False
    return all(tune(setting, value) for setting, value in _SETTINGS.items())


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the device, or this machine, had no memory left for a tensor."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in _SAYINGS)
