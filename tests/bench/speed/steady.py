"""T11: what an image costs a steady run, soft and behind a hard gate, against one tower."""

import itertools
import statistics
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from core.events import Event, Stage
from core.models.classifier import Classifier
from core.models.gates import FAMILIAR, Gate, statistics_of
from core.run.finished import FinishedRun
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.grid import finished_run
from tests.bench.speed.machine import seconds
from tests.bench.speed.setting import Setting

ASKED = {1: 20, 64: 4}
"""How often a reading asks, by images at a time: the shortest is what nobody has disturbed."""
ALPHA = 0.8
SOFT, HARD = Target("at most", 2.1), Target("at most", 1.2)

Way = tuple[Callable[[Tensor], object], Tensor]
"""What is called, and with which images."""
Cost = Callable[[Callable[[], object]], float]


def measure_steady(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T11, with the model and the images of the demo.

    A familiar image costs a hard gate the tuned tower and the early layers of the frozen one, an
    unfamiliar one no more than the frozen tower; so both the worst case and a mixture are measured.
    On a CPU it is processor time of one thread, which other programs take no part of.
    """
    place, cache = yield from finished_run(setting)
    opened = FinishedRun(place.path, cache, setting.device)
    tower = opened.encoder_at(ALPHA)
    mix = replace(opened.steady, unfamiliar=0.0)  # the gate alone decides
    soft, hard = (mix.classifier(opened.zero_shot, tower, ALPHA, kind) for kind in (False, True))
    mixed = _images(opened, max(ASKED))
    with torch.inference_mode():
        g = soft.judged(mixed)[1].cpu()
    familiar = mixed[g >= FAMILIAR]
    figures = []
    for count, asked in ASKED.items():
        yield Stage("T11", f"{count} at a time")
        alike = familiar.repeat(-(-count // len(familiar)), 1, 1, 1)[:count]
        ways: dict[str, Way] = {
            "tower": (tower, alike),
            "early": (_early(opened.zero_shot, mix.gate), alike),
            "soft": (soft, alike),
            "familiar": (hard, alike),
            "mixed": (hard, mixed[:count]),
            "tower, mixed": (tower, mixed[:count]),
        }
        cost = seconds if opened.clip.precision.device.type == "cuda" else _processor_seconds
        _reading(ways, 1, cost)
        readings = [_reading(ways, asked, cost) for _ in range(setting.repeats)]
        figures += _figures(count, readings, float((g >= FAMILIAR).float().mean()))
    return figures


def _figures(count: int, readings: list[dict[str, float]], share: float) -> list[Figure]:
    """Of one image at a time or of a batch."""

    def over_one(way: str, one: str = "tower") -> tuple[float, ...]:
        return tuple(reading[way] / reading[one] for reading in readings)

    facts = {
        "one tower ms": 1000 * statistics.median(reading["tower"] for reading in readings),
        "the gate with its early layers, of a tower": statistics.median(over_one("early")),
    }
    asked = f"{count} images at a time" if count > 1 else "one image at a time"
    what = f"a steady run over one tower, {asked}"
    figures = [
        Figure("T11", f"{what}, soft", "×", SOFT, over_one("soft"), facts=facts),
        Figure("T11", f"{what}, hard gate, all familiar", "×", HARD, over_one("familiar")),
    ]
    if count > 1:
        what = f"{what}, hard gate, {100 * share:.0f} % familiar"
        figures.append(Figure("T11", what, "×", HARD, over_one("mixed", "tower, mixed")))
    return figures


@torch.inference_mode()
def _reading(ways: Mapping[str, Way], asked: int, cost: Cost) -> dict[str, float]:
    """Seconds of each way, the shortest of so many, in turns."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(asked):
        for name, (ask, images) in ways.items():
            took[name].append(cost(partial(ask, images)))
    return {name: min(times) for name, times in took.items()}


def _processor_seconds(work: Callable[[], object]) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        start = time.process_time()
        work()
        return time.process_time() - start
    finally:
        torch.set_num_threads(threads)


def _images(opened: FinishedRun, count: int) -> Tensor:
    """`(count, 3, n, n)`: test and OOD images of the run by turns."""
    domains = [opened.task.test, *opened.task.ood.values()]
    turns = [item for row in itertools.zip_longest(*domains) for item in row if item]
    return opened.clip.pixels(opened.task.root).evaluation(turns[:count])


def _early(zero_shot: Classifier, gate: Gate) -> Callable[[Tensor], Tensor]:
    return lambda images: gate(statistics_of(zero_shot, gate.layers, images))
