"""A real Chromium before a real studio. Skipped where there is no Chromium, but never in CI."""

import os
from collections.abc import Callable, Iterator

import pytest

from tests.browser.folders import thin_demo
from tests.browser.running import CHROMIUM, Running, chromium_path, running_studio

playwright = pytest.importorskip(
    "playwright.sync_api", reason="pip install playwright (or pip install evenkeel[test])"
)
INSTALL = "no Chromium: apt install chromium, or python -m playwright install chromium"


def pytest_collection_modifyitems(items):
    """Long tests come first: then no worker is left with one when the others have ended."""
    ours = [item for item in items if "tests/browser" in item.path.as_posix()]
    for item in ours:
        item.add_marker(pytest.mark.browser)
    long = [item for item in ours if item.get_closest_marker("slow")]
    items[:] = [*long, *(item for item in items if item not in long)]


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
def demo(studio) -> str:
    """The demo, thinned out. Who wants the whole of it opens it by its door, in another session."""
    return thin_demo(studio.settings.home / "datasets" / "demo").name


@pytest.fixture(scope="session")
def finished(studio, demo) -> str:
    """A short run that a real worker has finished."""
    return studio.finish(studio.settings.home / "datasets" / demo)


@pytest.fixture(scope="session")
def tab(chromium) -> Iterator:
    """A tab that tests use one after the other: it has the studio's scripts compiled."""
    context = chromium.new_context(accept_downloads=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def open_page(chromium, studio, tab) -> Iterator[Callable]:
    """`open_page(query, width=…)`: a loaded page; foreign requests and errors fail the test.

    The first of a test is the common tab, as new. Others, and one with options of a context (a
    language, a colour scheme), have a browser of their own.
    """
    contexts, trouble, given = [], [], []

    def foreign(request):
        if not request.url.startswith((studio.url, "data:", "blob:")):
            trouble.append(f"foreign request: {request.url}")

    heard = {
        "request": foreign,
        "pageerror": lambda error: trouble.append(f"script error: {error}"),
        "dialog": lambda asked: (trouble.append(f"dialog: {asked.message}"), asked.dismiss()),
    }

    def open_at(query: str = "", width: int = 1280, **options):
        if options or given:
            contexts.append(chromium.new_context(accept_downloads=True, **options))
            page = contexts[-1].new_page()
        else:
            page = tab
        given.append(page)
        page.set_viewport_size({"width": width, "height": 844})
        page.set_default_timeout(60_000)
        for event, hear in heard.items():
            page.on(event, hear)
        page.goto(f"{studio.url}/{query}")
        page.wait_for_selector("body.ek-ready")
        page.wait_for_function("EK.arrived")  # the first answer may move what is below it
        return page

    yield open_at
    for context in contexts:
        context.close()
    if tab in given:
        _as_new(tab, heard)
    assert not trouble, trouble


def _as_new(tab, heard) -> None:
    """Nothing of a test is left but what the browser compiled."""
    tab.unroute_all()
    tab.evaluate("localStorage.clear(), sessionStorage.clear()")
    tab.context.clear_cookies()
    tab.goto("about:blank")
    for event, hear in heard.items():
        tab.remove_listener(event, hear)
