"""A run is given a name and tags on its page, while others run, and the queue is searched."""

from tests.browser.pages import see


def test_a_run_gets_a_name_that_the_queue_finds(open_page, finished):
    page = open_page(f"?run={finished}&tab=live", width=1440)
    page.click(".ek-run-say summary")
    page.fill(".ek-say-form [name=name]", "Night foxes")
    page.fill(".ek-say-form [name=tags]", "night, draft")
    page.fill(".ek-say-form [name=note]", "first try\nwith more light")
    page.click(".ek-say-form [data-do=describe]")
    see(page, ".ek-run-name h1:has-text('Night foxes')")
    assert page.locator(".ek-run .ek-tag").all_inner_texts() == ["night", "draft"]
    assert "with more light" in page.inner_text(".ek-run-note")
    see(page, ".ek-job b:has-text('Night foxes')")
    page.fill(".ek-search input", "no such run")
    see(page, ".ek-drawer-empty")
    assert page.locator(".ek-job").count() == 0
    page.fill(".ek-search input", "draft NIGHT")
    see(page, ".ek-job b:has-text('Night foxes')")
    assert page.input_value(".ek-search input") == "draft NIGHT"
    page.reload()
    see(page, ".ek-run-name h1:has-text('Night foxes')")
    page.click(".ek-run-say summary")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= 390")
