"""Real processes of runs, forked from a prepared process and not: start, end, signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.process import children, traces
from jobs.process.children import DeviceSlot, RunProcess
from jobs.process.interpreter import NICENESS
from jobs.process.traces import Exit
from jobs.settings import Settings
from tests.jobs.real_worker import children_of, eventually, is_alive

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def slot(settings):
    slot = DeviceSlot(settings)
    slot.prepare()
    yield slot
    slot.close()


@pytest.fixture(scope="module")
def of_a_system_that_hands_no_child_on(settings):
    """A slot whose prepared process becomes the run's process instead of forking it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(children, "_becomes_subreaper", lambda: False)
        slot = DeviceSlot(settings)
    slot.prepare()
    yield slot
    slot.close()


@pytest.fixture
def born(slot):
    """`born()`: a child that listens."""
    taken = []

    def bear(slot=slot):
        child = slot.take()
        taken.append(child)
        eventually(lambda: child.wait(0.1) is None and child.pid)
        return child

    yield bear
    for child in taken:
        child.kill()


@pytest.fixture
def refused(settings):
    """A job whose data is not there: it ends as soon as somebody looks."""
    ledger = Ledger(settings)
    job = ledger.submit(RunConfig(data="/there/is/nothing", method="ft"))
    settings.run_folder(job.id).create(RunConfig(data="/there/is/nothing", method="ft"))
    return job


@pytest.mark.parametrize("of", ["slot", "of_a_system_that_hands_no_child_on"])
def test_a_child_says_how_its_run_went(settings, born, refused, of, request):
    child = born(request.getfixturevalue(of))
    child.serve(refused)
    assert eventually(lambda: child.wait(0.1) == Exit.REFUSED) < 20
    assert child.wait(0) == Exit.REFUSED, "and says it again"
    failure = traces.read_failure(settings.run_folder(refused.id), refused.attempt)
    assert failure.startswith("There is no folder or zip at '/there/is/nothing'.")


def test_each_is_a_process_and_a_session_of_its_own_below_its_worker(born):
    first, second = born(), born()
    assert first.pid != second.pid
    for child in (first, second):
        assert psutil.Process(child.pid).ppid() == os.getpid()
        assert os.getsid(child.pid) not in (os.getsid(0), 0)


def test_each_has_a_low_priority_as_a_process_and_as_a_session(born):
    pid = born().pid
    assert eventually(lambda: psutil.Process(pid).nice() >= NICENESS) < 5
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():  # Linux shares the processor among sessions first
        assert eventually(lambda: session.read_text().endswith(f"nice {NICENESS}\n")) < 5


def test_a_signal_that_ends_a_child_ends_no_other(born):
    first, second = born(), born()
    os.kill(first.pid, signal.SIGKILL)
    assert eventually(lambda: first.wait(0.1) == -signal.SIGKILL) < 5
    assert second.wait(0.2) is None
    second.stop()
    assert eventually(lambda: second.wait(0.1) == -signal.SIGTERM) < 5
    assert born().wait(0) is None


def test_a_child_whose_worker_lets_go_of_it_ends(born):
    child = born()
    child._channel.close()
    assert eventually(lambda: child._process.wait(0.1) == Exit.PARENT_GONE) < 5


def test_one_that_is_ended_before_it_is_born_never_acts(settings, refused):
    slot = DeviceSlot(settings)
    child = slot.take()
    child.serve(refused)
    assert child.wait(0) is None
    assert child.pid is None
    child.stop()
    assert eventually(lambda: child.wait(0.1) is not None) < 5
    child.kill()
    slot.close()
    assert traces.read_failure(settings.run_folder(refused.id), refused.attempt) is None


class DyingPreparedProcess:
    """Its run process writes its id only when the prepared process has been killed."""

    lasts = True

    def __init__(self, newborn):
        self._newborn = newborn

    def give(self, line):
        self._line = line.dup()

    def exit_code(self):
        return None if self._line else -signal.SIGKILL

    def end(self):
        if self._line:
            self._line.sendall(f"{self._newborn.pid}\n".encode())
            self._line = self._line.close()


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_one_that_is_ended_in_the_moment_of_its_birth_ends(refused, way):
    with subprocess.Popen(["sleep", "60"]) as newborn:
        child = RunProcess(DyingPreparedProcess(newborn))
        child.serve(refused)
        getattr(child, way)()
        assert child.wait(5) is not None
        assert not is_alive(newborn.pid)
        child.kill()


FORKS_AND_DIES = """
import os, signal, socket
from jobs.process.child import fork_run_process
os.waitpid = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
line = socket.socket(fileno=0)
if fork_run_process(line):
    line.recv(1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can adopt a child")
def test_a_newborn_is_told_of_whole_though_its_prepared_process_is_killed(slot):
    line, theirs = socket.socketpair()
    with theirs, line:
        prepared = subprocess.Popen([sys.executable, "-c", FORKS_AND_DIES], stdin=theirs.fileno())
        theirs.close()
        line.settimeout(20)
        with line.makefile("rb") as heard:
            newborn = int(heard.readline())
        assert prepared.wait(5) == -signal.SIGKILL
        assert psutil.Process(newborn).ppid() == os.getpid(), "adopted: its exit can be waited for"
    assert psutil.Process(newborn).wait(5) == 0


def test_what_cannot_import_is_a_crash_and_no_wait(settings, monkeypatch):
    monkeypatch.setattr(children, "command", lambda *words: ["false"])
    slot = DeviceSlot(settings)
    child = slot.take()
    assert eventually(lambda: child.wait(0.1) == 1) < 5
    child.kill()
    slot.close()


def test_nothing_is_left_when_a_slot_closes(settings):
    before = children_of(os.getpid())
    slot = DeviceSlot(settings)
    slot.prepare()
    [prepared] = children_of(os.getpid()) - before
    slot.close()
    assert not is_alive(prepared)
    slot.prepare()
    assert children_of(os.getpid()) == before


def test_a_prepared_process_has_a_child_in_less_than_a_tenth_of_what_imports_take(settings):
    """On Linux; the first of a cold prepared waits for its imports."""
    slot = DeviceSlot(settings)
    took = []
    for _ in range(2):
        started = time.monotonic()
        child = slot.take()
        eventually(lambda: child.wait(0.05) is None and child.pid)  # noqa: B023
        took.append(time.monotonic() - started)
        child.kill()
    slot.close()
    assert took[1] < took[0] / 10
