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
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""A camera that shows a test picture, and nobody who has to allow it."""
RESTING = "studio/assets/icons/brand.svg"
"""Where the tab waits for its next test: of the studio, or the browser would begin a new process
for it, but without a script."""
FRESH = {"color_scheme": "light", "reduced_motion": "no-preference"}


def pytest_collection_modifyitems(items):
    """First what needs no run, while the studio still makes ready for one; then what is long, so
    that no worker is left with it when the others have ended.
    """
    ours = [item for item in items if "tests/browser" in item.path.as_posix()]
    for item in ours:
        item.add_marker(pytest.mark.browser)
    items[:] = sorted(items, key=lambda item: _turn(item) if item in ours else 0)


def _turn(item):
    if item.get_closest_marker("slow"):
        return 1
    return 2 if "finished" in item.fixturenames else 0


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

    The first of a test is the common tab, as new; others have a browser of their own. `locale` is
    the language of the browser.
    """
    contexts, sessions, trouble, given = [], [], [], []

    def foreign(request):
        if not request.url.startswith((studio.url, "data:", "blob:")):
            trouble.append(f"foreign request: {request.url}")

    heard = {
        "request": foreign,
        "pageerror": lambda error: trouble.append(f"script error: {error}"),
        "dialog": lambda asked: (trouble.append(f"dialog: {asked.message}"), asked.dismiss()),
    }

    def open_at(
        query: str = "", width: int = 1280, color_scheme: str = "light", locale: str = "en-US"
    ):
        if given:
            contexts.append(chromium.new_context(accept_downloads=True))
            page = contexts[-1].new_page()
        else:
            page = tab
        given.append(page)
        sessions.append(_speaking(page, locale))
        page.emulate_media(**{**FRESH, "color_scheme": color_scheme})
        page.set_viewport_size({"width": width, "height": 844})
        page.set_default_timeout(60_000)
        for event, hear in heard.items():
            page.on(event, hear)
        page.goto(f"{studio.url}/{query}")
        page.wait_for_selector("body.ek-ready")
        page.wait_for_function("EK.arrived")  # the first answer may move what is below it
        return page

    yield open_at
    for session in sessions:
        session.detach()
    for context in contexts:
        context.close()
    if tab in given:
        _as_new(tab, heard, studio.url)
    assert not trouble, trouble


def _speaking(page, locale):
    """Set a browser's language; it lasts until the session that is returned is detached."""
    session = page.context.new_cdp_session(page)
    agent = page.evaluate("navigator.userAgent")
    session.send("Emulation.setLocaleOverride", {"locale": locale})
    session.send("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": locale})
    return session


def _as_new(tab, heard, url) -> None:
    """Nothing of a test is left but what the browser compiled."""
    tab.unroute_all()
    tab.goto(f"{url}/{RESTING}")
    tab.evaluate("localStorage.clear(), sessionStorage.clear()")
    tab.context.clear_cookies()
    for event, hear in heard.items():
        tab.remove_listener(event, hear)
