"""A press counts, whatever the server draws between button down and button up."""

import re

import pytest

from tests.browser.folders import folder_of
from tests.browser.pages import see

QUEUE = ".ek-this-run [data-do=queue]"
CLASSES = ("red fox", "snow owl", "tabby cat", "brown bear")


def height_above(page):
    """The distance of the button from the top of its card."""
    return page.evaluate(
        f"document.querySelector('{QUEUE}').getBoundingClientRect().top"
        " - document.querySelector('.ek-this-run').getBoundingClientRect().top"
    )


def press(page, selector):
    """Move the mouse onto the middle of a button and hold it down there."""
    see(page, f"{selector}:enabled")
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()


def test_a_click_on_queue_outlives_the_zero_shot_numbers(open_page, studio, demo, tmp_path):
    page, held = open_page("?data=demo&tab=train"), []
    see(page, "input[name=seed]")  # the methods are known
    page.goto(f"{studio.url}?tab=data")
    page.wait_for_function("window.EK?.arrived")
    predict = re.compile("run/predict")
    page.route(predict, lambda route: held.append(route))
    folder = folder_of(tmp_path / "held back", *CLASSES)
    with page.expect_request(lambda request: '"upload"' in (request.post_data or "")):
        page.set_input_files("#tab-data .ek-door input[data-kind=folder]", folder)
    page.wait_for_timeout(50)
    upload = next(route for route in held if '"upload"' in (route.request.post_data or ""))
    held.remove(upload)
    upload.continue_()
    page.get_by_role("button", name="Continue to training").click()
    see(page, f"{QUEUE}:enabled")
    page.wait_for_timeout(2000)  # by now it is measured, and the ticks that say so are held back
    before = height_above(page)
    press(page, QUEUE)
    assert "%" not in page.inner_text(".ek-facts")
    page.route(predict, lambda route: route.continue_())
    with page.expect_response(predict):
        for route in held:
            route.continue_()
    page.wait_for_timeout(500)
    page.mouse.up()
    page.wait_for_url(re.compile("run=.*tab=live"))
    studio.end(re.search(r"run=([\w-]+)", page.url)[1])
    page.click("#tab-train-button")
    see(page, ".ek-facts dd:has-text('%')")
    assert height_above(page) == before, "the button jumped away"


def test_what_is_open_and_focused_stays_so_whatever_comes_and_goes_beside_it(open_page):
    page = open_page()
    folds = "".join(f"<details class={name}><summary>x</summary></details>" for name in "ab")
    before, after = f"<p>Wait</p><ul></ul>{folds}", f"<ul></ul>{folds}<p>Done</p>"
    page.evaluate("window.root = document.body.appendChild(document.createElement('div'))")
    for first, second in ((before, after), (after, before)):
        page.evaluate(f"root.replaceChildren(), EK.patch(root, '{first}')")
        page.evaluate("root.querySelector('.a').open = true, root.querySelector('.a > *').focus()")
        page.evaluate(f"EK.patch(root, '{second}')")
        opened = page.evaluate("[...root.querySelectorAll('details')].map((fold) => fold.open)")
        assert opened == [True, False]
        assert page.evaluate("document.activeElement === root.querySelector('.a > summary')")
        assert page.evaluate("root.children.length") == 4


@pytest.mark.parametrize(
    "redrawn",
    [
        "root.innerHTML.replace('<dl', '<p>New</p><p>New</p><dl')",
        "root.innerHTML.replace('<button', '<p>New</p><button')",
        "root.innerHTML.replace('<button', '<button data-key=other')",
    ],
    ids=["moved", "pushed", "replaced"],
)
def test_nothing_is_redrawn_under_a_press(open_page, demo, redrawn):
    page = open_page("?data=demo&tab=train")
    page.fill("input[name=shots]", "4")  # whatever a test before has typed
    page.fill("input[name='params.epochs']", "0")  # refused, so that nothing is queued
    page.wait_for_function(
        "document.querySelector('.ek-same pre').textContent.includes('epochs=0')"
    )
    press(page, QUEUE)
    page.evaluate(
        f"const root = document.querySelector('{QUEUE}').closest('.ek-panel');"
        f"window.redrawn = {redrawn}; EK.patch(root, window.redrawn);"
    )
    page.mouse.up()
    see(page, "#tab-train .ek-notice-error")
    page.fill("input[name='params.epochs']", "")
