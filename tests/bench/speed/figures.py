"""Which figures there are, and measuring those that are asked for."""

from collections.abc import Callable, Generator, Mapping, Sequence

from core.errors import unknown
from core.events import Event, Stage
from core.models.precision import choose_device
from tests.bench.speed.figure import Figure
from tests.bench.speed.footprint import measure_memory
from tests.bench.speed.frozen_features import measure_frozen_features
from tests.bench.speed.grid import measure_grid, measure_slider
from tests.bench.speed.growth import measure_growth
from tests.bench.speed.official import measure_run
from tests.bench.speed.response import measure_response
from tests.bench.speed.setting import Setting
from tests.bench.speed.steady import measure_steady
from tests.bench.speed.steps import (
    measure_against_compiled,
    measure_overhead,
    measure_roofline,
    measure_waiting,
)

Measure = Callable[[Setting], Generator[Event, None, list[Figure]]]
"""Measures all figures of one key; says on the way what it is at."""


def measure_step(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T3, as it is asked on this kind of device."""
    on_gpu = choose_device(setting.device).type == "cuda"
    return (yield from (measure_against_compiled if on_gpu else measure_roofline)(setting))


FIGURES: Mapping[str, Measure] = {
    "T1": measure_run,
    "T2": measure_overhead,
    "T3": measure_step,
    "T4": measure_waiting,
    "T5": measure_frozen_features,
    "T6": measure_grid,
    "T7": measure_slider,
    "T8": measure_response,
    "T9": measure_memory,
    "T10": measure_growth,
    "T11": measure_steady,
}
"""All that can be measured, in the order of the docs."""


def measure(
    figures: Mapping[str, Measure], keys: Sequence[str], setting: Setting
) -> Generator[Event, None, list[Figure]]:
    """The figures of these keys, in the order of `figures`; none asked for means all."""
    for key in keys:
        if key not in figures:
            raise unknown("figures", key, figures)
    found = []
    for key, measured in figures.items():
        if key in keys or not keys:
            yield Stage("measuring", key)
            found += yield from measured(setting)
    return found
