"""T4: how long a training step waits for its photos, and the memory that these take."""

import itertools
import time
from collections.abc import Generator

from core.events import Event, Stage, Step
from core.methods.base import LoopMethod
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.photos import photo_task
from tests.bench.speed.setting import Setting
from tests.bench.speed.steps import BATCH, WARM_UP, method
from tests.bench.speed.timing import seconds

CLASSES, SHOTS = 10, 100


def measure_waiting(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T4: with 1,000 JPEG photos of 1 to 12 MP, in the first epoch and after all were decoded."""
    yield Stage("T4", "taking the photos")
    clip = setting.clip()
    task = photo_task(setting, setting.pick(CLASSES, 2), setting.pick(SHOTS, BATCH))
    epochs = [waits(method("ft", clip, task)) for _ in range(2)]
    yield Stage("T4", "steps of the first epoch")
    first = list(itertools.islice(epochs[0], WARM_UP + setting.repeats))[WARM_UP:]
    epochs[0].close()
    yield Stage("T4", "decoding what is left of it")
    pixels = clip.pixels(task.root)
    augmentation = method("ft", clip, task).params.augmentation
    seen = (WARM_UP + setting.repeats + 1) * BATCH
    rest = [task.train[start : start + BATCH] for start in range(seen, len(task.train), BATCH)]
    took = seconds(lambda: [pixels.training(chunk, augmentation, 0, 0) for chunk in rest])
    yield Stage("T4", "steps of a later epoch")
    later = list(itertools.islice(epochs[1], WARM_UP + setting.repeats))[WARM_UP:]
    facts = {
        "% in the first epoch": 100 * sum(first) / len(first),
        "photos/s decoded": sum(map(len, rest)) / took,
        "MB of pixels held": pixels.held_bytes / 1e6,
        "MB allowed": pixels.limit_bytes / 1e6,
    }
    return [
        Figure(
            "T4",
            "share of a step that waits for data, 1,000 JPEG photos of 1 to 12 MP, decoded before",
            "%",
            Target("at most", 5.0),
            tuple(100 * share for share in later),
            facts=facts,
        )
    ]


def waits(method: LoopMethod) -> Generator[float, None, None]:
    """The share of each step, from 0 to 1, in which the loop had no batch to work on."""
    start = time.perf_counter()
    for event in method.fit():
        if isinstance(event, Step):
            whole = time.perf_counter() - start
            yield max(0.0, 1 - BATCH / event.images_per_second / whole)
            start = time.perf_counter()
