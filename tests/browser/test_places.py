"""Checks of every tab: hostile names, phones, the dark theme, wrong values, the keyboard."""

import pytest

from core.errors import UserError
from core.results.records import RunConfig
from studio.shell import words
from tests.browser.folders import folder_of
from tests.browser.pages import see
from tests.browser.timing import usual

COUNT_READINGS_OF_THE_CLOCK = """
const now = performance.now.bind(performance);
performance.now = () => (window.readings++, now());
"""
OVERLAPPING = """() => {
  const name = document.querySelector('.ek-header-right .ek-chip > span');
  name.textContent = 'A data set of a long name';
  return [...document.querySelectorAll('.ek-header-right .ek-chip')]
    .map((chip) => chip.getBoundingClientRect())
    .filter((box) => box.width)
    .some((box, at, boxes) => at && box.left < boxes[at - 1].right);
}"""
"""True if a button of the header overlaps the one before it, which has a long name."""
WIDTHS = (390, 768, 1440)
PLACES = ("data", "train", "live", "lab", "compare", "export")
ATTACK = "<img src=x onerror=window.pwned=1>"


def test_class_folders_with_equal_file_names_survive_an_upload(open_page, tmp_path):
    page = open_page()
    folder = folder_of(tmp_path / "my set", "red fox", "snow owl é", ATTACK)
    page.set_input_files("#tab-data input[data-kind=folder]", folder)
    see(page, ".ek-class >> nth=2")
    cards = page.locator(".ek-class").all_inner_texts()
    assert len(cards) == 3
    assert all("3 images" in card for card in cards)
    assert any("red fox" in card for card in cards)
    assert any("snow owl é" in card for card in cards)
    assert "data=my-set" in page.url

    page.set_input_files(
        "#tab-data .ek-small[data-role=ood] input[data-kind=folder]",
        folder_of(tmp_path / "sketches", "red fox", "snow owl é", images=2),
    )
    see(page, ".ek-strips li:has-text('sketches')")
    page.wait_for_timeout(500)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img[src=x]").count() == 0


LATE = {"the answer": "**/run/predict*", "our parts": "**/assets/HTML-*.js"}


def hold_first(page, pattern):
    """Hold back the first request of a kind; `release()` waits for it and lets it go on."""
    held = []
    page.route(pattern, lambda route: held.append(route) if not held else route.continue_())

    def release():
        while not held:
            page.wait_for_timeout(20)
        held[0].continue_()

    return release


@pytest.mark.parametrize("late", LATE)
def test_a_place_opened_while_the_page_still_loads_stays_open(open_page, finished, late):
    """The server's own move to the run arrives late, after the visitor has gone elsewhere."""
    page = open_page()
    release = hold_first(page, LATE[late])
    address = page.url.split("?")[0] + f"?data=demo&run={finished}"
    page.goto(address, wait_until="commit")
    page.click("#tab-data-button")
    release()
    page.wait_for_url("**tab=data")
    page.wait_for_timeout(700)  # nothing moves it away
    assert page.url == f"{address}&tab=data"
    assert page.is_visible("#tab-data h1")


def test_a_folder_given_while_the_page_still_loads_is_shown(open_page, tmp_path):
    """The first answer, of a page where nothing is open yet, arrives late."""
    page = open_page()
    release = hold_first(page, LATE["the answer"])
    page.reload(wait_until="commit")
    folder = folder_of(tmp_path / "early", "red fox", "snow owl")
    page.set_input_files("#tab-data input[data-kind=folder]", folder)
    page.wait_for_timeout(1500)  # time enough for an answer
    release()
    page.wait_for_url("**data=early**")
    page.wait_for_timeout(700)
    assert page.is_visible(".ek-class")


@pytest.mark.parametrize(("scheme", "widths"), [("light", WIDTHS), ("dark", WIDTHS[::-1])])
def test_no_place_scrolls_sideways(open_page, finished, scheme, widths):
    """A page is opened at the first width and drawn wider or narrower from there."""
    page = open_page(f"?data=demo&run={finished}", width=widths[0], color_scheme=scheme)
    for place in PLACES:
        page.click(f"#tab-{place}-button")
        see(page, f"#tab-{place} :is(h1, .ek-run)")
        for width in widths:
            page.set_viewport_size({"width": width, "height": 844})
            page.wait_for_timeout(200)
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{place} is {wide} px too wide at {width}"
            assert not page.evaluate(OVERLAPPING), f"{place} at {width}"
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")


