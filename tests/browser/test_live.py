"""A run that is watched for a minute, laid aside, taken up again and ended, all by the page."""

import os
import signal
import time
from contextlib import closing, contextmanager

import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.queueing import submit
from tests.browser.pages import hearing, load, see
from tests.browser.running import FEW_ALPHAS
from tests.jobs.real_worker import pid_of

SETTLING_SECONDS = 5
WATCHED_SECONDS = 60
MOST_GROWTH_BYTES = 2_000_000
MOST_STYLINGS = 30 * WATCHED_SECONDS
"""A page that draws in every frame has twice as many."""
CHARTS = "window.charts = [...document.querySelectorAll('.js-plotly-plot, .main-svg')]"
GONE = "window.charts.filter((node) => !node.isConnected).length"
STEP = r"Number(document.querySelector('.ek-run')?.innerText.match(/step (\d+) of/)?.[1] ?? 0)"


@contextmanager
def training(studio, demo):
    """A run that would take many minutes."""
    data = str(studio.settings.home / "datasets" / demo)
    knobs = {"epochs": 2000, "batch_size": 8}
    config = RunConfig(data=data, method="ft", shots=2, params=knobs, alphas=FEW_ALPHAS)
    run = submit(studio.settings, config).id
    try:
        yield run
    finally:
        studio.end(run)


@pytest.fixture
def long_run(studio, demo):
    with training(studio, demo) as run:
        yield run


class Watched:
    """A page that shows a run as it trains; what it holds and draws from now on."""

    def __init__(self, page, run):
        self.page, self.run = page, run
        page.wait_for_function(f"({STEP}) >= 20", timeout=120_000)
        page.wait_for_timeout(1000 * SETTLING_SECONDS)  # opening the page still takes memory
        self._client = page.context.new_cdp_session(page)
        self._client.send("Performance.enable")
        page.evaluate(CHARTS)
        self._step, self._heap, self._stylings = page.evaluate(STEP), self._bytes(), self._styled()
        self._begin = time.monotonic()

    def seconds(self):
        return time.monotonic() - self._begin

    def steps(self):
        """The number of training steps since the start."""
        return self.page.evaluate(STEP) - self._step

    def growth(self):
        """Bytes that are held and were not before."""
        return self._bytes() - self._heap

    def stylings(self):
        """The number of style recalculations."""
        return self._styled() - self._stylings

    def _styled(self):
        metrics = self._client.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "RecalcStyleCount")

    def _bytes(self):
        """The least of a few looks, since an update may be under way at any of them."""
        looks = []
        for _ in range(5):
            self._client.send("HeapProfiler.collectGarbage")
            looks.append(self.page.evaluate("performance.memory.usedJSHeapSize"))
            self.page.wait_for_timeout(200)
        return min(looks)


@pytest.fixture(scope="session")
def watched(chromium, studio, demo):
    """Other tests go on beside it, in a tab of theirs."""
    with training(studio, demo) as run, closing(chromium.new_context()) as context:
        page = context.new_page()
        with hearing(page, studio.url):
            load(page, f"{studio.url}/?data=demo&run={run}&tab=live")
            yield Watched(page, run)


def test_a_run_that_trains_has_its_charts(watched):
    assert watched.page.evaluate("window.charts.length") >= 4


@pytest.mark.slow
def test_a_minute_of_live_updates_replaces_no_chart_and_keeps_no_memory(studio, watched):
    watched.page.wait_for_timeout(1000 * max(0.0, WATCHED_SECONDS - watched.seconds()))
    minutes = watched.seconds() / WATCHED_SECONDS
    steps, stylings, growth = watched.steps(), watched.stylings(), watched.growth()
    gone = watched.page.evaluate(GONE)
    studio.end(watched.run)  # the worker is wanted by others
    assert steps > 20 * minutes, "nothing came in"
    assert stylings < MOST_STYLINGS * minutes
    assert gone == 0
    assert growth < MOST_GROWTH_BYTES * minutes


@pytest.mark.slow
def test_a_run_whose_worker_is_killed_says_so_and_goes_on_by_itself(open_page, studio, long_run):
    ledger = Ledger(studio.settings)
    page = open_page(f"?data=demo&run={long_run}&tab=live")
    page.wait_for_function(f"({STEP}) >= 3", timeout=120_000)
    begin = time.monotonic()
    os.kill(pid_of(ledger.get(long_run).owner), signal.SIGKILL)
    see(page, ".ek-run .ek-pill-interrupted")
    assert time.monotonic() - begin < 15.0
    assert "resumes automatically" in page.inner_text(".ek-run")
    see(page, ".ek-run .ek-pill-running")
    page.wait_for_function(f"({STEP}) >= 3", timeout=120_000)
    assert ledger.get(long_run).attempt == 2


@pytest.mark.slow
def test_a_run_is_paused_resumed_and_ended_with_its_best_by_the_page(open_page, studio, long_run):
    ledger = Ledger(studio.settings)
    page = open_page(f"?data=demo&run={long_run}&tab=live")
    page.wait_for_function(f"({STEP}) >= 3", timeout=120_000)
    page.locator(".ek-run").get_by_role("button", name="Pause").click()
    see(page, ".ek-run .ek-pill-paused", timeout=60_000)
    assert ledger.get(long_run).state == "paused"
    page.locator("#ek-queue").get_by_role("button", name="Resume").first.click()
    see(page, ".ek-run .ek-pill-running", timeout=60_000)
    before = page.evaluate(STEP)
    page.wait_for_function(f"({STEP}) > {before} + 2", timeout=120_000)
    page.evaluate("window.confirm = () => true")
    page.locator(".ek-run").get_by_role("button", name="Stop and keep best").click()
    see(page, ".ek-run .ek-pill-done", timeout=120_000)
    done = ledger.get(long_run)
    assert (done.state, done.attempt) == ("done", 2)
    assert studio.settings.run_folder(long_run).record().timing["steps"] < 1000
