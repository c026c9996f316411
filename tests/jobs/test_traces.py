import hashlib
import subprocess
import sys

import pytest

from core.results.runs import RunFolder
from jobs.process import traces
from jobs.process.interpreter import environment

HOLD = """
import sys, time
from pathlib import Path
from core.results.runs import RunFolder
from jobs.process import traces
with traces.holding(RunFolder(Path(sys.argv[1])), int(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def holder(settings, folder):
    """A process that holds the folder for attempt 2."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path), "2"],
        env=environment(settings),
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_later_attempt_ends_the_process_of_an_earlier_one(folder, holder):
    with traces.holding(folder, attempt=3):
        assert holder.wait(5) == -9


def test_an_earlier_attempt_finds_that_it_is_superseded(folder, holder):
    with pytest.raises(traces.Superseded), traces.holding(folder, attempt=1):
        pass
    assert holder.poll() is None


def test_an_attempt_starts_without_the_end_of_an_earlier_one_but_with_its_log(folder):
    folder.events_path.write_text("{}\n")
    folder.record_path.write_text("{}")
    traces.write_failure(folder, 1, "it failed")
    assert traces.read_failure(folder, 1) == "it failed"
    with traces.holding(folder, attempt=2):
        left = {path.name for path in folder.path.iterdir()}
    assert left == {"attempt.lock", "events.jsonl"}


def test_what_an_earlier_attempt_said_is_not_taken_for_this_one(folder):
    traces.write_failure(folder, 1, "it failed")
    assert traces.read_failure(folder, 2) is None


def test_what_a_run_published_is_named_with_its_checksum(tmp_path):
    folder = RunFolder(tmp_path)
    folder.record_path.write_text("{}")
    folder.weights_path.write_bytes(b"weights")
    found = {each.role: each for each in traces.published(folder)}
    assert set(found) == {"record", "weights"}
    weights = found["weights"]
    assert (weights.path, weights.size_bytes) == ("classifier.safetensors", 7)
    assert weights.sha256 == hashlib.sha256(b"weights").hexdigest()
