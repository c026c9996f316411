"""Limits that a process sets on itself before it reads a visitor's bytes."""

import resource
import sys
from math import ceil
from pathlib import Path

_MACOS = sys.platform == "darwin"


def confine(memory_bytes: int, file_bytes: int) -> None:
    """Limit this process for good: address space, size of a file it writes, no core dump.

    Over the first, an allocation raises `MemoryError`; over the second, a write raises `OSError`.
    macOS knows no limit on address space.
    """
    limits = {resource.RLIMIT_FSIZE: file_bytes, resource.RLIMIT_CORE: 0}
    if not _MACOS:
        limits[resource.RLIMIT_AS] = memory_bytes
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))


def allow_seconds(seconds: float) -> None:
    """Let the kernel end this process after so many more seconds of computing."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def peak_bytes() -> int:
    """The most memory that this process ever held."""
    if _MACOS:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # What `getrusage` tells begins with the size of the process that started this one.
    status = Path("/proc/self/status").read_text("ascii")
    (kibibytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return 1024 * int(kibibytes)
