"""Break each thing, and the check of it says so; leave it whole, and it does not."""

import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from importlib import metadata
from types import SimpleNamespace

import pytest

from core import embedded
from core.results.records import RunConfig
from jobs import doctor
from jobs.doctor import machine, running, store
from jobs.ledger import Ledger
from jobs.ledger.owner import this_process
from jobs.settings import Settings
from jobs.worker.messages import MessageQueue
from tests.jobs.real_worker import eventually

CONFIG = RunConfig(data="/images")
SLEEP = "import time; time.sleep(60)"
PARENT = (
    "import subprocess, sys, time\n"
    f"child = subprocess.Popen([sys.executable, '-c', '{SLEEP}', '-m', 'jobs.process.child'])\n"
    "print(child.pid, flush=True); time.sleep(60)"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def settings(home):
    return Settings()


@contextmanager
def process(settings, *role, code=SLEEP):
    """Something that looks like one of our processes; nothing is left of it afterwards."""
    command = [sys.executable, "-c", code, *role]
    environment = settings.environment()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as started:
        try:
            eventually(lambda: any(p.pid == started.pid for p in running.alive(settings)))
            yield started
        finally:
            started.kill()


def examined():
    return {check.name: check for check in doctor.examine()}


def test_what_is_whole_is_well(settings):
    Ledger(settings).submit(CONFIG)
    with MessageQueue(settings) as messages:
        messages.send("a-run")
    checks = examined()
    about_this_machine = {"memory", "disk", "page", "workers"}  # and nobody works on the run
    assert {name for name, c in checks.items() if c.state != "ok"} <= about_this_machine
    assert "1 unheard" in checks["queue"].sentence
    assert "torch 2" in checks["versions"].sentence


def test_a_home_that_does_not_exist_is_said_and_no_database_made(home):
    checks = examined()
    assert "has just been made" in checks["data folder"].sentence
    assert "has just been made" not in examined()["data folder"].sentence
    assert checks["database"].sentence.startswith("None yet")
    assert not list(home.glob("*.db"))


@pytest.mark.parametrize(
    ("name", "value"), [("EVENKEEL_PORT", "0"), ("EVENKEEL_HOME", "/dev/null/home")]
)
def test_settings_that_are_wrong_leave_the_other_checks(home, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    checks = examined()
    assert checks["settings"].state == "fail"
    assert name in checks["settings"].sentence
    assert checks["embedded model"].state == "ok"
    assert "disk" not in checks


def garbage(path):
    path.write_bytes(b"this is no database" * 1000)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("harm", [garbage, cut])
def test_a_damaged_ledger_is_said_and_left_as_it_is(settings, harm):
    Ledger(settings).submit(CONFIG)
    assert store.database(settings).state == "ok"
    harm(settings.ledger_path)
    before = settings.ledger_path.read_bytes()
    found = examined()["database"]
    assert found.state == "fail"
    assert "backup" in found.advice
    assert settings.ledger_path.read_bytes() == before


def test_a_ledger_of_a_newer_evenkeel_is_said(settings):
    Ledger(settings).submit(CONFIG)
    with sqlite3.connect(settings.ledger_path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    found = store.database(settings)
    assert found.state == "fail"
    assert "version 999" in found.sentence


def test_a_damaged_queue_is_said_and_left_to_the_worker(settings):
    garbage(settings.queue_path)
    assert store.queue(settings).state == "warn"
    assert settings.queue_path.read_bytes().startswith(b"this is no database")


def test_a_server_that_does_not_answer_is_said_without_its_password():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        redis = SimpleNamespace(queue=f"redis://:secret@127.0.0.1:{port}/0")
        postgres = SimpleNamespace(database=f"postgresql+psycopg://u:secret@127.0.0.1:{port}/x")
        for found in (store.queue(redis), store.database(postgres)):
            assert found.state == "fail"
            assert f"127.0.0.1:{port}" in found.sentence
            assert "secret" not in found.sentence


def test_a_home_that_others_could_read_is_said(home):
    Settings()
    home.chmod(0o755)
    found = examined()["data folder"]
    assert found.state == "warn"
    assert found.advice.endswith(f"chmod 700 {home}")
    assert home.stat().st_mode & 0o777 == 0o755, "it is the owner's to change"
    home.chmod(0o700)
    assert examined()["data folder"].state == "ok"


def test_a_database_that_others_may_read_is_said(settings):
    Ledger(settings).submit(CONFIG)
    assert store.data_folder(settings, 0o700).state == "ok"
    settings.ledger_path.chmod(0o644)
    found = store.data_folder(settings, 0o700)
    assert found.state == "warn"
    assert f"chmod 600 {settings.ledger_path}" in found.advice


def test_a_home_that_cannot_be_written_is_said(settings):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        found = store.data_folder(settings, 0o700)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert found.state == "fail"
    assert "cannot be written" in found.sentence


@pytest.mark.parametrize(("free_gib", "state"), [(1.9, "fail"), (4.9, "warn"), (5.1, "ok")])
def test_little_room_on_the_disk_is_said(settings, monkeypatch, free_gib, state):
    usage = SimpleNamespace(free=int(free_gib * 2**30))
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    assert store.disk(settings).state == state


@pytest.mark.parametrize(
    "name", ["runs/a/.record.json.7.tmp", "runs/a/classifier.partial", "datasets/.unpacking-x"]
)
def test_what_is_half_written_is_said_after_a_day(settings, name):
    path = settings.home / name
    path.mkdir(parents=True) if "unpacking" in name else path.parent.mkdir(parents=True)
    path.is_dir() or path.write_text("half")
    (settings.home / "datasets" / "partial").mkdir()
    assert store.half_written(settings).state == "ok"
    yesterday = time.time() - 90_000
    for old in (path, settings.home / "datasets" / "partial"):
        os.utime(old, (yesterday, yesterday))
    found = store.half_written(settings)
    assert found.state == "warn"
    assert found.sentence == f"Half-written and older than a day: {path}."


def test_a_run_whose_worker_ended_is_said_and_one_whose_worker_lives_is_not(settings):
    ledger = Ledger(settings)
    ledger.submit(CONFIG)
    ledger.claim(this_process())
    assert running.stuck(settings, []).state == "ok"
    boot, pid, start = this_process().split(":")
    lost = ledger.submit(CONFIG)
    ledger.claim(f"{boot}:{pid}:{int(start) - 1}")
    found = running.stuck(settings, [])
    assert found.state == "warn"
    assert found.sentence == f"The worker of {lost.id} has ended."


def test_a_run_that_waits_for_nobody_is_said(settings, tmp_path):
    assert running.workers(settings, []).state == "ok"
    Ledger(settings).submit(CONFIG)
    elsewhere = Settings(home=tmp_path / "another")
    with process(elsewhere, "evenkeel", "worker"):  # it works on another home
        assert running.workers(settings, running.alive(settings)).state == "warn"
    with process(settings, "evenkeel", "worker") as worker:
        found = running.workers(settings, running.alive(settings))
        assert found.state == "ok"
        assert str(worker.pid) in found.sentence


def test_a_process_that_outlived_its_worker_is_said(settings):
    with process(settings, "evenkeel", "worker", code=PARENT) as worker, ExitStack() as after:
        child = int(worker.stdout.readline())
        after.callback(os.kill, child, signal.SIGKILL)
        eventually(lambda: "child" in {p.role for p in running.alive(settings)})
        assert running.leftovers(running.alive(settings)).state == "ok"
        worker.kill()
        worker.wait()
        found = running.leftovers(running.alive(settings))
        assert found.state == "warn"
        assert found.advice.endswith(f"kill -9 {child}")


def test_a_frozen_worker_is_said(settings):
    with process(settings, "-m", "studio", "worker") as worker:
        assert running.leftovers(running.alive(settings)).state == "ok"
        worker.send_signal(signal.SIGSTOP)
        eventually(lambda: running.leftovers(running.alive(settings)).state == "warn", 10)
        assert running.leftovers(running.alive(settings)).advice == f"kill -CONT {worker.pid}"


def test_a_page_that_does_not_answer_is_said(home):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        settings = Settings(port=listener.getsockname()[1])
        with process(settings, "-m", "studio", "page"):
            processes = running.alive(settings)
            assert running.page(settings, processes).state == "warn"
            listener.listen()
            assert running.page(settings, processes).state == "ok"
        found = running.page(settings, [])  # another program has the port
        assert (found.state, "--port" in found.sentence) == ("warn", True)
    assert running.page(settings, []).state == "ok"


def test_an_evaluator_that_does_not_answer_is_said(settings):
    assert running.evaluator(settings, []).state == "ok"
    with process(settings, "-m", "jobs.evaluator.server") as silent:
        found = running.evaluator(settings, running.alive(settings))
        assert found.state == "warn"
        assert f"kill {silent.pid};" in found.advice
    with process(settings, "evenkeel", "up"):
        assert running.evaluator(settings, running.alive(settings)).state == "warn"


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """A copy of what Evenkeel brought along, to be broken."""
    copy = tmp_path / "assets"
    for name in ("model", "studio"):
        shutil.copytree(embedded.assets() / name, copy / name)
    shutil.copy(embedded.assets() / "manifest.json", copy)
    monkeypatch.setattr(embedded, "_CANDIDATES", (copy,))
    return copy


def test_a_flipped_bit_in_the_embedded_model_is_said(installation):
    assert machine.model().state == "ok"
    weights = installation / "model" / "open_clip_model.safetensors"
    with open(weights, "r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    assert (machine.model().state, weights.name in machine.model().sentence) == ("fail", True)


def test_a_font_that_is_missing_is_said(installation):
    assert machine.page_parts().state == "ok"
    (installation / "studio" / "fonts" / "inter-latin-wght-normal.woff2").unlink()
    assert "inter-latin-wght-normal" in machine.page_parts().sentence


def test_a_package_that_is_too_old_or_missing_is_said(monkeypatch):
    real = metadata.version

    def version(name: str) -> str:
        if name == "huey":
            raise metadata.PackageNotFoundError(name)
        return "2.5.1" if name == "torch" else real(name)

    assert machine.versions().state == "ok"
    monkeypatch.setattr(metadata, "version", version)
    found = machine.versions()
    assert found.state == "fail"
    assert "torch is 2.5.1 and must be >=2.7" in found.sentence
    assert "huey is missing" in found.sentence


def test_gpus_that_torch_cannot_use_are_said(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(machine, "count_gpus", lambda: 0)
    assert machine.gpus().state == "ok"
    monkeypatch.setattr(machine, "count_gpus", lambda: 2)
    assert machine.gpus().state == "warn"


def test_a_container_with_little_memory_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    (tmp_path / "memory.current").write_text(f"{2**29}\n")
    for limit, state in (("max", machine.memory().state), (f"{2**30}\n", "warn")):
        (tmp_path / "memory.max").write_text(limit)
        assert machine.memory().state == state
    assert machine.memory().sentence.startswith("0.5 GiB free of 1.0 GiB")


def test_a_check_that_breaks_hides_no_other(settings, monkeypatch):
    monkeypatch.setattr(machine, "model", lambda: 1 / 0)
    checks = examined()
    assert checks["embedded model"].state == "fail"
    assert "ZeroDivisionError" in checks["embedded model"].sentence
    assert checks["page's parts"].state == "ok"
