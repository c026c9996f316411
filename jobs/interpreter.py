"""Starting one of our own modules in a fresh interpreter, tuned for training on few cores."""

import os
import sys
from pathlib import Path

from jobs.settings import Settings

FEW_CORES = 8


def command(module: str, *arguments: str) -> list[str]:
    """The command line. `-P`: a file in the working directory never hides a module of ours."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment(settings: Settings) -> dict[str, str]:
    """For a child: these settings, our packages on its path, allocator and threads tuned."""
    given = settings.environment()
    root = Path(__file__).resolve().parent.parent
    if "site-packages" not in root.parts:  # a checkout; an installed package is found anyway
        given["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root), given.get("PYTHONPATH"))))
    if (os.cpu_count() or 1) <= FEW_CORES:
        # Idle OpenMP threads sleep instead of spinning on a core that another process needs, and
        # freed activations are kept for the next step instead of being mapped and zeroed again by
        # the kernel.
        given.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        given.setdefault("MALLOC_MMAP_MAX_", "0")
        given.setdefault("MALLOC_TRIM_THRESHOLD_", "2000000000")
    return given
