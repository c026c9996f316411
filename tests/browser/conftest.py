"""A real Chromium before a real studio. Skipped where there is no Chromium, but never in CI."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from core.records import RunConfig
from jobs.ledger import Ledger
from jobs.queueing import submit
from tests.browser.running import CHROMIUM, Running, chromium_path, running_studio

playwright = pytest.importorskip(
    "playwright.sync_api", reason="pip install playwright (or pip install evenkeel[test])"
)
INSTALL = "no Chromium: apt install chromium, or python -m playwright install chromium"


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/browser" in str(item.path):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """The browser."""
    with playwright.sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM))
        except playwright.Error as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"{INSTALL} ({str(error).splitlines()[0]})")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def studio(tmp_path_factory, chromium) -> Iterator[Running]:
    """One studio for all browser tests; `chromium` first, so that nothing starts for a skip."""
    with running_studio(tmp_path_factory.mktemp("ek")) as running:
        yield running


@pytest.fixture(scope="session")
def demo(studio, chromium) -> str:
    """The demo, opened once by its door."""
    page = chromium.new_page()
    page.goto(studio.url)
    page.get_by_role("button", name="Open the demo").click()
    page.wait_for_selector(".ek-class", timeout=60_000)
    page.close()
    return "demo"


@pytest.fixture(scope="session")
def finished(studio, demo) -> str:
    """A short run that a real worker has finished."""
    data = str(studio.settings.home / "datasets" / demo)
    config = RunConfig(data=data, shots=2, params={"epochs": 1}, evaluations=1)
    run = submit(studio.settings, config).id
    ledger, until = Ledger(studio.settings), time.monotonic() + 300
    while not ledger.get(run).is_over:
        assert time.monotonic() < until, studio.log.read_text()
        time.sleep(0.5)
    assert ledger.get(run).state == "done", ledger.get(run).error
    return run


@pytest.fixture
def open_page(chromium, studio) -> Iterator[Callable]:
    """`open_page(query, width=…)`: a loaded page; foreign requests and errors fail the test."""
    contexts, trouble = [], []

    def open_at(query: str = "", width: int = 1280, **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 844}, accept_downloads=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)

        def foreign(request):
            if not request.url.startswith((studio.url, "data:", "blob:")):
                trouble.append(f"foreign request: {request.url}")

        page.on("request", foreign)
        page.on("pageerror", lambda error: trouble.append(f"script error: {error}"))
        page.on(
            "dialog", lambda dialog: (trouble.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        page.goto(f"{studio.url}/{query}")
        page.wait_for_selector("body.ek-ready")
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert not trouble, trouble
