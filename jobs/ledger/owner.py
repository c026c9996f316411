"""Who a process is, so that another process on this machine can tell whether it still lives."""

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
    """When a process started, in the system's own words; empty when there is no such process."""
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
    """Whether the owner has ended; None when it cannot be seen from here (another boot or host)."""
    boot, _, rest = owner.partition(":")
    if boot != _boot():
        return None
    return name_of(int(rest.partition(":")[0])) != owner
