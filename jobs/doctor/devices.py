"""Counts the GPUs through the driver. Torch would take seconds, and memory on each GPU."""

import subprocess


def count_gpus() -> int:
    """GPUs that the NVIDIA driver lists; 0 without a driver."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return 0
    return len(listed.stdout.splitlines())
