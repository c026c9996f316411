"""The page is killed while a run trains."""

import os
import socket
import subprocess

import httpx
import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.process.interpreter import command, environment
from jobs.progress import read_progress
from jobs.queueing import submit
from jobs.settings import Settings
from tests.jobs.real_worker import WorkerProcess, eventually

PATIENCE = 60.0 if os.environ.get("CI") else 120.0


@pytest.fixture
def settings(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Settings(home=tmp_path / "home", port=port)


@pytest.fixture
def long_config(tiny_model, tiny_data):
    """A run that would take minutes."""
    return RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        shots=4,
        evaluations=0,
        device="cpu",
        params={"epochs": 100_000, "batch_size": 4},
    )


def page(settings):
    """A page that answers, and the seconds until it did."""
    process = subprocess.Popen(command("studio", "page"), env=environment(settings))
    took = eventually(lambda: answers(settings), PATIENCE)
    return process, took


def answers(settings):
    try:
        return httpx.get(f"http://127.0.0.1:{settings.port}/").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_page_that_is_killed_costs_no_run_a_step(settings, long_config, figure):
    worker = WorkerProcess(settings)
    first, _ = page(settings)
    job = submit(settings, long_config)
    folder, ledger = settings.run_folder(job.id), Ledger(settings)
    eventually(lambda: read_progress(folder).losses, PATIENCE)
    first.kill()
    first.wait()
    assert not answers(settings)
    at_death = read_progress(folder).step
    eventually(lambda: read_progress(folder).step > at_death, PATIENCE)
    second, took = page(settings)
    try:
        assert took < 30  # seconds, also on a machine that does other things
        assert ledger.get(job.id).state == "running"
        steps = [entry["step"] for entry in folder.events() if entry["kind"] == "step"]
        assert steps == list(range(1, len(steps) + 1))
        figure(
            f"{len(steps)} steps without gap or repetition; the page was back after {took:.1f} s"
        )
    finally:
        ledger.request_cancel(job.id)
        second.kill()
        second.wait()
        eventually(lambda: ledger.get(job.id).is_over, PATIENCE)
        worker.leave()
