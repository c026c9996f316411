"""Coming back: the plain address, the lab's tab in the address, and the keyboard's first stop."""

from tests.browser.pages import see

OPEN_TAB = "#ek-lab-tabs > .tab-wrapper [role=tab][aria-selected=true]"


def opened(page):
    return page.evaluate(f"document.querySelector('{OPEN_TAB}')?.dataset.tabId")


def test_the_labs_tab_is_in_the_address_and_survives_a_reload(open_page, finished):
    page = open_page(f"?run={finished}&tab=lab&lab=calibration")
    see(page, OPEN_TAB)
    page.wait_for_function(f"document.querySelector('{OPEN_TAB}').dataset.tabId === 'calibration'")
    page.click("#ek-lab-tabs [role=tab][data-tab-id=errors]")
    page.wait_for_url("**lab=errors*")
    page.reload()
    see(page, OPEN_TAB)
    page.wait_for_function(f"document.querySelector('{OPEN_TAB}').dataset.tabId === 'errors'")
    page.click("#ek-lab-tabs [role=tab][data-tab-id=wise]")
    page.wait_for_function(
        "!location.search.includes('lab=')  || !location.search.includes('lab=errors')"
    )
    page.click("#ek-lab-tabs [role=tab][data-tab-id=drift]")
    page.click("#ek-lab-tabs [role=tab][data-tab-id=space]")
    page.wait_for_url("**lab=space*")
    page.wait_for_timeout(1500)
    assert opened(page) == "space", "no answer of the server brings an older tab back"


def test_the_plain_address_opens_where_one_left_off(open_page, studio, finished):
    page = open_page(f"?run={finished}&tab=live")
    page.click("#tab-export-button")
    page.wait_for_url("**tab=export")
    page.goto(studio.url)
    page.wait_for_url(f"**run={finished}&tab=export")
    assert "No data yet" not in page.inner_text("#ek-header")


def test_the_first_stop_of_the_keyboard_skips_to_the_content(open_page, demo):
    page = open_page(f"?data={demo}&tab=data")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    assert page.locator(".ek-skip").bounding_box()["width"] > 100
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.getAttribute('role') === 'tabpanel'")
    page.keyboard.press("Tab")
    assert page.evaluate("!!document.activeElement.closest('#ek-places [role=tabpanel]')")
