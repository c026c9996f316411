"""T10: pages and commands as runs, events, classes and images become many."""

import os
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from core.data.hashes import YOUNG_SECONDS
from core.data.ingest import open_dataset
from core.events import Event, Stage
from jobs.settings import Settings
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.homes import finish_runs, free_port, home, train_long
from tests.bench.speed.ingest import folder_of, growth, measure_ingest
from tests.bench.speed.machine import seconds
from tests.bench.speed.photos import photo
from tests.bench.speed.setting import Setting

SECOND = Target("at most", 1.0)
RUNS, EVENTS, CLASSES, IMAGES = (10, 1_000), (100, 100_000), (10, 1_000), (1_000, 10_000)
LOAD, TICK = 0, 1
_START_SECONDS = 60.0


def measure_growth(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T10: the largest size must stay under a second; how it grew from the smallest is a fact."""
    found = yield from measure_ingest(setting)
    for what, least_and_most, make in (
        ("runs", RUNS, _with_runs),
        ("events in a run", EVENTS, _with_events),
        ("classes", CLASSES, _with_classes),
        ("images", IMAGES, _with_images),
    ):
        readings: dict[str, list[list[float]]] = {}
        sizes = tuple(setting.pick(size, max(2, size // 100)) for size in least_and_most)
        for size in sizes:
            yield Stage("T10", f"{size} {what}")
            settings, query, command = make(setting, size)
            for name, took in _take(setting, settings, query, command).items():
                readings.setdefault(name, []).append(took)
        found += [_figure(name, what, sizes, took) for name, took in readings.items()]
    return found


def _figure(name: str, what: str, sizes: tuple[int, ...], took: list[list[float]]) -> Figure:
    few, many = (sorted(each)[len(each) // 2] for each in took)
    facts = {
        f"s with {sizes[0]}": few,
        "exponent of growth": growth(sizes[0], few, sizes[1], many),
    }
    return Figure("T10", f"{name}, {sizes[1]:,} {what}", "s", SECOND, tuple(took[1]), facts=facts)


def _with_runs(setting: Setting, count: int) -> tuple[Settings, str, list[str]]:
    settings = home(setting.folder / f"home-{count}-runs")
    finish_runs(settings, count)
    return settings, "?data=demo&tab=compare", ["jobs", "--limit", str(count)]


def _with_events(setting: Setting, count: int) -> tuple[Settings, str, list[str]]:
    settings = home(setting.folder / f"home-{count}-events")
    run_id = train_long(settings, count)
    return settings, f"?data=demo&run={run_id}&tab=live", ["logs", run_id]


def _with_classes(setting: Setting, count: int) -> tuple[Settings, str, list[str]]:
    settings = home(setting.folder / f"home-{count}-classes")
    _many(setting, settings, 2 * count, classes=count)
    return settings, "?data=many&tab=data", ["jobs"]


def _with_images(setting: Setting, count: int) -> tuple[Settings, str, list[str]]:
    """Images that an earlier process has hashed."""
    settings = home(setting.folder / f"home-{count}-images")
    folder = _many(setting, settings, count, classes=10)
    time.sleep(1.1 * YOUNG_SECONDS)
    open_dataset(folder, settings.cache)
    return settings, "?data=many&tab=data", ["jobs"]


def _many(setting: Setting, settings: Settings, images: int, classes: int) -> Path:
    small = [photo(0.01, seed).resize((64, 64)) for seed in range(24)]
    return folder_of(setting, f"{settings.home.name}/datasets/many", small, images, classes)


def _take(
    setting: Setting, settings: Settings, query: str, command: list[str]
) -> dict[str, list[float]]:
    """Seconds of the command, of the first and a later load of the page, and of a tick."""
    program = [sys.executable, "-m", "studio", *command]
    took: dict[str, list[float]] = {
        f"evenkeel {command[0]}": [
            seconds(lambda: _run(program, settings)) for _ in range(setting.repeats)
        ]
    }
    with _page(settings) as client:
        took["first load of the page"] = [seconds(lambda: _fire(client, LOAD, query))]
        for name, event in (("load of the page", LOAD), ("tick of the page", TICK)):
            took[name] = [
                seconds(partial(_fire, client, event, query)) for _ in range(setting.repeats)
            ]
    return took


def _run(program: list[str], settings: Settings) -> None:
    subprocess.run(program, env=settings.environment(), check=True, stdout=subprocess.DEVNULL)


def _fire(client: httpx.Client, event: int, query: str) -> None:
    body = {"data": [None] if event else [], "fn_index": event, "event_data": None}
    body |= {"trigger_id": None, "session_hash": "growth"}
    client.post(f"/gradio_api/run/predict{query}", json=body).raise_for_status()


@contextmanager
def _page(settings: Settings) -> Iterator[httpx.Client]:
    """The page's process without evaluator and worker, once it answers."""
    port = free_port()
    environment = {**settings.environment(), "EVENKEEL_PORT": str(port)}
    quiet = subprocess.DEVNULL
    program = [sys.executable, "-m", "studio", "page"]
    page = subprocess.Popen(program, env={**os.environ, **environment}, stdout=quiet, stderr=quiet)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait_for(client)
            yield client
    finally:
        page.terminate()
        page.wait()


def _wait_for(client: httpx.Client) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.get("/").raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
