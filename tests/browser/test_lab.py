"""The lab's looks into the feature space, the prototypes and single images, by the keyboard."""

from studio.lab.inspected import InspectedWords
from studio.lab.photo import PhotoWords
from studio.lab.wise import WiseWords
from tests.browser.pages import load, see


def press(page, name, key="Enter", role="button"):
    """Reach a control by its name, and press a key on it."""
    control = page.get_by_role(role, name=name, exact=True)
    control.focus()
    page.keyboard.press(key)


def test_the_switch_and_the_choice_of_alpha_are_for_the_keyboard_and_are_kept(
    open_page, demo, finished
):
    page = open_page(f"?data={demo}&run={finished}&tab=lab")
    switch = page.get_by_role("switch", name=WiseWords.steady)
    see(page, "[data-part=readings] .ek-reading-note")
    assert switch.is_checked(), "the run recommends it"
    assert "look like your training images" in page.inner_text("[data-part=readings]")
    assert "steady: accuracy on your images" in page.inner_text("[data-part=verdict]")
    switch.focus()
    page.keyboard.press("Space")
    see(page, ".ek-wise[data-kind='wise']")
    assert "look like your" not in page.inner_text("[data-part=readings]")
    choice = page.get_by_label(WiseWords.choice)
    choice.select_option(index=1)
    page.wait_for_function(
        "document.querySelector('[data-part=badge]').textContent.startsWith('Chosen on half of')"
    )
    see(page, "[data-part=readings] .ek-reading-note:has-text('the other half')")
    with page.expect_response(lambda answer: "component_server" in answer.url):
        choice.press("ArrowDown")
    load(page, page.url)
    see(page, "[data-part=readings] .ek-reading-note:has-text('the other half')")
    assert not switch.is_checked(), "it is kept"
    assert choice.input_value() == choice.locator("option").nth(2).get_attribute("value")
    choice.select_option(index=0)
    switch.focus()
    page.keyboard.press("Space")
    see(page, ".ek-wise[data-kind='steady']")
    assert "Chosen on validation" in page.inner_text("[data-part=badge]")


def test_the_feature_space_is_mapped_and_read_as_a_table(open_page, demo, finished):
    page = open_page(f"?data={demo}&run={finished}&tab=lab")
    press(page, "Feature space", role="tab")
    press(page, "Map the features")
    shown = "[data-part=plot][aria-label^='Zero-shot: '][aria-label*=' by %s ']"
    see(page, shown % "class" + " .main-svg")
    press(page, "domain")
    see(page, shown % "domain")
    card = page.locator("figure", has_text="Zero-shot").filter(has=page.locator(".main-svg"))
    card.get_by_role("button", name="Table").press("Enter")
    assert "separation" in card.locator("table").inner_text()


def test_templates_are_left_out_and_the_choice_goes_into_the_next_run(open_page, demo, finished):
    page = open_page(f"?data={demo}&run={finished}&tab=lab")
    press(page, "Prototypes", role="tab")
    press(page, "Look at the prototypes")
    page.get_by_label("itap of a {}.").press("Space")
    press(page, "Re-estimate")
    see(page, "th:has-text('re-estimated')")
    assert not page.get_by_label("itap of a {}.").is_checked()
    press(page, "Use these in a new run")
    page.wait_for_function(
        "document.querySelector('.ek-same pre')?.textContent.includes('itap of a {}.')"
    )
    assert "excluded_templates" in page.inner_text(".ek-same pre")


def test_an_image_of_the_errors_is_opened_to_see_where_the_model_looked(open_page, demo, finished):
    page = open_page(f"?data={demo}&run={finished}&tab=lab")
    press(page, "Errors", role="tab")
    press(page, InspectedWords.button)
    page.locator("[data-do='show-errors'][data-cell]").first.press("Enter")
    page.locator("button.ek-look").first.press("Enter")
    see(page, ".ek-photo[data-state='ready']")
    assert page.locator(".ek-photo .ek-column").count() >= 2  # α may be one of the ends
    page.get_by_role("button", name=PhotoWords.map).press("Enter")
    assert page.locator(".ek-photo [data-part=map]").is_visible()
