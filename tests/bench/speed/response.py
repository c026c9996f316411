"""T8: how soon the studio is up and painted, a run trains, and a tick is answered under load."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from core.data.demo import write_demo
from core.events import Event, Stage
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.queueing import cancel, submit
from jobs.settings import Settings
from tests.bench.speed.browsing import measure_browsing
from tests.bench.speed.figure import Figure, Target
from tests.bench.speed.homes import free_port
from tests.bench.speed.setting import Setting
from tests.bench.visits import visit

PATIENCE_SECONDS = 120.0
WARM_SECONDS = 8.0
"""Until a worker that has begun a run has the next process waiting."""
LONG = {"epochs": 2000, "batch_size": 8}


def measure_response(setting: Setting) -> Generator[Event, None, list[Figure]]:
    """T8: start, submit to first step, an open page, and the tick while visitors look on."""
    starts = []
    for number in range(setting.repeats):
        yield Stage("T8", f"start {number + 1} of {setting.repeats}")
        with _studio(setting.folder / f"start-{number}") as up:
            starts.append(up.seconds)
    with _studio(setting.folder / "studio") as up:
        data = write_demo(setting.folder / "demo")
        config = RunConfig(data=str(data), method="ft", shots=4, params=LONG, evaluations=1)
        yield Stage("T8", "the first run, which fills the cache")
        _first_step(up, config)
        steps = []
        for number in range(setting.repeats):
            yield Stage("T8", f"submit {number + 1} of {setting.repeats}")
            steps.append(_first_step(up, config))
        training = partial(_training, up, config)
        seconds = setting.pick(10, 1)
        browsed = yield from measure_browsing(
            up.url, up.settings, training, setting.repeats, seconds
        )
        with training():
            ticks = yield from _ticks(up, setting)
    return [
        Figure("T8", "`evenkeel up` to an answered page", "s", Target("at most", 6.0), (*starts,)),
        Figure(
            "T8",
            "submit to the first training step done, warm worker",
            "s",
            Target("at most", 2.0),
            (*steps,),
            note="ft on the demo, 4 shots, batch 8; features of the images are cached",
        ),
        *browsed,
        *ticks,
    ]


@dataclass(frozen=True)
class _Up:
    """A studio that answers, and how long that took."""

    url: str
    settings: Settings
    seconds: float


@contextmanager
def _studio(home: Path) -> Iterator[_Up]:
    """`evenkeel up` over `home`, stopped at the end."""
    home.mkdir(parents=True)
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "studio", "up", "--port", url.rpartition(":")[2]]
    environment = {**os.environ, "EVENKEEL_HOME": str(home)}
    begin = time.monotonic()
    with (
        open(home / "up.log", "wb") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            _wait(lambda: _opens(url), "the studio to answer")
            yield _Up(url, Settings(home=home), time.monotonic() - begin)
        finally:
            process.send_signal(signal.SIGINT)


def _opens(url: str) -> bool:
    """Whether the page's first event is answered, which fills every place."""
    body = {"data": [], "fn_index": 0, "session_hash": "speed", "trigger_id": None}
    try:
        return httpx.post(f"{url}/gradio_api/run/predict", json=body, timeout=30).is_success
    except httpx.HTTPError:
        return False


def _first_step(up: _Up, config: RunConfig) -> float:
    """Seconds from submitting a run to its first step, by the time that the step tells."""
    time.sleep(WARM_SECONDS)
    begin = time.time()
    run = submit(up.settings, config).id
    found: list[float] = []

    def stepped() -> bool:
        events = up.settings.run_folder(run).events()
        found.extend(float(event["time"]) for event in events if event["kind"] == "step")
        return bool(found)

    _wait(stepped, "a run to train")
    _end(up, run)
    return found[0] - begin


def _ticks(up: _Up, setting: Setting) -> Generator[Event, None, list[Figure]]:
    """The 95th percentile of a tick. A run must be training."""
    visitors, lasting = setting.pick(50, 3), setting.pick(60, 3)
    readings, errors = [], 0
    for number in range(setting.repeats):
        yield Stage("T8", f"{visitors} viewers, {number + 1} of {setting.repeats}")
        seen = visit(up.url, visitors, lasting)
        readings.append(seen["requests"]["tick"]["p95"])
        errors += sum(seen["errors"].values())
    return [
        Figure(
            "T8",
            f"p95 of a tick, {visitors} viewers while a run trains",
            "s",
            Target("at most", 0.5),
            tuple(readings),
            facts={"seconds of each reading": lasting, "errors": errors},
        )
    ]


@contextmanager
def _training(up: _Up, config: RunConfig) -> Iterator[str]:
    """A run that trains all the while, by its id."""
    run = submit(up.settings, config).id
    yield run
    _end(up, run)


def _end(up: _Up, run: str) -> None:
    """Cancel a run and wait until it is over."""
    cancel(up.settings, run)
    _wait(lambda: Ledger(up.settings).get(run).is_over, "a run to end")


def _wait(is_so: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {PATIENCE_SECONDS:.0f} s for {what}")
        time.sleep(0.02)
