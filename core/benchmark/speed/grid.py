"""T6 and T7: the grid of mixing weights, and the α slider, on the demo data with its model."""

from collections.abc import Generator
from functools import partial
from pathlib import Path

from core.benchmark.speed.figure import Figure, Target
from core.benchmark.speed.setting import Setting
from core.benchmark.speed.timing import seconds, timed
from core.demo import write_demo
from core.evaluation.frontier import wise_point
from core.events import Event, Stage
from core.finished import FinishedRun
from core.pipeline import run
from core.records import DEFAULT_ALPHAS, RunConfig, WisePoint
from core.runs import RunFolder


def measure_grid(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T6: 21 mixing weights at once against one evaluation after another."""
    place, cache = yield from finished_run(setting)
    alphas = DEFAULT_ALPHAS[:: setting.pick(1, 10)]
    readings = []
    for number in range(setting.repeats):
        yield Stage("T6", f"reading {number + 1} of {setting.repeats}")
        slow, apart = timed(partial(_one_by_one, place, cache, setting, alphas))
        fast, together = timed(partial(_at_once, place, cache, setting, alphas))
        if apart != together:
            raise AssertionError("the grid and separate evaluations disagree")
        readings.append((slow, fast))
    images = len(_open(place, cache, setting).task.test)
    return [
        Figure(
            "T6",
            f"{len(alphas)} separate evaluations over the grid of as many α, equal results",
            "×",
            Target("at least", 3.0),
            tuple(slow / fast for slow, fast in readings),
            facts={
                "separate s": min(slow for slow, _ in readings),
                "grid s": min(fast for _, fast in readings),
                "test images": images,
            },
        )
    ]


def measure_slider(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T7: what the slider shows of the measured grid, and α measured exactly."""
    place, cache = yield from finished_run(setting)
    yield Stage("T7", "the grid and one α")
    opened = _open(place, cache, setting)
    opened.measure(0.5)

    def look() -> WisePoint:
        return min(place.record().wise, key=lambda point: abs(point.alpha - 0.31))

    grid = tuple(1000 * seconds(look) for _ in range(setting.repeats))
    alphas = [0.31 + 0.01 * number for number in range(setting.repeats)]
    exact = tuple(seconds(partial(opened.measure, alpha)) for alpha in alphas)
    measured = sum(score.n for score in opened.measure(0.5).domains.values())
    return [
        Figure(
            "T7", "a point of the measured grid, read anew", "ms", Target("at most", 50.0), grid
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
    place: RunFolder, cache: Path, setting: Setting, alphas: tuple[float, ...]
) -> list[WisePoint]:
    """Each α as `evenkeel evaluate` measures it: the run opened, its images read, one α."""
    return [wise_point(alpha, _open(place, cache, setting).measure(alpha)) for alpha in alphas]


def _at_once(
    place: RunFolder, cache: Path, setting: Setting, alphas: tuple[float, ...]
) -> list[WisePoint]:
    return _open(place, cache, setting).frontier(alphas)
