"""Names of processes, by which another process on this machine sees if one has ended."""

import os
import subprocess
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@cache
def _boot() -> str:
    """This boot of this host, and the process namespace: in containers process ids repeat."""
    try:
        boot_id = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot_id}/{os.readlink('/proc/self/ns/pid')[5:-1]}"
    except OSError:
        return _ask("sysctl", "-n", "kern.bootsessionuuid")


def _started(pid: int) -> str:
    """The start time of a process as the system writes it; empty if there is no such process."""
    if _PROC.joinpath("self").exists():
        try:
            fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        state, start = fields[0], fields[19]
        return "" if state == "Z" else start
    return _ask("ps", "-o", "lstart=", "-p", str(pid)).replace(":", "-")


def _ask(*command: str) -> str:
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    ).stdout.strip()


def name_of(pid: int) -> str:
    """`boot:pid:start`, or an empty string when there is no such process."""
    started = _started(pid)
    return f"{_boot()}:{pid}:{started}" if started else ""


def this_process() -> str:
    """The name of the process that calls."""
    return name_of(os.getpid())


def is_gone(owner: str) -> bool | None:
    """True if the owner has ended; None if this cannot be seen (another boot or host)."""
    boot, _, rest = owner.partition(":")
    if boot != _boot():
        return None
    return name_of(int(rest.partition(":")[0])) != owner
