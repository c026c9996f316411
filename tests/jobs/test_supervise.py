import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from core.errors import UserError
from jobs.worker import supervise
from jobs.worker.supervise import Program, Tree, check_port, only_one
from tests.jobs.real_worker import eventually, is_alive


def program(name, code):
    return Program(name, [sys.executable, "-c", code], os.environ)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def listener(port):
    """A first program that listens, as the page does."""
    return program("page", f"import http.server as h; h.test(port={port}, bind='127.0.0.1')")


def interrupt_when(condition):
    def wait() -> None:
        eventually(condition, seconds=20)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait, daemon=True).start()


def test_the_tree_restarts_what_died_and_stops_all_when_told(listener, port, capfd):
    sleeper = program("sleeper", "import time; time.sleep(60)")
    pids = []

    def killed_and_back() -> bool:
        if sleeper.process and sleeper.process.pid not in pids:
            pids.append(sleeper.process.pid)
            if len(pids) == 1:
                sleeper.process.kill()
        return len(pids) == 2

    interrupt_when(killed_and_back)
    assert Tree([listener, sleeper]).run("http://here", ("127.0.0.1", port)) == 0
    assert not any(is_alive(pid) for pid in pids)
    assert capfd.readouterr().out.count("Evenkeel is at http://here\n") == 1


def test_what_dies_at_once_is_started_ever_more_slowly():
    dying = program("dying", "raise SystemExit(1)")
    started = []
    deadline = time.monotonic() + 2.5
    while time.monotonic() < deadline:
        if dying.look() is not None:
            started.append(time.monotonic())
        time.sleep(0.02)
    assert 2 <= len(started) <= 3
    assert dying.pause == supervise.FIRST_PAUSE_SECONDS * 2 ** len(started)
    dying.end(0.0)


def test_a_mistake_that_a_program_explained_ends_the_tree(listener, port):
    wrong = program("wrong", "raise SystemExit(2)")
    assert Tree([wrong, listener]).run("", ("127.0.0.1", port)) == 2
    assert listener.process is None


def test_a_program_ends_when_the_tree_is_killed():
    code = (
        "import os; from jobs.process.interpreter import when_parent_ends; import time\n"
        "when_parent_ends(lambda: os._exit(3)); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
    process.stdin.close()
    assert process.wait(10) == 3


def test_a_second_studio_on_the_same_home_is_refused(settings):
    with (
        only_one(settings),
        pytest.raises(UserError, match="already up"),
        only_one(settings),
    ):
        pass
    with only_one(settings):
        pass


def test_a_busy_port_is_refused_with_a_sentence(port):
    check_port("127.0.0.1", port)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(UserError, match=f"{port}.*--port"):
            check_port("127.0.0.1", port)
