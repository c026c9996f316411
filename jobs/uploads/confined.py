"""What a process gives up before it touches a visitor's bytes."""

import resource
from math import ceil


def confine(memory_bytes: int, file_bytes: int) -> None:
    """Limit this process for good: address space, size of a file it writes, no core dump.

    Over the first, an allocation raises `MemoryError`; over the second, a write raises `OSError`.
    macOS does not enforce the first.
    """
    for kind, most in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
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
    """The most memory that this process and the children it has waited for ever held, each."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in whose)
