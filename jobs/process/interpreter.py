"""A process of our own: its command line and environment, its priority, its end with its parent."""

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a process that reads an image needs neither them nor what they import
    from jobs.settings import Settings

FEW_CORES = 8
NICENESS = 10
"""A run takes what the page and its visitors leave: they wait for an answer, nobody for a step."""
_SESSION = Path("/proc/self/autogroup")
_TRIES, _PAUSE_SECONDS = 5, 0.1
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")


def command(module: str, *arguments: str) -> list[str]:
    """The command line. `-P`: a file in the working directory cannot hide one of our modules."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(settings: "Settings") -> dict[str, str]:
    """The environment of a child: these settings, our packages, allocator and threads tuned."""
    given = {**settings.environment(), **_path()}
    if (os.cpu_count() or 1) <= FEW_CORES:
        # Idle OpenMP threads sleep instead of spinning on a core that another process needs. Freed
        # activations are kept for the next step; the kernel would map and zero new pages.
        given.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        given.setdefault("MALLOC_MMAP_MAX_", "0")
        given.setdefault("MALLOC_TRIM_THRESHOLD_", "2000000000")
    return given


def bare_environment() -> dict[str, str]:
    """The environment of a child that reads uploads: our packages, one thread, no secrets."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **_path(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def lower_priority() -> None:
    """Lower the priority of this process and of the session that it leads.

    Linux shares the processor among sessions first (`sched(7)`, "the autogroup feature") and heeds
    the nice value of a process only within its session: without the second a nice process in a
    session of its own takes as much as any other session.
    """
    least = max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0))
    os.setpriority(os.PRIO_PROCESS, 0, least)
    for _ in range(_TRIES):
        try:
            _SESSION.write_text(str(least))
        except BlockingIOError:  # it was somebody else's turn a moment ago
            time.sleep(_PAUSE_SECONDS)
        except OSError:  # a system or a kernel without
            return
        else:
            return


def when_parent_ends(
    action: Callable[[], None], hear: Callable[[str], None] = lambda word: None
) -> None:
    """Call `action` in a thread of its own when stdin closes, even if the parent was killed.

    `hear` gets every line that comes before.
    """
    threading.Thread(target=_wait, args=(action, hear), name="lifeline", daemon=True).start()


def _path() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    given = os.environ.get("PYTHONPATH")
    # Only a checkout needs an entry; an installed package is found without one.
    ours = None if "site-packages" in root.parts else str(root)
    joined = os.pathsep.join(filter(None, (ours, given)))
    return {"PYTHONPATH": joined} if joined else {}


def _wait(action: Callable[[], None], hear: Callable[[str], None]) -> None:
    # Read the descriptor, not `sys.stdin`: a buffered reader would hold its lock while the
    # interpreter shuts down.
    rest = b""
    while said := os.read(sys.stdin.fileno(), 4096):
        *lines, rest = (rest + said).split(b"\n")
        for line in lines:
            hear(line.decode())
    action()
