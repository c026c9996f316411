"""Who makes way gets only what others leave, though it leads a session of its own."""

import os
import subprocess
import sys

import pytest

SECONDS = 2.0
SPINS = f"""
import os, sys, time
from jobs.process.interpreter import lower_priority
if sys.argv[1:] == ["makes way"]:
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
    """Wants all of a core as soon as it reads a line."""
    return subprocess.Popen(
        [sys.executable, "-c", SPINS, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="how others share is not known")
def test_who_makes_way_leaves_the_processor_to_others(figure):
    cores = range(len(os.sched_getaffinity(0)))
    runs, others = [spinning("makes way") for _ in cores], [spinning() for _ in cores]
    for each in (*runs, *others):
        each.stdout.readline()
    for each in (*runs, *others):
        each.stdin.write("\n")
        each.stdin.flush()
    low, high = (sum(float(each.communicate()[0]) for each in some) for some in (runs, others))
    share = high / (low + high)
    figure(f"{share:.0%} for those who do not make way")
    assert share > 0.75
