"""T6 and T7: the grid of mixing weights, and the α slider, on the demo data with its model."""

import statistics
import subprocess
import sys
from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path

from core.data.demo import write_demo
from core.evaluation.frontier import wise_point
from core.events import Event, Stage
from core.results.records import DEFAULT_ALPHAS, Mixing, RunConfig, WisePoint
from core.results.runs import RunFolder
from core.run.finished import FinishedRun
from core.run.pipeline import run
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.machine import seconds, timed
from tests.bench.speed.setting import Setting

ALONE = (0.1, 0.5, 0.9)
"""Mixing weights that are also measured separately: neither end, which take less."""


HALF = Mixing.wise(0.5)


def measure_grid(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T6: 21 mixing weights at once against one evaluation after another."""
    place, cache = yield from finished_run(setting)
    readings = []
    for number in range(setting.repeats):
        yield Stage("T6", f"reading {number + 1} of {setting.repeats}")
        slow, apart = timed(partial(_one_by_one, place, cache, setting, ALONE))
        fast, grid = timed(partial(_at_once, place, cache, setting))
        if apart != [point for point in grid if point.alpha in ALONE]:
            raise AssertionError("the grid and separate evaluations disagree")
        one = slow / len(ALONE)
        process = seconds(partial(_in_a_process, place, cache, setting))
        readings.append((one, fast, process, fast + process - one))
    count, target = len(grid), Target("at least", 3.0)
    told = ("one opened again s", "grid s", "one in a process s", "grid in a process s")
    medians = map(statistics.median, zip(*readings, strict=True))
    what = f"{count} separate evaluations over the grid of as many α, equal results"
    return [
        Figure(
            "T6",
            f"{what}, each in a process of its own",
            "×",
            target,
            tuple(count * process / whole for _, _, process, whole in readings),
            "The grid's process is charged the start of the other.",
            dict(zip(told, medians, strict=True)),
        ),
        Figure(
            "T6",
            f"{what}, in one process",
            "×",
            target,
            tuple(count * one / fast for one, fast, _, _ in readings),
        ),
    ]


def measure_slider(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T7: what the slider shows of the measured grid, and α measured exactly."""
    place, cache = yield from finished_run(setting)
    yield Stage("T7", "the grid and one α")
    opened = _open(place, cache, setting)
    opened.measure(HALF)

    def look() -> WisePoint:
        return min(place.record().wise, key=lambda point: abs(point.alpha - 0.31))

    grid = tuple(1000 * seconds(look) for _ in range(setting.repeats))
    alphas = [0.31 + 0.01 * number for number in range(setting.repeats)]
    exact = tuple(seconds(partial(opened.measure, Mixing.wise(alpha))) for alpha in alphas)
    measured = sum(score.n for score in opened.measure(HALF).domains.values())
    return [
        Figure(
            "T7", "a point of the measured grid, read again", "ms", Target("at most", 50.0), grid
        ),
        Figure(
            "T7",
            "one α measured exactly on all test sets of the demo, the run being open",
            "s",
            Target("at most", 1.0),
            exact,
            facts={"images": measured},
        ),
    ]


def finished_run(setting: Setting) -> Generator[Event, None, tuple[RunFolder, Path]]:
    """A run of one epoch on the demo data; the same one for every figure that asks."""
    place, cache = RunFolder(setting.folder / "run"), setting.folder / "run-cache"
    if not place.record_path.exists():
        yield Stage("T6", "a run on the demo data")
        data = write_demo(setting.folder / "demo", full=False)
        config = RunConfig(
            data=str(data),
            method="ft",
            shots=setting.pick(16, 1),
            params={"epochs": 1},
            alphas=(0.5,) if setting.quick else DEFAULT_ALPHAS,
            evaluations=0,
            device=setting.device,
        )
        for _ in run(config, place.path, cache):
            pass
    return place, cache


def _open(place: RunFolder, cache: Path, setting: Setting) -> FinishedRun:
    return FinishedRun(place.path, cache, setting.device)


def _one_by_one(
    place: RunFolder, cache: Path, setting: Setting, alphas: Sequence[float]
) -> list[WisePoint]:
    """Each α as `evenkeel evaluate` measures it: the run opened, its images read, one α."""
    mixings = [Mixing.wise(alpha) for alpha in alphas]
    return [wise_point(how.alpha, _open(place, cache, setting).measure(how)) for how in mixings]


def _in_a_process(place: RunFolder, cache: Path, setting: Setting) -> None:
    """One α as a command measures it, from the start of the interpreter on."""
    opened = f"FinishedRun(Path({str(place.path)!r}), Path({str(cache)!r}), {setting.device!r})"
    imports = (
        "from pathlib import Path; from core.run.finished import FinishedRun; "
        "from core.results.records import Mixing"
    )
    code = f"{imports}; {opened}.measure(Mixing.wise(0.5))"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def _at_once(place: RunFolder, cache: Path, setting: Setting) -> list[WisePoint]:
    return _open(place, cache, setting).frontier(ALONE if setting.quick else DEFAULT_ALPHAS)