def test_a_phone_shows_the_short_names_of_places(open_page):
    page = open_page(width=390)
    shown = "getComputedStyle(document.querySelector('#tab-lab-button'), '::after').content"
    assert page.evaluate(shown) == f'"{words.Shell.short_tabs["lab"]}"'


def test_gradio_says_its_own_words_in_the_language_of_the_page(open_page):
    asked = "[document.documentElement.lang, navigator.language, navigator.languages[0]]"
    page_s, told, browser_s = open_page().evaluate(asked)
    assert (page_s, told) == ("en", "en")
    assert browser_s != "en", "the control: a browser's language has a country"


def test_a_wrong_value_says_what_the_command_line_says_and_keeps_the_form(open_page, demo):
    page = open_page("?data=demo&tab=train")
    page.fill("input[name=seed]", "3")
    page.wait_for_function(
        "document.querySelector('.ek-same pre').textContent.includes('--seed 3')"
    )
    page.fill("input[name=shots]", "0")  # and at once the click: what is on the screen counts
    page.get_by_role("button", name="Queue training").click()
    with pytest.raises(UserError) as error:
        RunConfig.parse({"data": "x", "shots": 0}, "run")
    see(page, f".ek-notice-error:has-text('{error.value}')")
    assert page.input_value("input[name=shots]") == "0"
    page.reload()
    see(page, "input[name=seed]")
    assert page.input_value("input[name=seed]") == "3", "a closed tab loses nothing"


def test_method_cards_are_a_radio_group_for_the_keyboard(open_page, demo):
    page = open_page("?data=demo&tab=train")
    first = page.get_by_role("radio", checked=True)
    before = first.inner_text()
    first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "(t) => document.querySelector('[role=radio][aria-checked=true]').innerText !== t",
        arg=before,
    )
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "(t) => document.querySelector('[role=radio][aria-checked=true]').innerText === t",
        arg=before,
    )


def test_the_filter_finds_a_knob_by_its_meaning(open_page, demo):
    page = open_page("?data=demo&tab=train")
    page.locator(".ek-form .ek-advanced summary").click()
    page.fill(".ek-filter", "batch")
    shown = page.locator(".ek-row:visible").all_inner_texts()
    assert 0 < len(shown) < 8
    assert all("batch" in text.lower() for text in shown)
    page.fill(".ek-filter", "zzzz")
    assert page.locator("#ek-none").is_visible()


def test_the_theme_is_kept_and_charts_follow_it(open_page, finished):
    page = open_page(f"?data=demo&run={finished}&tab=live", color_scheme="light")
    see(page, ".js-plotly-plot .main-svg")
    ink = "document.querySelector('.js-plotly-plot').layout.font.color"
    light = page.evaluate(ink)
    page.click("[data-local=theme]")
    page.wait_for_function(f"(light) => {ink} !== light", arg=light)
    page.reload()
    see(page, "body.ek-ready")
    assert page.evaluate("document.body.classList.contains('dark')")


def test_a_page_that_nobody_touches_rests(open_page, finished):
    page = open_page(f"?data=demo&run={finished}&tab=lab")
    see(page, "[data-part=readings] .ek-reading")
    page.evaluate(COUNT_READINGS_OF_THE_CLOCK)

    def readings_in_a_second():
        page.evaluate("window.readings = 0")
        page.wait_for_timeout(1000)
        return page.evaluate("window.readings")

    few = 10  # in every frame would be sixty
    assert usual(readings_in_a_second) < few


def test_every_chart_has_its_numbers_as_text(open_page, finished):
    page = open_page(f"?data=demo&run={finished}&tab=live")
    see(page, "[data-part=plot][aria-label^='Accuracy by domain at step']")
    toggle = page.locator(".ek-chart:has-text('Accuracy by domain') [data-part=toggle]")
    toggle.click()
    assert "ID test" in page.inner_text(".ek-chart:has-text('Accuracy by domain') table")
    toggle.click()


def test_a_link_to_what_is_not_there_opens_the_start(open_page):
    page = open_page("?data=nothing&run=nobody-1&tab=lab")
    see(page, "#tab-lab .ek-empty")
    assert "nobody" not in page.url
