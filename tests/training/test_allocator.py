"""What a training frees is kept by its process, and touched anew without a fault of a page."""

import ctypes
import subprocess
import sys

import pytest

from core.training.allocator import keep_freed_memory

CODE = """
import resource, sys
import numpy as np
from core.training.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
np.ones(20_000_000)  # the first time costs faults either way
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    np.ones(20_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", CODE, how], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def has_switch() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")


@pytest.mark.skipif(not has_switch(), reason="needs a C library with mallopt, such as glibc")
def test_kept_memory_is_touched_without_faults():
    assert faults("leave") > 20 * max(1, faults("keep"))


def test_a_library_without_the_switch_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert keep_freed_memory.__wrapped__() is False
