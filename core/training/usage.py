"""Measures a run's use of its device: the memory it holds, and how busy the device is."""

import os
import time

import psutil
import torch

FRESH_SECONDS = 1.0
"""Shortest time between two readings. A reading takes up to a millisecond, and people read no
faster.
"""


class Usage:
    """The last reading of a device; `read` renews it after a second."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._process = psutil.Process()
        self._cores = os.cpu_count() or 1
        self._at = time.perf_counter()
        self._worked = time.process_time()
        self.memory_bytes = 0
        self.busy: float | None = None
        """Share from 0 to 1: of all cores by this process, or of the GPU by all processes. None if
        unknown (NVIDIA's reading needs the package nvidia-ml-py).
        """

    def read(self) -> None:
        """Renew the reading if it is due."""
        passed = time.perf_counter() - self._at
        if self.memory_bytes and passed < FRESH_SECONDS:
            return
        if self._device.type == "cuda":
            self.memory_bytes = torch.cuda.memory_reserved(self._device)
            self.busy = _gpu_busy(self._device)
        else:
            worked = time.process_time()
            self.memory_bytes = self._process.memory_info().rss
            self.busy = min(1.0, (worked - self._worked) / (passed * self._cores))
            self._worked = worked
        self._at += passed


def _gpu_busy(device: torch.device) -> float | None:
    try:
        return float(torch.cuda.utilization(device)) / 100
    except (ModuleNotFoundError, RuntimeError):
        return None
