"""`python -m docs.screenshots OUT`: every place and state, wide and on a phone, light and dark.

Starts a real studio, goes the way of a newcomer, lets a real worker finish runs, and takes the
pictures. `--home` keeps the studio's data, so that a second call needs no training.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.queueing import submit
from studio.lab.panel import panels
from tests.browser.running import CHROMIUM, Running, chromium_path, running_studio

SIZES = {"wide": (1440, 900), "phone": (390, 844)}
State = tuple[str, str, Callable[[Any], None] | None]
"""Where it is, what must be there before anything is done, and what is done."""
PATIENCE_MS = 900_000
CHARTS_MS = 2500
"""Until charts and thumbnails are drawn."""
QUICK = RunConfig(data="", method="tip-adapter", shots=16)
"""What the first run is compared with."""
BROKEN = RunConfig(data="", method="fd-align", shots=2, params={"epochs": 4, "lr": 1e30})
"""A run that fails: its loss is no number from the second step on."""


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
            camera = Camera(browser, studio, chosen.out)
            if not Ledger(studio.settings).list():  # a newcomer's
                camera.every("empty", "", "#tab-data h1")
            run = first_run(camera)
            other, broken = (ended_run(studio, config) for config in (QUICK, BROKEN))
            for name, (query, ready, act) in states(run, other, broken).items():
                camera.every(name, query, ready, act)
            browser.close()


class Camera:
    """Opens a place of a studio and keeps a picture of it in each size and theme."""

    def __init__(self, browser: Any, studio: Running, out: Path) -> None:
        self.browser, self.studio, self._out = browser, studio, out

    def every(
        self, name: str, query: str, ready: str, act: Callable[[Any], None] | None = None
    ) -> None:
        """`name-size-theme.png`, after `act` has brought the page into its state."""
        for scheme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                page = self.browser.new_page(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                page.set_default_timeout(PATIENCE_MS)
                page.goto(f"{self.studio.url}/{query}")
                page.wait_for_selector(ready)
                if act:
                    act(page)
                self.shoot(page, f"{name}-{size}-{scheme}")
                page.close()

    def shoot(self, page: Any, name: str) -> None:
        """One picture of what the page shows now."""
        page.wait_for_timeout(CHARTS_MS)
        path = self._out / f"{name}.png"
        page.screenshot(path=path)
        with Image.open(path) as picture:
            small = picture.convert("RGB")
        small.save(path, optimize=True)


def states(run: str, other: str, broken: str) -> dict[str, State]:
    """Every picture by its name."""
    here = f"?data=demo&run={run}"
    found: dict[str, State] = {
        "data": (f"{here}&tab=data", ".ek-class", None),
        "class": (f"{here}&tab=data", ".ek-class", open_class),
        "train": (f"{here}&tab=train", "#tab-train h1", None),
        "several": (f"{here}&tab=train", "#tab-train h1", open_several),
        "live": (f"{here}&tab=live", ".ek-run", None),
        "failed": (f"?data=demo&run={broken}&tab=live", ".ek-run .ek-pill-failed", None),
        "compare": (f"?data=demo&compare={run},{other}&tab=compare", "#tab-compare table", None),
        "export": (f"{here}&tab=export", "#tab-export h1", build_exports),
    }
    for panel in panels():
        name = "lab" if panel.name == "wise" else f"lab-{panel.name}"
        found[name] = (f"{here}&tab=lab", "#tab-lab h1", lab_tab(panel.words.tab))
    return found


def first_run(camera: Camera) -> str:
    """A finished run on the demo, made through the page as a newcomer would, if there is none."""
    for job in Ledger(camera.studio.settings).list():
        if job.state == "done" and job.config["method"] not in (QUICK.method, BROKEN.method):
            return job.id
    page = camera.browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    page.goto(camera.studio.url)
    page.get_by_role("button", name="Open the demo").click()
    page.wait_for_selector(".ek-meter-text b")
    page.get_by_role("button", name="Continue to training").click()
    page.wait_for_url("**tab=train**")
    page.get_by_role("button", name="Queue training").click()
    page.wait_for_selector(".ek-run .ek-pill-running")
    page.wait_for_function("/step 1\\d of/.test(document.querySelector('.ek-run').innerText)")
    camera.shoot(page, "running-wide-light")
    page.wait_for_selector(".ek-run .ek-pill-done")
    run: str = page.url.split("run=")[1].split("&")[0]
    page.close()
    return run


def ended_run(studio: Running, config: RunConfig) -> str:
    """A run of this method that is over; the one that is there, or a new one."""
    ledger = Ledger(studio.settings)
    data = str(studio.settings.home / "datasets" / "demo")
    known = (job.id for job in ledger.list() if job.config["method"] == config.method)
    run = next(known, None)
    run = run or submit(studio.settings, config.model_copy(update={"data": data})).id
    while not ledger.get(run).is_over:
        time.sleep(0.5)
    return run


def open_class(page: Any) -> None:
    """The gallery of the first class."""
    page.locator(".ek-class [data-do='open-class']").first.click()
    page.wait_for_selector(".ek-gallery")


def open_several(page: Any) -> None:
    """The form for several runs, filled in."""
    page.locator("details:has-text('Several runs')").locator("summary").click()
    page.select_option("select[name='several.methods']", "all")
    page.locator("select[name='several.methods']").scroll_into_view_if_needed()


def build_exports(page: Any) -> None:
    """What other programs load, built and verified."""
    for artefact in ("open_clip checkpoint", "ONNX"):
        row = page.locator(".ek-artefact", has_text=artefact).first
        if (build := row.get_by_role("button", name="Build it")).is_visible():
            build.click()
        row.locator(".ek-verified").wait_for()
    page.evaluate("window.scrollTo(0, 0)")


def lab_tab(title: str) -> Callable[[Any], None]:
    """Open a part of the lab; where every image is wanted first, ask for that."""

    def act(page: Any) -> None:
        page.locator("#ek-lab-tabs").get_by_role("tab", name=title, exact=True).click()
        offer = page.locator("#tab-lab section.ek-empty:visible")
        page.wait_for_timeout(CHARTS_MS)
        if offer.count():
            offer.get_by_role("button").first.click()
            offer.first.wait_for(state="hidden")

    return act


if __name__ == "__main__":
    main()
