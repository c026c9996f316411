"""Time until a new visitor sees something, and has a checkpoint."""

import time

from tests.browser.pages import see
from tests.browser.running import running_studio
from tests.browser.timing import usual

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"


def test_a_studio_is_up_and_usable_within_six_seconds(tmp_path_factory, chromium):
    """Comes first: the common studio would make ready beside it."""

    def start():
        page = chromium.new_page()
        begin = time.monotonic()
        with running_studio(tmp_path_factory.mktemp("up")) as studio:
            page.goto(studio.url)
            see(page, "body.ek-ready")
            assert page.get_by_role("button", name="Open the demo").is_enabled()
            took = time.monotonic() - begin
            page.close()
        return took

    assert usual(start, 3) < 6.0


def test_the_page_is_painted_within_one_and_a_half_seconds(open_page):
    start = open_page()
    start.get_by_role("button", name="Open the demo").click()
    see(start, ".ek-class")

    def paint():
        page = open_page("?data=demo")
        page.wait_for_function(f"({PAINT}) > 0")
        return page.evaluate(PAINT) / 1000

    assert usual(paint, 9) < 1.5
