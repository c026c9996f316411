import pytest

from core.events import Measuring, Resumed, Stage, Step
from core.results.runs import EventLog, RunFolder
from jobs.progress.pulse import Pulse


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


@pytest.fixture
def log(folder):
    log = EventLog(folder)
    yield log
    log.close()


def step(number):
    return Step(number, 100, 1, 1, 1.0)


def trained(clock, log, pulse, steps, each):
    for number in range(steps):
        log.append(step(number))
        clock[0] += each
        assert pulse.silence() is None


def test_a_training_without_a_step_for_too_long_hangs(clock, folder, log):
    pulse = Pulse(folder.events_path, seconds=300, steps=20)
    trained(clock, log, pulse, steps=5, each=1.0)
    clock[0] += 299
    assert pulse.silence() is None
    clock[0] += 2
    assert pulse.silence() == pytest.approx(301)
    log.append(step(6))
    assert pulse.silence() is None


def test_slow_steps_get_twenty_of_their_own_time(clock, folder, log):
    pulse = Pulse(folder.events_path, seconds=300, steps=20)
    trained(clock, log, pulse, steps=5, each=60.0)
    clock[0] += 1100
    assert pulse.silence() is None
    clock[0] += 200
    assert pulse.silence()


def test_looking_at_images_between_steps_may_take_longer_and_loading_any_time(clock, folder, log):
    pulse = Pulse(folder.events_path, seconds=300, steps=20)
    log.append(Stage("zero-shot"))
    assert pulse.silence() is None
    clock[0] += 1e6
    assert pulse.silence() is None
    log.append(Measuring(0))
    assert pulse.silence() is None
    clock[0] += 3599
    assert pulse.silence() is None
    clock[0] += 2
    assert pulse.silence()


def test_steps_of_an_earlier_attempt_and_a_log_that_is_cut_back_say_nothing(clock, folder, log):
    for number in range(20):
        log.append(step(number))
    size = folder.events_path.stat().st_size
    pulse = Pulse(folder.events_path, seconds=300, steps=20)
    clock[0] += 1e6
    assert pulse.silence() is None
    log.append(Resumed(10, 100, 1, 1, size // 2))
    clock[0] += 1e6
    assert pulse.silence() is None
    log.append(step(11))
    assert pulse.silence() is None
    clock[0] += 301
    assert pulse.silence()
