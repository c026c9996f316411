"""A run's use of its device, read at most once a second."""

import mmap
import time

import torch

from core.training import memory as usage
from core.training.memory import Usage

CPU = torch.device("cpu")


def test_memory_that_is_taken_is_counted():
    before, after = Usage(CPU), Usage(CPU)
    before.read()
    with mmap.mmap(-1, 50_000_000) as taken:  # fresh from the system, nothing that was kept
        taken.write(b"x" * 50_000_000)
        after.read()
    assert 40_000_000 < after.memory_bytes - before.memory_bytes < 200_000_000


def test_work_is_busy_and_waiting_is_not(monkeypatch):
    monkeypatch.setattr(usage, "FRESH_SECONDS", 0.0)
    reading = Usage(CPU)
    time.sleep(0.2)
    reading.read()
    idle = reading.busy
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    reading.read()
    assert idle is not None
    assert reading.busy is not None
    assert idle < 0.2
    assert reading.busy > 2 * idle


def test_a_reading_is_kept_for_a_second():
    reading = Usage(CPU)
    reading.read()
    first = reading.busy
    for _ in range(1000):
        reading.read()
    assert reading.busy == first
