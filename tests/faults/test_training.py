"""Faults in the midst of a run: what they cost, and that the result is what it would have been."""

import contextlib
import errno
import io
import json
from contextlib import closing

import pytest
import torch
from safetensors.torch import load_file

from core import durable
from core.errors import DiskFull, UserError
from core.events import Resumed, Stage, Step, Warned
from core.methods.ft import FineTuning
from core.models.weights import save_classifier
from core.results.records import RunConfig
from core.results.runs import EventLog, RunFolder, _append
from core.run import pipeline
from core.training.brake import Brake, Paused
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
        precision="fp32",
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
    run = pipeline.run(config, place.path, cache, **{"keeping": EVERY_STEP, **more})
    with closing(EventLog(place)) as log, closing(run):
        for event in run:
            log.append(event)
            events.append(event)
            if until and until(event):
                break
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
    changing = ("time", "images_per_second", "memory_bytes", "busy", "seq")
    return [
        {k: v for k, v in entry.items() if k not in changing}
        for entry in place.events()
        # How often progress is told depends on what is cached by now.
        if entry["kind"] not in ("resumed", "warned", "measuring", "advanced")
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


def test_a_damaged_checkpoint_costs_one_step_and_is_said(config, cache, place, whole, figure):
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
    figure(f"a damaged checkpoint cost {newest.step - before.step} step")


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


# --- losses and weights that are not numbers ------------------------------------------------------


def not_a_number_at(monkeypatch, step, times):
    """The loss of this step is NaN, so many times that it is asked for."""
    real, left = FineTuning.loss, [times]
    done = [0]
    monkeypatch.setattr(
        FineTuning, "after_step", lambda self, step, steps: done.__setitem__(0, step + 1)
    )

    def loss(self, batch):
        terms = real(self, batch)
        if done[0] == step - 1 and left[0]:
            left[0] -= 1
            done[0] -= 1  # it goes back by one
            return {name: term * torch.nan for name, term in terms.items()}
        return terms

    monkeypatch.setattr(FineTuning, "loss", loss)


def test_a_loss_that_is_not_a_number_costs_a_step_and_half_the_rate(
    config, cache, place, whole, monkeypatch, figure
):
    not_a_number_at(monkeypatch, step=6, times=1)
    events = go(config, place, cache)
    [warning] = [event.message for event in events if isinstance(event, Warned)]
    assert warning.startswith(
        "The loss became nan at step 6. Training went back to step 5, with 0.5"
    )
    before = [entry["lr"] for entry in whole.events() if entry["kind"] == "step"]
    now = [entry["lr"] for entry in place.events() if entry["kind"] == "step"]
    assert now == [*before[:5], *(lr / 2 for lr in before[5:])]
    assert all(tensor.isfinite().all() for tensor in weights(place).values())
    assert place.record().timing["steps"] == 9
    figure("back 1 step, at half the rate")


def test_a_loss_that_stays_not_a_number_fails_after_two_tries_and_publishes_nothing(
    config, cache, place, monkeypatch, figure
):
    monkeypatch.setattr(
        FineTuning, "loss", lambda self, batch: {"class": self.classifier.head.tau * torch.nan}
    )
    monkeypatch.setattr(torch.Tensor, "backward", lambda self: None)
    with pytest.raises(
        UserError, match=r"became nan at step 1, at 0\.25 of the learning rate\. Lo"
    ):
        go(config, place, cache)
    assert not place.weights_path.exists()
    assert not place.record_path.exists()
    figure("fails after 2 tries, 0 files published")


def broken_by_the_last_step(monkeypatch, times):
    left = [times]

    @torch.no_grad()
    def after_step(self, step, steps):
        if step == steps - 1 and left[0]:
            left[0] -= 1
            self.classifier.head.weight[0, 0] = torch.inf

    monkeypatch.setattr(FineTuning, "after_step", after_step)


def test_weights_that_the_last_step_breaks_are_noticed(config, cache, place, monkeypatch):
    broken_by_the_last_step(monkeypatch, times=1)
    events = go(config, place, cache)
    [warning] = [event.message for event in events if isinstance(event, Warned)]
    assert warning.startswith("The weights are not finite after step 9. Training went")
    assert all(tensor.isfinite().all() for tensor in weights(place).values())


def test_answers_that_are_no_numbers_are_not_measured_and_the_sentence_names_the_rate(
    config, cache, place, monkeypatch
):
    @torch.no_grad()
    def explode(self, step, steps):
        if step == steps // 3 - 1:  # an epoch ends, and is looked at
            for parameter in self.classifier.tower.parameters():
                parameter.fill_(1e30)  # finite, unlike what comes of it

    monkeypatch.setattr(FineTuning, "after_step", explode)
    with pytest.raises(UserError, match=r"loss became nan at step 4.*Lower lr"):
        go(config.model_copy(update={"evaluations": 3}), place, cache)
    warnings = [entry["message"] for entry in place.events() if entry["kind"] == "warned"]
    assert warnings[0] == "After step 3 the model's outputs are not numbers."
    assert not place.weights_path.exists()


def test_weights_that_are_not_finite_are_never_published(tiny_task, tmp_path):
    clip, task = tiny_task
    prototypes = torch.nn.functional.normalize(torch.ones(len(task.classes), clip.embed_dim))
    broken = clip.classifier(prototypes)
    with torch.no_grad():
        broken.head.weight[0, 0] = torch.nan
    with pytest.raises(UserError, match=r"weights: head\.weight is not finite"):
        save_classifier(tmp_path / "weights", clip, broken, prototypes)
    assert list(tmp_path.iterdir()) == []


# --- memory ---------------------------------------------------------------------------------------


def test_a_run_that_runs_out_of_memory_takes_the_same_steps_and_remembers_how(
    config, cache, place, whole, monkeypatch
):
    real, sizes = FineTuning.loss, []

    def loss(self, batch):
        sizes.append(len(batch.labels))
        if len(batch.labels) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(self, batch)

    monkeypatch.setattr(FineTuning, "loss", loss)
    go(config, place, cache, until=at_step(4))
    first, sizes[:] = sizes.count(5), []
    go(config, place, cache)
    assert (first, sizes.count(5)) == (1, 0)
    assert [entry["kind"] for entry in place.events()].count("step") == 9
    losses, expected = (
        [entry["loss"] for entry in each.events() if entry["kind"] == "step"]
        for each in (place, whole)
    )
    assert losses == pytest.approx(expected, rel=1e-3)  # rounding, over nine steps of Adam


# --- the disk -------------------------------------------------------------------------------------


def full_at(monkeypatch, number):
    """The disk is full when the `number`-th file or folder is to be published; counts them."""
    real, count = durable.sync, [0]

    def sync(path):
        if path.name.endswith(".tmp"):
            count[0] += 1
            if count[0] == number:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(path)

    monkeypatch.setattr(durable, "sync", sync)
    return count


def test_a_disk_that_is_full_at_any_write_loses_nothing(
    config, cache, tmp_path, monkeypatch, figure
):
    quick = config.model_copy(
        update={"method": "lp-sgd", "params": {"epochs": 1, "batch_size": 6}, "evaluations": 0}
    )
    undisturbed = RunFolder(tmp_path / "undisturbed")
    with monkeypatch.context() as patch:
        writes = full_at(patch, number=None)
        go(quick, undisturbed, cache)
    assert writes[0] >= 10
    survived = []
    for number in range(1, writes[0] + 1):
        place = RunFolder(tmp_path / str(number))
        with monkeypatch.context() as patch:
            full_at(patch, number)
            with contextlib.suppress(DiskFull, OSError):
                go(quick, place, cache)
        assert not list(place.path.rglob(".*")), "a part of a file was left"
        if place.record_path.exists():
            survived.append(number)
        else:
            go(quick, place, cache)
        assert same_weights(place, undisturbed)
        assert said(place) == said(undisturbed)
    # The last checkpoint: the run was done without it. It is written beside the training, so that
    # its number among the writes may differ by one from run to run.
    assert len(survived) <= 2
    figure(f"each of {writes[0]} writes failed in turn: 0 half files, the same weights")


def test_a_full_disk_leaves_no_half_line_in_the_log(tmp_path):
    class Full(io.FileIO):
        def write(self, data):
            if len(data) < 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:10])

    path = tmp_path / "events.jsonl"
    path.write_text("whole\n")
    with Full(path, "ab") as file, pytest.raises(OSError, match="No space"):
        _append(file, b"x" * 25)
    assert path.read_text() == "whole\n"


