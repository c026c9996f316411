"""The switch in the header: by keyboard, for our own words and for Gradio's, and for good."""

import pytest

from studio import words
from studio.words import german
from tests.browser.pages import see

ENGLISH = words.Shell.tabs["train"]
GERMAN = german.Shell.tabs["train"]


def spoken(page):
    """The language that the page names, and how its places are called in it."""
    return page.evaluate(
        "[document.documentElement.lang, document.querySelector('#tab-train-button').innerText]"
    )


def test_the_switch_changes_every_word_keeps_the_place_and_is_remembered(open_page, demo):
    page = open_page(f"?data={demo}&tab=train", locale="en-GB")
    see(page, f"h1:text-is('{words.Train.title}')")
    assert spoken(page) == ["en", ENGLISH]
    page.locator("summary.ek-language").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Deutsch").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    see(page, f"h1:text-is('{german.Train.title}')")
    assert spoken(page) == ["de", GERMAN]
    assert f"data={demo}" in page.url
    assert "tab=train" in page.url
    assert page.get_by_label(f"{german.Shell.language}: Deutsch").is_visible()
    page.click("#tab-data-button")
    assert page.get_by_text(german.Data.drop_ood, exact=True).is_visible(), "built once"
    page.reload()
    see(page, "body.ek-ready")
    assert spoken(page) == ["de", GERMAN]
    page.goto(page.url.partition("?")[0])
    page.get_by_text(german.Data.points[0][1]).wait_for()
    left = "document.querySelector('.gradio-container').outerHTML.includes('__i18n__')"
    assert not page.evaluate(left), "every key became a sentence"


@pytest.mark.parametrize(
    ("locale", "expected"), [("de-CH", ["de", GERMAN]), ("fr", ["en", ENGLISH])]
)
def test_a_page_is_first_in_the_browser_s_language_if_we_have_it(open_page, locale, expected):
    assert spoken(open_page(locale=locale)) == expected


def test_german_words_fit(open_page, demo):
    page = open_page(f"?data={demo}", width=1440, locale="de-DE")
    see(page, ".ek-class")
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 844})
        for place in words.Shell.tabs:
            page.click(f"#tab-{place}-button")
            page.wait_for_timeout(200)
            fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert fits, f"{place} at {width}"
    label = "getComputedStyle(document.querySelector('#tab-lab-button'), '::after').content"
    assert page.evaluate(label) == f'"{german.Shell.short_tabs["lab"]}"'
