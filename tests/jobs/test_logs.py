"""Claims about what the processes log. Each sets up logging in a process of its own."""

import json
import logging
import os
import signal
import subprocess
import sys

import pytest
import uvicorn
from pydantic import SecretStr

from core.errors import UserError
from jobs import logs
from jobs.settings import Settings

PASSWORD = "hunter2-and-more"


@pytest.fixture(autouse=True)
def _as_it_was():
    """Logging is a property of the process: give the suite's own back."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("", *logs.OUR_PACKAGES)}
    handlers, hooks = root.handlers[:], (sys.excepthook, logs.threading.excepthook)
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    sys.excepthook, logs.threading.excepthook = hooks
    logs._served_by_process = None


@pytest.fixture
def ours():
    return logging.getLogger("jobs.test")


def written(settings, process="worker"):
    text = (settings.logs / f"{process}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_is_for_people_on_stderr_and_json_in_the_file(settings, ours, capsys):
    logs.set_up(settings, "worker")
    ours.warning("the %s is full", "disk")
    assert "worker     WARNING: the disk is full\n" in capsys.readouterr().err
    (entry,) = written(settings)
    assert entry.pop("time").endswith("+00:00")
    assert entry == {
        "level": "warning",
        "process": "worker",
        "pid": os.getpid(),
        "logger": "jobs.test",
        "message": "the disk is full",
    }


def test_lines_name_the_run_that_their_thread_serves_and_no_other(settings, ours, capsys):
    logs.set_up(settings, "worker")
    both_serve = logs.threading.Barrier(2)

    def serve(run_id: str, attempt: int) -> None:
        with logs.serving(run_id, attempt):
            both_serve.wait(5)
            ours.info("serving")

    threads = [logs.threading.Thread(target=serve, args=(f"ft-{n}", n)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ours.info("idle")
    said = {(e.get("run"), e.get("attempt"), e["message"]) for e in written(settings)}
    assert said == {("ft-1", 1, "serving"), ("ft-2", 2, "serving"), (None, None, "idle")}
    assert "serving  run=ft-2 attempt=2\n" in capsys.readouterr().err


def test_in_a_process_for_one_run_every_thread_names_it(settings, ours):
    logs.set_up(settings, "child", run=("ft-1", 3))
    thread = logs.threading.Thread(target=ours.info, args=("loading",))
    thread.start()
    thread.join()
    (entry,) = written(settings, "child")
    assert (entry["run"], entry["attempt"]) == ("ft-1", 3)
    assert logs.read_logs(settings, "ft-1") == [entry]
    assert logs.read_logs(settings, "ft-2") == []


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", ["debug", "info", "error"]), ("INFO", ["info", "error"]), ("error", ["error"])],
)
def test_the_level_is_what_the_environment_says(tmp_path, monkeypatch, ours, level, expected):
    monkeypatch.setenv("EVENKEEL_LOG_LEVEL", level)
    settings = Settings(home=tmp_path)
    logs.set_up(settings, "worker")
    for said in ("debug", "info", "error"):
        ours.log(logging.getLevelNamesMapping()[said.upper()], said)
        logging.getLogger("another.package").info("chatter")
    assert [entry["message"] for entry in written(settings)] == expected


def test_a_level_that_does_not_exist_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="EVENKEEL_LOG_LEVEL"):
        Settings(home=tmp_path, log_level="loud")


def test_no_password_is_logged(tmp_path, ours, capsys):
    settings = Settings(home=tmp_path, auth=f"ann:{PASSWORD}")
    logs.set_up(settings, "page")
    ours.info("the password is %s", PASSWORD)
    ours.info("redis://ann:%s@localhost:6379 and postgresql+psycopg://:x@db/y", "s3cr3t")
    try:
        raise RuntimeError(f"cannot log in as ann:{PASSWORD}")
    except RuntimeError:
        ours.exception("failed")
    everything = capsys.readouterr().err + (settings.logs / "page.jsonl").read_text()
    assert PASSWORD not in everything
    assert "s3cr3t" not in everything
    assert ":x@" not in everything
    assert "redis://ann:***@localhost:6379" in everything
    assert "RuntimeError: cannot log in" in everything


class WithServer(Settings):
    server: SecretStr = SecretStr("sqlite")


def test_the_password_of_a_server_is_not_logged_and_common_words_are(tmp_path, ours, capsys):
    logs.set_up(WithServer(home=tmp_path, server=f"redis://:{PASSWORD}@localhost/0"), "page")
    ours.info("it said %s", PASSWORD)
    logs.set_up(WithServer(home=tmp_path), "page")
    ours.info("sqlite is not a secret")
    said = capsys.readouterr().err
    assert "it said ***" in said
    assert "sqlite is not a secret" in said


def test_a_server_with_logging_of_its_own_logs_as_everything_else(settings, monkeypatch):
    for name in ("handlers", "propagate"):
        monkeypatch.setattr(logging.getLogger("uvicorn"), name, [] if name == "handlers" else True)
    logs.set_up(settings, "page")
    uvicorn.Config("an.app", log_level="warning")
    server = logging.getLogger("uvicorn.error")
    server.error("lost")
    logs.adopt("uvicorn")
    server.error("kept")
    assert [entry["message"] for entry in written(settings, "page")] == ["kept"]


def test_an_error_that_nobody_caught_is_in_the_file(settings, monkeypatch):
    code = (
        "from jobs import logs; from jobs.settings import Settings; import threading\n"
        "logs.set_up(Settings(), 'worker')\n"
        "thread = threading.Thread(target=lambda: 1 / 0); thread.start(); thread.join()\n"
        "raise KeyError('main')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=settings.environment(), capture_output=True, text=True
    )
    assert ended.returncode == 1
    traces = [entry["traceback"].splitlines()[-1] for entry in written(settings)]
    assert traces == ["ZeroDivisionError: division by zero", "KeyError: 'main'"]
    assert "KeyError: 'main'" in ended.stderr


def test_many_processes_write_and_rotate_one_file_and_no_line_is_lost(settings):
    code = (
        "import logging, sys; from jobs import logs; from jobs.settings import Settings\n"
        "logs.ROTATE_BYTES, logs.FILES_KEPT = 10_000, 100\n"
        "logs.set_up(Settings(), 'worker')\n"
        "for n in range(200): logging.getLogger('jobs').info('%s-%d %s', sys.argv[1], n, 'x' * 50)"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, name],
            env=settings.environment(),
            stderr=subprocess.DEVNULL,
        )
        for name in "abc"
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = list(settings.logs.glob("worker.jsonl*"))
    lines = [line for path in files for line in path.read_text("utf-8").splitlines()]
    said = [json.loads(line)["message"].split()[0] for line in lines]
    assert sorted(said) == sorted(f"{name}-{n}" for name in "abc" for n in range(200))
    assert len(files) > 5


def test_only_so_many_full_files_are_kept(settings, ours, monkeypatch):
    monkeypatch.setattr(logs, "ROTATE_BYTES", 500)
    logs.set_up(settings, "worker")
    for number in range(50):
        ours.info("line %d", number)
    kept = sorted(path.name for path in settings.logs.glob("worker.jsonl*"))
    assert set(kept) - {"worker.jsonl"} == {"worker.jsonl.1", "worker.jsonl.2", "worker.jsonl.3"}


def test_a_frozen_process_stops_nobody_from_logging(settings, ours, monkeypatch):
    code = (
        "import fcntl, sys, time; lock = open(sys.argv[1], 'w'); fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True); time.sleep(60)"
    )
    settings.logs.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(settings.logs / ".worker.lock")], stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGSTOP)
        monkeypatch.setattr(logs, "ROTATE_BYTES", 100)
        logs.set_up(settings, "worker")
        ours.info("one")
        ours.info("two")
        holder.kill()
    assert [entry["message"] for entry in written(settings)] == ["one", "two"]


def test_a_log_that_cannot_be_written_ends_nothing(settings, ours, capsys):
    settings.logs.mkdir()
    (settings.logs / "worker.jsonl").mkdir()
    logs.set_up(settings, "worker")
    ours.info("said all the same")
    assert "said all the same" in capsys.readouterr().err


def test_a_file_that_another_process_has_just_put_aside_is_not_put_aside_again(settings, ours):
    logs.set_up(settings, "worker")
    ours.info("the first line of a new file")
    logging.getLogger().handlers[1]._rotate()
    assert [path.name for path in settings.logs.glob("*.jsonl*")] == ["worker.jsonl"]
