"""T8 in a real Chromium: how soon a page is painted, and what an open one costs the machine."""

import shutil
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import psutil

from core.events import Event, Stage, Warned
from jobs.doctor.running import alive
from jobs.settings import Settings
from tests.bench.speed.figure import Figure, Target

PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
CURVES = "#tab-live .js-plotly-plot .main-svg"
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
SETTLING_SECONDS = 10.0
"""Until what opening a page started has ended."""


def measure_browsing(
    url: str,
    settings: Settings,
    training: Callable[[], AbstractContextManager[str]],
    repeats: int,
    seconds: int,
) -> Generator[Event, None, list[Figure]]:
    """First paint with an empty cache, and the load of a page at rest and of one that shows a run
    as it trains, which is within `training` and named by it; nothing without a Chromium. A load is
    read over `seconds`.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        yield Warned("first paint: not measured, playwright is missing. pip install playwright")
        return []
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=list(CHROMIUM)
            )
            figures = [(yield from _paint(browser, url, repeats))]
            load = _Load(settings, seconds)
            yield Stage("T8", "a page at rest")
            with _opened(browser, url) as page:
                page.wait_for_selector("body.ek-ready")
                figures.append(load.of("a page that nobody touches", 3.0, repeats))
            yield Stage("T8", "a page that shows a run")
            with training() as run, _opened(browser, f"{url}/?run={run}&tab=live") as page:
                page.wait_for_selector(CURVES)
                figures.append(load.of("a page that shows a run as it trains", 40.0, repeats))
            browser.close()
    except Error as error:
        yield Warned(f"first paint: not measured, no Chromium ({str(error).splitlines()[0]})")
        return []
    return figures


def _paint(browser: Any, url: str, repeats: int) -> Generator[Event, None, Figure]:
    yield Stage("T8", "first paint")
    seconds = []
    for _ in range(repeats):
        with _opened(browser, url) as page:
            page.wait_for_function(f"{PAINTED} > 0")
            seconds.append(page.evaluate(PAINTED) / 1000)
    return Figure("T8", "first contentful paint", "s", Target("at most", 1.5), (*seconds,))


@contextmanager
def _opened(browser: Any, url: str) -> Iterator[Any]:
    """A page in a browser that has nothing in its cache."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


class _Load:
    """Processor time that an open page takes of the machine, its server's beside its browser's."""

    def __init__(self, settings: Settings, seconds: int) -> None:
        self._page = [each.pid for each in alive(settings) if each.role == "page"]
        self._seconds = seconds

    def of(self, what: str, bound: float, repeats: int) -> Figure:
        """Share of one core; the facts tell the server's and the browser's."""
        time.sleep(SETTLING_SECONDS)
        servers, browsers = [], []
        for _ in range(repeats):
            before = self._servers(), self._browsers()
            time.sleep(self._seconds)
            servers.append(100 * (self._servers() - before[0]) / self._seconds)
            browsers.append(100 * (self._browsers() - before[1]) / self._seconds)
        readings = tuple(server + tab for server, tab in zip(servers, browsers, strict=True))
        return Figure(
            "T8",
            f"{what}, server and browser, of one core",
            "%",
            Target("at most", bound),
            readings,
            facts={
                "server, % of a core": sum(servers) / repeats,
                "browser, % of a core": sum(browsers) / repeats,
            },
        )

    def _servers(self) -> float:
        return _taken(psutil.Process(pid) for pid in self._page)

    @staticmethod
    def _browsers() -> float:
        ours = psutil.Process().children(recursive=True)
        return _taken(process for process in ours if "chrom" in process.name())


def _taken(processes: Iterable[psutil.Process]) -> float:
    """Seconds of processor time so far."""
    total = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total
