"""The camera of "try a photo": opened by a click only, for one frame; sentences where none is."""

import pytest

from tests.browser.running import CHROMIUM, chromium_path

FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
COUNTED = """
window.opened = [];
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
  const stream = await ask(wish);
  window.opened.push(stream.getTracks()[0]);
  return stream;
};
"""
REFUSED = """
navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "%s"));
"""


@pytest.fixture(scope="module")
def seeing(chromium):
    """A Chromium with a camera that shows a test picture."""
    options = {"executable_path": chromium_path(), "args": [*CHROMIUM, *FAKE]}
    browser = chromium.browser_type.launch(**options)
    yield browser
    browser.close()


def photo_page(browser, studio, run, script):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(script)
    page.goto(f"{studio.url}/?data=demo&run={run}&tab=lab")
    page.click("#ek-lab-tabs button:has-text('Try a photo')")
    page.wait_for_selector("button:has-text('Use the camera')")
    return page


def test_one_frame_of_the_camera_is_asked_about_and_the_camera_is_off_again(
    seeing, studio, finished
):
    page = photo_page(seeing, studio, finished, COUNTED)
    assert page.evaluate("opened.length") == 0, "nobody has asked for it"
    page.click("button:has-text('Use the camera')")
    page.wait_for_function("document.querySelector('.ek-photo video').videoWidth > 0")
    page.click("button:has-text('Take the photo')")
    page.wait_for_selector(".ek-photo[data-state=ready] .ek-column >> nth=1")
    assert page.evaluate("opened.map((track) => track.readyState)") == ["ended"]
    assert page.evaluate("document.querySelector('[data-part=image]').naturalWidth") > 0

    page.click("button:has-text('Use the camera')")
    page.wait_for_selector("button:has-text('Close the camera')")
    page.click("#tab-data-button")
    page.wait_for_function("opened.every((track) => track.readyState === 'ended')")
    page.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [("NotAllowedError", "does not let this page"), ("NotFoundError", "No camera was found")],
)
def test_a_camera_that_is_not_there_is_a_sentence(seeing, studio, finished, name, said):
    page = photo_page(seeing, studio, finished, REFUSED % name)
    page.click("button:has-text('Use the camera')")
    page.wait_for_selector(f".ek-photo [data-part=status]:has-text('{said}')")
    assert page.locator("button:has-text('Take the photo')").is_hidden()
    page.close()
