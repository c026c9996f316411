"""No place has a serious or critical violation of what axe-core checks, light or dark."""

from importlib.resources import files

import pytest

from tests.browser.pages import see

PLACES = ("data", "train", "live", "lab", "compare", "export")
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast"]}}
"""Only the colours differ between the two."""
DARK = "document.body.classList.contains('dark')"
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def axe():
    """The source of axe-core."""
    package = pytest.importorskip(
        "axe_playwright_python", reason="pip install axe-playwright-python"
    )
    return (files(package) / "axe.min.js").read_text("utf-8")


def violations(page, axe, rules=None, within=None):
    """The violations, one per line. `within` is a part of the page, by default all of it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    options = {"resultTypes": ["violations"], "preload": False, **(rules or {})}
    run = "([within, options]) => axe.run(within ?? document, options)"
    found = page.evaluate(run, [within, options])["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {node['target'][0]} {node['html'][:120]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]


def violations_by_scheme(page, axe, within):
    """The same of the page light and dark, beginning with how it is drawn."""
    found, dark = {}, page.evaluate(DARK)
    for scheme in sorted(RULES, reverse=not dark):
        if dark != (scheme == "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"{DARK} !== {str(dark).lower()}")
            page.wait_for_timeout(100)  # charts are drawn once more
        if wrong := violations(page, axe, RULES[scheme], within):
            found[scheme] = wrong
    return found


@pytest.mark.slow
def test_every_place_can_be_used_by_everybody(open_page, finished, axe):
    page = open_page(f"?data=demo&run={finished}")
    page.emulate_media(reduced_motion="reduce")  # no colour is looked at on its way to another
    see(page, ".ek-run")
    found = {}
    for place in PLACES:
        page.click(f"#tab-{place}-button")
        see(page, f"#tab-{place} :is(h1, .ek-run)")
        page.wait_for_timeout(400)
        within = None  # the frame around a place is looked at once, not with each of its tabs
        for tab in page.locator(f"#tab-{place} .tab-wrapper [role=tab]").all() or [None]:
            if tab:
                tab.click()
                page.wait_for_timeout(250)
            if wrong := violations_by_scheme(page, axe, within):
                found[place if tab is None else f"{place} {tab.inner_text()}"] = wrong
            within = f"#tab-{place}"
    assert found == {}


def test_the_start_can_be_used_by_everybody(open_page, axe):
    assert violations(open_page(), axe) == []


def test_grey_on_grey_and_a_nameless_button_would_be_found(open_page, axe):
    page = open_page()
    wrong = '<p style="color:#999;background:#aaa">grey</p><button></button>'
    page.evaluate(
        f"document.querySelector('main, body').insertAdjacentHTML('beforeend', '{wrong}')"
    )
    found = " ".join(violations(page, axe))
    assert "color-contrast" in found
    assert "button-name" in found
