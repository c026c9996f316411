"""The α slider: what it reads is a possible value or says ≈, and it asks once it rests."""

import json
import re

from core.results.intervals import wilson
from core.rounding import percent
from tests.browser.pages import see

SLIDER = ".ek-wise [data-part=slider]"
READING = ".ek-reading"


def questions(page):
    """The measurements that the page asks the server for."""
    asked = []

    def heard(request):
        if "component_server" in request.url and '"measure"' in (request.post_data or ""):
            asked.append(json.loads(request.post_data)["data"])

    page.on("request", heard)
    return asked


def readings(page):
    """By domain the accuracy as it is written, and what stands next to it."""
    return [
        (one.locator("b").inner_text(), one.locator("small").first.inner_text())
        for one in page.locator(READING).all()
    ]


def test_held_keys_ask_once_and_a_reload_keeps_the_value(open_page, studio, finished):
    page = open_page(f"?run={finished}&tab=lab")
    see(page, READING)
    asked = questions(page)
    page.focus(SLIDER)
    page.keyboard.press("Home")
    for _ in range(37):
        page.keyboard.press("ArrowRight")
    page.reload()  # before the slider has rested
    see(page, READING)
    assert page.input_value(SLIDER) == "0.37"
    see(page, ".ek-wise[data-measured='0.37']")
    assert [one[1] for one in asked] == [0.37]
    page.wait_for_timeout(1000)
    page.reload()
    see(page, READING)
    assert page.input_value(SLIDER) == "0.37"
    assert len(asked) == 1, "what was measured is not asked for again"


def test_a_reading_between_measured_points_is_near_and_possible(open_page, finished):
    page = open_page(f"?run={finished}&tab=lab")
    see(page, READING)
    page.route("**/component_server*", lambda route: None)  # it stays a reading
    page.focus(SLIDER)
    page.keyboard.press("Home")
    for _ in range(23):
        page.keyboard.press("ArrowRight")
    for accuracy, beside in readings(page):
        n = int(re.search(r"n (\d+)", beside)[1])
        low, high = re.search(r"(\d+)–(\d+)", beside).groups()
        counts = {percent(k / n): k for k in range(n + 1)}
        near, number = accuracy.split("\u202f")[0].split()
        assert near == "≈"
        assert number in counts
        ends = wilson(counts[number], n)
        assert (low, high) == tuple(percent(end, 0) for end in ends)
    assert page.inner_text("[data-part=verdict]").count("≈") == 2


def test_at_a_measured_point_nothing_is_near(open_page, finished):
    page = open_page(f"?run={finished}&tab=lab")
    see(page, READING)
    page.click("[data-alpha='1']")
    assert "≈" not in page.inner_text(".ek-wise-slider")
    assert all("–" in beside for _, beside in readings(page))
