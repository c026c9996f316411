"""Starting one of our own modules in a fresh interpreter, tuned for training on few cores."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a process that reads an image needs neither them nor what they import
    from jobs.settings import Settings

FEW_CORES = 8
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")


def command(module: str, *arguments: str) -> list[str]:
    """The command line. `-P`: a file in the working directory never hides a module of ours."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(settings: "Settings") -> dict[str, str]:
    """For a child: these settings, our packages on its path, allocator and threads tuned."""
    given = {**settings.environment(), **_path()}
    if (os.cpu_count() or 1) <= FEW_CORES:
        # Idle OpenMP threads sleep instead of spinning on a core that another process needs, and
        # freed activations are kept for the next step instead of being mapped and zeroed again by
        # the kernel.
        given.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        given.setdefault("MALLOC_MMAP_MAX_", "0")
        given.setdefault("MALLOC_TRIM_THRESHOLD_", "2000000000")
    return given


def bare_environment() -> dict[str, str]:
    """For a child that reads a visitor's bytes: our packages, one thread, none of our secrets."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, **_path(), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _path() -> dict[str, str]:
    root = Path(__file__).resolve().parents[2]
    given = os.environ.get("PYTHONPATH")
    # A checkout goes first; an installed package is found anyway.
    ours = None if "site-packages" in root.parts else str(root)
    joined = os.pathsep.join(filter(None, (ours, given)))
    return {"PYTHONPATH": joined} if joined else {}
