"""A page of the studio in a real Chromium, and what must never happen on one."""

import time
from contextlib import contextmanager

RESTING = "studio/assets/icons/brand.svg"
"""A page without a script on which a tab waits for its next test. It belongs to the studio, because
the browser would start a new process for another site.
"""
PATIENCE_MS = 60_000
LOOK_MS = 40


@contextmanager
def hearing(page, url):
    """Foreign requests, errors of scripts and dialogs on a page fail the test that looks at it."""
    trouble = []

    def foreign(request):
        if not request.url.startswith((url, "data:", "blob:")):
            trouble.append(f"foreign request: {request.url}")

    heard = {
        "request": foreign,
        "pageerror": lambda error: trouble.append(f"script error: {error}"),
        "dialog": lambda asked: (trouble.append(f"dialog: {asked.message}"), asked.dismiss()),
    }
    for event, hear in heard.items():
        page.on(event, hear)
    yield
    for event, hear in heard.items():
        page.remove_listener(event, hear)
    assert not trouble, trouble


def load(page, address):
    """Go to an address of the studio and wait until nothing moves any more."""
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    see(page, "body.ek-ready")
    page.wait_for_function("EK.arrived")  # the first answer may move what is below it


def see(page, selector, timeout=PATIENCE_MS):
    """Wait until something can be seen: Playwright's own waiting soon looks every half second only,
    which is longer than most of what tests wait for and some of what they measure.
    """
    until = time.monotonic() + timeout / 1000
    while not page.is_visible(selector):
        assert time.monotonic() < until, f"{selector} was not seen in {timeout / 1000:.0f} s"
        page.wait_for_timeout(LOOK_MS)


def rest(page, url) -> None:
    """Nothing of a test is left but what the browser compiled."""
    page.unroute_all()
    page.goto(f"{url}/{RESTING}")
    page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.context.clear_cookies()
