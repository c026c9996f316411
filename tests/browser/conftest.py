"""A real Chromium before a real studio. Skipped where there is no Chromium, but never in CI."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.browser.folders import thin_demo
from tests.browser.pages import hearing, load, rest
from tests.browser.running import CHROMIUM, Running, chromium_path, running_studio

playwright = pytest.importorskip(
    "playwright.sync_api", reason="pip install playwright (or pip install evenkeel[test])"
)
INSTALL = "no Chromium: apt install chromium, or python -m playwright install chromium"
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""A camera that shows a test picture, and nobody who has to allow it."""
FRESH = {"color_scheme": "light", "reduced_motion": "no-preference"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks what looks at a finished run, for `make test` to do that beside the rest.

    Of the rest, tests that need no run go on while a page is watched. Then comes what was seen
    there, and then tests with a run of their own, for which the worker must be free.
    """
    ours = [item for item in items if "tests/browser" in item.path.as_posix()]
    for item in ours:
        item.add_marker(pytest.mark.browser)
        if "finished" in item.fixturenames:
            item.add_marker(pytest.mark.finished)
    items[:] = sorted(items, key=lambda item: _turn(item) if item in ours else 0)


def _turn(item):
    if item.get_closest_marker("finished"):
        return 3
    if not item.get_closest_marker("slow"):
        return 0
    return 1 if "watched" in item.fixturenames else 2


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """The browser."""
    with playwright.sync_playwright() as driver:
        try:
            options = [*CHROMIUM, *CAMERA]
            browser = driver.chromium.launch(executable_path=chromium_path(), args=options)
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

    The first of a test is the common tab, as new; others have a browser of their own.
    """
    given = []

    def open_at(query: str = "?tab=data", width: int = 1280, color_scheme: str = "light"):
        if given:
            context = chromium.new_context(accept_downloads=True)
            after.callback(context.close)
            page = context.new_page()
        else:
            page = tab
            after.callback(rest, page, studio.url)
        given.append(page)
        after.enter_context(hearing(page, studio.url))
        page.emulate_media(**{**FRESH, "color_scheme": color_scheme})
        page.set_viewport_size({"width": width, "height": 844})
        load(page, f"{studio.url}/{query}")
        return page

    with ExitStack() as after:
        yield open_at
