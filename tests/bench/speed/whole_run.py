"""T1: a whole run of FD-Align against the official-style loop."""

import itertools
import statistics
from collections.abc import Generator

from core.events import Event, Stage
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.machine import DTYPES, multiply_rate
from tests.bench.speed.official import OfficialLoop
from tests.bench.speed.setting import Setting
from tests.bench.speed.steps import BATCH, flops_of_step, method, seconds_of_steps, step_task

EPOCHS = 10
AGAINST = "run of fd-align, 16 shots × 10 classes × 10 epochs, the official-style loop over ours"


def measure_run(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T1. A whole official run takes most of ten minutes, so runs are put together from parts: the
    official one from its steps, ours from its first epoch, in which photos are decoded, and from
    later epochs with the frozen tower's look at their views.
    """
    clip, task = setting.clip(), step_task(setting)
    per_epoch = -(-len(task.train) // BATCH)
    yield Stage("T1", "building the heads")
    method("fd-align", clip, task).setup()  # their texts are kept: neither loop is charged for them
    ours = seconds_of_steps(method("fd-align", clip, task, EPOCHS))
    crop_min = method("fd-align", clip, task).params.crop_min
    official = OfficialLoop(clip, task, BATCH, crop_min).seconds_of_steps()
    yield Stage("T1", "first epoch")
    next(official)
    cold = sum(itertools.islice(ours, per_epoch))
    first, second, readings = [], [], []
    for number in range(setting.repeats):
        yield Stage("T1", f"reading {number + 1} of {setting.repeats}")
        slow = next(official)
        steps = list(itertools.islice(ours, per_epoch))
        warm = statistics.median(steps[1:] or steps)  # the first step of an epoch looks ahead
        readings.append((slow, sum(steps) / per_epoch, warm))
        whole = EPOCHS * per_epoch * slow
        first.append(whole / (cold + (EPOCHS - 1) * sum(steps)))
        second.append(whole / (EPOCHS * per_epoch * warm))
    target = Target("at least", 4.0 if clip.precision.device.type == "cpu" else 3.0)
    slow, own, warm = (statistics.median(column) for column in zip(*readings, strict=True))
    rate = max(multiply_rate(clip.precision.device, dtype) for dtype in DTYPES)
    limit = flops_of_step(method("fd-align", clip, task), plain=False) / rate
    facts = {
        "official s a step": slow,
        "our s a step": warm,
        "ours with the frozen tower's look": own,
        "our first epoch s": cold,
        "ratio that a step at the machine's limit would have": slow / limit,
    }
    note = f"{clip.precision.describe()['precision']} was chosen for ours."
    return [
        Figure("T1", f"{AGAINST}, first run", "×", target, tuple(first), note, facts),
        Figure("T1", f"{AGAINST}, second run", "×", target, tuple(second)),
    ]
