"""Names that are markup stay names, on every place and in every answer of a real browser."""

import pytest
import yaml
from PIL import Image

from tests.browser.pages import see

DO = "window.pwned=1"
PAYLOADS = (
    f"<img src=x onerror={DO}>",
    f"<script>{DO}</script>",
    f"<svg onload={DO}>",
    f"'\"><img src=x onerror={DO}>",
    f"</textarea><script>{DO}</script>",
    f"</title></style><script>{DO}</script>",
    f"javascript:{DO}",
    f"{{{{constructor.constructor('{DO}')()}}}}",
    f"${{{DO}}}",
    f'" onmouseover="{DO}" autofocus onfocus="{DO}',
    f"<a href=\"javascript:{DO}\">click</a><iframe srcdoc='<script>parent.{DO}</script>'>",
    f"<details open ontoggle={DO}>&lt;b&gt;",
)
"""As HTML, attribute, script, style, address and template."""
INJECTED = (
    "[src=x], [onerror], [onload], [onfocus], [onmouseover], [ontoggle], iframe[srcdoc], "
    "a[href^='javascript:'], details.pwned"
)
PLACES = ("data", "train", "live", "lab", "compare", "export")


@pytest.fixture(scope="module")
def hostile(studio):
    """A data set in which everything that has a name is called by a payload, and a run on it."""
    root = studio.settings.home / "datasets" / "hostile"
    folders = {f"c{i:02}": payload for i, payload in enumerate(PAYLOADS)}
    on_disk = {i: payload for i, payload in folders.items() if "/" not in payload}
    for i, name in folders.items():
        for split in ("train", "test", f"ood/{PAYLOADS[0]}"):
            folder = root / split / on_disk.get(i, i)
            folder.mkdir(parents=True)
            for k in range(4):
                colour = (20 * int(i[1:]), 60 * k, 9 * len(split) % 256)
                picture = Image.new("RGB", (48, 48), colour)
                exif = Image.Exif()
                exif[0x010E] = exif[0x013B] = name  # description, artist
                picture.save(folder / f"{k} <img src=x onerror={DO}>.jpg", exif=exif)
    names = {on_disk.get(i, i): payload for i, payload in folders.items()}
    settings = {"title": PAYLOADS[3], "classes": names, "templates": ["a photo of a {}."]}
    (root / "dataset.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
    return studio.finish(root, method="ft")


def injected(page):
    return page.evaluate("window.pwned"), page.locator(INJECTED).count()


@pytest.mark.slow
def test_twelve_payloads_stay_names_on_every_place(open_page, hostile, figure):
    page = open_page(f"?data=hostile&run={hostile}")  # a dialog fails the test, too
    for place in PLACES:
        page.click(f"#tab-{place}-button")
        see(page, f"#tab-{place} :is(h1, .ek-run)")
        page.wait_for_timeout(500)
        for fold in page.locator(f"#tab-{place} details:not([open]) > summary").all():
            if fold.is_visible():
                fold.click()
        for tab in page.locator(f"#tab-{place} [role=tab]").all():
            if tab.is_visible():
                tab.click()
                page.wait_for_timeout(200)
        assert injected(page) == (None, 0), place
    page.click("#tab-data-button")
    see(page, ".ek-class >> nth=11")
    shown = page.locator("#tab-data").inner_text()
    assert [payload for payload in PAYLOADS if payload not in shown] == [], (
        "names are shown as such"
    )
    assert PAYLOADS[3] in page.locator("#ek-header").inner_text()
    figure(f"{len(PAYLOADS)} payloads, {len(PLACES)} places: 0 dialogs, 0 elements")


def test_markup_that_is_put_into_a_page_is_found(open_page):
    page = open_page()
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=1>')")
    assert injected(page)[1] == 1, "the control: the look for elements sees one"
