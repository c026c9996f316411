"""`python -m docs.screenshots OUT`: all six places, wide and on a phone, light and dark.

Starts a real studio, opens the demo, lets a real worker finish a run, and takes the pictures.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.running import CHROMIUM, Running, chromium_path, running_studio

PLACES = ("data", "train", "live", "lab", "compare", "export")
SIZES = {"wide": (1440, 900), "phone": (390, 844)}


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--home", type=Path, help="keep the studio's data here and use it again")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ek-") as scratch:
        home = chosen.home or Path(scratch) / "home"
        with running_studio(home) as studio, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM))
            address = finished_run(browser, studio)
            for scheme in ("light", "dark"):
                for name, size in SIZES.items():
                    take(browser, address, scheme, name, size, chosen.out)
            browser.close()


def finished_run(browser: Any, studio: Running) -> str:
    """The address of a finished run on the demo, made through the page as a visitor would."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(900_000)
    page.goto(studio.url)
    page.get_by_role("button", name="Open the demo").click()
    page.wait_for_selector(".ek-meter-text b")
    if "run=" not in page.url:
        page.get_by_role("button", name="Continue to training").click()
        page.wait_for_url("**tab=train**")
        page.get_by_role("button", name="Queue training").click()
    page.wait_for_url("**run=**", timeout=30_000)
    page.click("#tab-live-button")
    page.wait_for_selector(".ek-run .ek-pill-done")
    page.click("#tab-export-button")
    for artefact in ("open_clip checkpoint", "ONNX"):
        row = page.locator(".ek-artefact", has_text=artefact).first
        if (build := row.get_by_role("button", name="Build it")).is_visible():
            build.click()
        row.locator(".ek-verified").wait_for()
    address: str = page.url.split("&tab=")[0]
    page.close()
    return address


def take(
    browser: Any, address: str, scheme: str, name: str, size: tuple[int, int], out: Path
) -> None:
    """Pictures of every place in one size and theme."""
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    for place in PLACES:
        page.goto(f"{address}&tab={place}")
        page.wait_for_selector(f"#tab-{place} :is(h1, .ek-run)")
        page.wait_for_timeout(2500)  # charts and thumbnails
        path = out / f"{place}-{name}-{scheme}.png"
        page.screenshot(path=path)
        with Image.open(path) as picture:
            small = picture.convert("RGB")
        small.save(path, optimize=True)
    page.close()


if __name__ == "__main__":
    main()
