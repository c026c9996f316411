"""Kept memory causes no page fault the second time."""

import ctypes
import subprocess
import sys

import pytest

from core.models.allocator import keep_freed_memory

HAS_SETTING = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")
PAGES = """
import resource
from core.models.allocator import keep_freed_memory
kept = {keep} and keep_freed_memory()
def use():
    block = b"x" * (64 << 20)
    del block
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        block = b"x" * (64 << 20)
        del block
    print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
{run}
"""
RUN = {
    "the main thread": "use()",
    "another thread": "import threading; t = threading.Thread(target=use); t.start(); t.join()",
}


def faults(keep: bool, thread: str) -> tuple[str, int]:
    """True if memory was kept, and the page faults of five blocks after a first one."""
    command = [sys.executable, "-c", PAGES.format(keep=keep, run=RUN[thread])]
    kept, count = subprocess.check_output(command, text=True).split()
    return kept, int(count)


@pytest.mark.skipif(not HAS_SETTING, reason="a setting of glibc, on Linux")
@pytest.mark.parametrize("thread", RUN)
def test_a_block_that_was_freed_is_used_again(thread):
    kept, few = faults(True, thread)
    assert kept == "True"
    assert few < 100
    assert faults(False, thread)[1] > 1000, "the control: every block is zeroed again"


def test_a_library_without_the_setting_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert keep_freed_memory.__wrapped__() is False
