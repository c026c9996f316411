"""A process of low priority gets only what others leave, although it leads its own session."""

import os
import subprocess
import sys

import pytest

SECONDS = 2.0
SPINS = f"""
import os, sys, time
from jobs.process.interpreter import lower_priority
if sys.argv[1:] == ["low"]:
    lower_priority()
print(flush=True)
sys.stdin.readline()
until = time.monotonic() + {SECONDS}
begin = time.process_time()
while time.monotonic() < until:
    pass
print(time.process_time() - begin)
"""


def spinning(*words):
    """A process that uses a whole core as soon as it reads a line."""
    return subprocess.Popen(
        [sys.executable, "-c", SPINS, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="how others share is not known")
def test_a_low_priority_leaves_the_processor_to_others(figure):
    cores = range(len(os.sched_getaffinity(0)))
    runs, others = [spinning("low") for _ in cores], [spinning() for _ in cores]
    for each in (*runs, *others):
        each.stdout.readline()
    for each in (*runs, *others):
        each.stdin.write("\n")
        each.stdin.flush()
    low, high = (sum(float(each.communicate()[0]) for each in some) for some in (runs, others))
    share = high / (low + high)
    figure(f"{share:.0%} for processes of normal priority")
    assert share > 0.75
