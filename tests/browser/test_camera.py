"""The camera of "try a photo": opened by a click only, for one frame; sentences where none is."""

import pytest

from tests.browser.pages import see

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


@pytest.fixture
def photo_page(open_page, finished):
    """`photo_page(script)`: where a photo is tried, in a page that has run the script."""

    def opened(script):
        page = open_page(f"?data=demo&run={finished}&tab=lab")
        page.evaluate(f"{script}; undefined")  # what is a function at the end would be called
        page.click("#ek-lab-tabs button:has-text('Try a photo')")
        see(page, "button:has-text('Use the camera')")
        return page

    return opened


def test_one_frame_of_the_camera_is_asked_about_and_the_camera_is_off_again(photo_page):
    page = photo_page(COUNTED)
    assert page.evaluate("opened.length") == 0, "nobody has asked for it"
    page.click("button:has-text('Use the camera')")
    page.wait_for_function("document.querySelector('.ek-photo video').videoWidth > 0")
    page.click("button:has-text('Take the photo')")
    see(page, ".ek-photo[data-state=ready] .ek-column >> nth=1")
    assert page.evaluate("opened.map((track) => track.readyState)") == ["ended"]
    assert page.evaluate("document.querySelector('[data-part=image]').naturalWidth") > 0

    page.click("button:has-text('Use the camera')")
    see(page, "button:has-text('Close the camera')")
    page.click("#tab-data-button")
    page.wait_for_function("opened.every((track) => track.readyState === 'ended')")


@pytest.mark.parametrize(
    ("name", "said"),
    [("NotAllowedError", "does not let this page"), ("NotFoundError", "No camera was found")],
)
def test_a_camera_that_is_not_there_is_a_sentence(photo_page, name, said):
    page = photo_page(REFUSED % name)
    page.click("button:has-text('Use the camera')")
    see(page, f".ek-photo [data-part=status]:has-text('{said}')")
    assert page.locator("button:has-text('Take the photo')").is_hidden()