def test_a_run_does_not_start_without_the_reserve(config, cache, place):
    with pytest.raises(DiskFull, match="Free some space"):
        go(config, place, cache, keeping=Keeping(reserve_bytes=1 << 50))


# --- ending early ---------------------------------------------------------------------------------


def pulling(brake, wish, step):
    """Never ends the run; pulls the brake at a step."""

    def look(event):
        if at_step(step)(event):
            brake.pull(wish)
        return False

    return look


def test_a_pause_keeps_where_it_is_and_nothing_is_repeated(config, cache, place, whole):
    brake = Brake()
    seldom = Keeping(reserve_bytes=0, least_seconds=1e9, most_seconds=1e9)
    with pytest.raises(Paused):
        go(config, place, cache, pulling(brake, "pause", 4), keeping=seldom, brake=brake)
    assert place.checkpoints()[0].step == 4
    assert not brake.holds or not place.record_path.exists()
    events = go(config, place, cache, keeping=seldom)
    assert isinstance(events[0], Resumed)
    assert events[0].step == 4
    assert same_weights(place, whole)
    assert said(place) == said(whole)


class PulledAtRead(Brake):
    """A brake that is pulled just before the training reads it for the n-th time."""

    def __init__(self, read):
        self.left = read
        super().__init__()

    @property
    def pulled(self):
        self.left -= 1
        return "pause" if self.left <= 0 else None

    @pulled.setter
    def pulled(self, wish):
        """Nobody else pulls it."""


@pytest.mark.parametrize("read", range(1, 8))
def test_a_pause_at_any_moment_is_a_pause_and_is_saved(config, cache, place, read):
    seldom = Keeping(reserve_bytes=0, least_seconds=1e9, most_seconds=1e9)
    with pytest.raises(Paused):
        go(config, place, cache, keeping=seldom, brake=PulledAtRead(read))
    steps = [entry["step"] for entry in place.events() if entry["kind"] == "step"]
    assert place.checkpoints()[0].step == steps[-1] > 0
    assert not place.record_path.exists()


@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_stop_makes_a_run_of_what_was_trained(config, cache, place, keep):
    brake = Brake()
    asked = config.model_copy(update={"params": {**config.params, "keep": keep}})
    events = go(asked, place, cache, pulling(brake, "stop", 4), brake=brake)
    record = place.record()
    assert (record.stopped_early.steps, record.stopped_early.planned) == (4, 9)
    assert record.timing["steps"] == 4
    assert [point.alpha for point in record.wise] == [0.0, 1.0]
    assert "Stopped after 4 of 9 steps, as requested." in [
        getattr(e, "message", "") for e in events
    ]
