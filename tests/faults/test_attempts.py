"""Real child processes that die, are frozen, paused and starved: what the ledger says of them."""

import os
import signal
import threading

import pytest
import torch
from safetensors.torch import load_file

from core.results.records import RunConfig
from core.run import pipeline
from jobs.ledger import Ledger
from jobs.process.children import DeviceSlot
from jobs.process.traces import Exit
from jobs.settings import Settings
from jobs.worker.attempt import Attempt
from tests.jobs.real_worker import child_of, eventually

EVERY_STEP = {"run_reserve_mib": 0, "checkpoint_most_seconds": 0.0, "spare": False}


@pytest.fixture(scope="session")
def config(tiny_model, tiny_data) -> RunConfig:
    return RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        device="cpu",
        method="ft",
        shots=4,
        evaluations=0,
        alphas=(0.0, 1.0),
        templates=("a photo of a {}.",),
        params={"epochs": 4, "batch_size": 5, "lr": 1e-3},
    )


@pytest.fixture(scope="session")
def whole(config, tmp_path_factory):
    """The weights of the undisturbed run."""
    folder = tmp_path_factory.mktemp("whole")
    for _ in pipeline.run(config, folder):
        pass
    return load_file(folder / "classifier.safetensors")


def attempt_at(settings, ledger):
    """An attempt at the first job in the queue."""
    return Attempt(settings, ledger, DeviceSlot(settings), ledger.claim("us"), threading.Event())


def same(place, whole):
    found = load_file(place.weights_path)
    return found.keys() == whole.keys() and all(torch.equal(found[k], whole[k]) for k in whole)


def test_a_run_killed_at_every_place_ends_with_the_same_weights(
    config, whole, tmp_path, monkeypatch, figure
):
    settings = Settings(home=tmp_path / "home", **EVERY_STEP)
    ledger = Ledger(settings)
    job = ledger.submit(config)
    place = settings.run_folder(job.id)
    reached = []
    # How often it lives through the place: the sixth file that is renamed is a checkpoint.
    places = {"claim": 0, "before-rename": 5, "mid-epoch": 2, "after-checkpoint": 2}
    for crash, skipped in places.items():
        monkeypatch.setenv("EVENKEEL_CRASH_AT", crash)
        monkeypatch.setenv("EVENKEEL_CRASH_SKIP", str(skipped))
        attempt_at(settings, ledger).run()
        left = ledger.get(job.id)
        assert (left.state, left.attempt) == ("queued", len(reached) + 1)
        assert left.error == "it was killed by SIGKILL (perhaps the machine ran out of memory)."
        reached.append(max((kept.step for kept in place.checkpoints()), default=None))
    assert reached[:2] == [None, 0]
    assert 0 < reached[2] < reached[3]
    assert left.crashes == 1, "a run that gets further may crash again"

    monkeypatch.setenv("EVENKEEL_CRASH_AT", "after-final")
    monkeypatch.setenv("EVENKEEL_CRASH_SKIP", "0")
    attempt_at(settings, ledger).run()
    done = ledger.get(job.id)
    assert (done.state, done.attempt) == ("done", 5), "all was written: it is not trained again"
    assert same(place, whole)
    steps = [entry["step"] for entry in place.events() if entry["kind"] == "step"]
    assert steps == list(range(1, 13))
    assert not list(place.path.rglob(".*")), "a part of a file was left"
    figure(f"killed at {len(places) + 1} places: one run, the same weights")


def test_a_run_whose_worker_died_before_it_wrote_the_row_is_done(config, tmp_path):
    settings = Settings(home=tmp_path / "home", **EVERY_STEP)
    ledger = Ledger(settings)
    job = ledger.submit(config)
    place = settings.run_folder(job.id)
    place.create(config)
    place.record_path.write_text("{}")
    attempt_at(settings, ledger).run()
    assert ledger.get(job.id).state == "done"


def in_thread(attempt):
    thread = threading.Thread(target=attempt.run)
    thread.start()
    return thread


def training(place):
    return lambda: any(entry["kind"] == "step" for entry in place.events())


def test_pause_lays_a_run_aside_and_stop_finishes_it_with_what_there_is(config, tmp_path):
    seldom = {**EVERY_STEP, "checkpoint_most_seconds": 1e6, "checkpoint_least_seconds": 1e6}
    settings = Settings(home=tmp_path / "home", **seldom)
    ledger = Ledger(settings)
    long = config.model_copy(update={"params": {**config.params, "epochs": 100_000}})
    job = ledger.submit(long)
    place = settings.run_folder(job.id)

    attempt = attempt_at(settings, ledger)
    thread = in_thread(attempt)
    eventually(training(place))
    ledger.request_pause(job.id)
    thread.join()
    paused = ledger.get(job.id)
    assert (paused.state, paused.crashes, paused.owner) == ("paused", 0, None)
    [newest, _start] = place.checkpoints()
    last = [entry["step"] for entry in place.events() if entry["kind"] == "step"][-1]
    assert newest.step == last > 0, "the pause kept the very last step"

    ledger.resume(job.id)
    attempt = attempt_at(settings, ledger)
    thread = in_thread(attempt)
    eventually(lambda: any(entry["kind"] == "resumed" for entry in place.events()))
    ledger.request_stop(job.id)
    thread.join()
    assert ledger.get(job.id).state == "done"
    stopped = place.record().stopped_early
    assert last < stopped.steps < stopped.planned == 300_000


def test_a_frozen_child_counts_as_a_crash_and_a_full_disk_does_not(config, tmp_path):
    settings = Settings(home=tmp_path / "home", **EVERY_STEP, hang_seconds=0.8, hang_steps=1)
    ledger = Ledger(settings)
    long = config.model_copy(update={"params": {**config.params, "epochs": 100_000}})
    job = ledger.submit(long)
    attempt = attempt_at(settings, ledger)
    thread = in_thread(attempt)
    eventually(training(settings.run_folder(job.id)))
    os.kill(child_of(job, settings), signal.SIGSTOP)
    thread.join()
    crashed = ledger.get(job.id)
    assert (crashed.state, crashed.crashes) == ("queued", 1)
    assert crashed.error.startswith("it took no step for ")

    starved = Settings(home=settings.home, **{**EVERY_STEP, "run_reserve_mib": 1 << 30})
    attempt_at(starved, ledger).run()
    waiting = ledger.get(job.id)
    assert (waiting.state, waiting.crashes) == ("waiting", 1)
    assert "Free some space" in waiting.error


def test_the_codes_are_the_contract():
    assert (Exit.DONE, Exit.TRY_LATER, Exit.PARENT_GONE, Exit.FENCED) == (0, 75, 77, 78)
