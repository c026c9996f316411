"""Freed memory that stays with the process for the next tensor."""

import ctypes
import functools

KEPT_BYTES = 1 << 30
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


@functools.cache
def keep_freed_memory() -> bool:
    """Let the C library keep up to 1 GB of what is freed; False where it has no such setting.

    glibc gives large blocks back to the kernel at once, so that each layer of each batch waits for
    fresh pages to be zeroed: a third of the time of a forward pass of the embedded model.
    """
    try:
        tune = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, Windows
        return False
    return all(tune(setting, KEPT_BYTES) for setting in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD))
