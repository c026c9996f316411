"""Faults in the midst of a run: what they cost, and that the result is what it would have been."""

import json

import pytest
import torch
from safetensors.torch import load_file

from core import pipeline
from core.events import Resumed, Stage, Step, Warned
from core.records import RunConfig
from core.runs import EventLog, RunFolder
from core.training.checkpoints import Keeping

EVERY_STEP = Keeping(reserve_bytes=0, most_seconds=0.0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def config(tiny_model, tiny_data) -> RunConfig:
    return RunConfig(
        data=str(tiny_data),
        model=str(tiny_model),
        device="cpu",
        method="ft",
        shots=4,
        evaluations=3,
        alphas=(0.0, 1.0),
        templates=("a photo of a {}.",),
        params={"epochs": 3, "batch_size": 5, "lr": 1e-3},
    )


@pytest.fixture
def place(tmp_path):
    return RunFolder(tmp_path / "run")


def go(config, place, cache, until=None, **more):
    """All events of a run, or those up to the one that `until` says yes to; logged as usual."""
    events = []
    place.path.mkdir(exist_ok=True)
    log = EventLog(place)
    run = pipeline.run(config, place.path, cache, **{"keeping": EVERY_STEP, **more})
    for event in run:
        log.append(event)
        events.append(event)
        if until and until(event):
            break
    run.close()
    log.close()
    return events


def at_step(number):
    return lambda event: isinstance(event, Step) and event.step == number


def weights(place):
    return load_file(place.weights_path)


def same_weights(place, other):
    first, second = weights(place), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def said(place):
    """The log without what differs from run to run."""
    changing = ("time", "images_per_second", "seq")
    return [
        {k: v for k, v in entry.items() if k not in changing}
        for entry in place.events()
        if entry["kind"] not in ("resumed", "warned")
    ]


@pytest.fixture(scope="session")
def whole(config, cache, tmp_path_factory):
    """The undisturbed run."""
    place = RunFolder(tmp_path_factory.mktemp("whole"))
    go(config, place, cache)
    return place


@pytest.mark.parametrize("steps", [(1,), (4,), (9,), (2, 5, 7)])
def test_a_run_that_was_interrupted_goes_on_and_nobody_sees_it(config, cache, place, whole, steps):
    for step in steps:
        go(config, place, cache, until=at_step(step))
        assert len(place.checkpoints()) in (1, 2)
        with open(place.events_path, "a") as log:  # killed in the midst of a line
            log.write('{"kind": "st')
    events = go(config, place, cache)
    assert isinstance(events[0], Resumed)
    assert same_weights(place, whole)
    assert said(place) == said(whole)
    plots = (json.loads(each.prototypes_path.read_text()) for each in (place, whole))
    assert next(plots) == next(plots)
    record, undisturbed = place.record(), whole.record()
    assert record.evaluations == undisturbed.evaluations
    assert record.timing["steps"] == undisturbed.timing["steps"] == 9
    assert record.stopped_early is None
    assert not place.attempts_path.exists()


def test_another_config_in_the_same_folder_begins_anew(config, cache, place):
    go(config, place, cache, until=at_step(4))
    other = config.model_copy(update={"seed": 1})
    events = go(other, place, cache, until=at_step(1))
    assert not any(isinstance(event, Resumed) for event in events)
    assert next(event["kind"] for event in place.events()) == "stage"
    assert [event["step"] for event in place.events() if event["kind"] == "step"] == [1]


def test_a_damaged_checkpoint_costs_one_step_and_is_said(config, cache, place, whole):
    go(config, place, cache, until=at_step(6))
    newest, before = place.checkpoints()
    tensors = newest.path / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-1])
    events = go(config, place, cache)
    assert isinstance(events[0], Resumed)
    assert events[0].step == before.step
    assert isinstance(events[1], Warned)
    assert "was skipped: tensors.safetensors is not what was written" in events[1].message
    assert same_weights(place, whole)


def test_with_every_checkpoint_damaged_a_run_begins_anew_and_says_why(config, cache, place, whole):
    go(config, place, cache, until=at_step(6))
    for kept in place.checkpoints():
        (kept.path / "SHA256SUMS").unlink()
    events = go(config, place, cache)
    assert isinstance(events[0], Stage)
    warnings = [event.message for event in events if isinstance(event, Warned)]
    assert sum("its checksums are missing" in message for message in warnings) == 2
    assert same_weights(place, whole)
    assert said(place) == said(whole)
