"""Runs side by side in a real browser: ticked by keyboard, linked, combined, on a phone."""

import shutil
from collections.abc import Iterator

import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.queueing import delete
from tests.browser.pages import see

TABLE = "#tab-compare .ek-compare-table"


@pytest.fixture(scope="module")
def pair(studio, finished) -> Iterator[tuple[str, str]]:
    """The finished run, and a copy of it that says another seed: two rows for one training."""
    ledger = Ledger(studio.settings)
    config = {**ledger.get(finished).config, "seed": 1}
    twin = ledger.submit(RunConfig.parse(config, "run")).id  # no message: the worker sleeps on
    held = ledger.claim("a test")
    assert held is not None
    assert held.id == twin
    source, target = (studio.settings.run_folder(run).path for run in (finished, twin))
    shutil.copytree(source, target)
    record = target / "record.json"
    told = record.read_text().replace(finished, twin).replace('"seed": 0', '"seed": 1')
    record.write_text(told)
    ledger.finish(held, "done")
    yield finished, twin
    delete(studio.settings, twin)


def test_two_runs_are_ticked_by_keyboard_and_the_link_brings_them_back(open_page, pair):
    page = open_page("?data=demo&tab=compare", width=390)
    for run in pair:
        page.locator(f"input[name='{run}']").focus()
        page.keyboard.press("Space")
        see(page, f"{TABLE} tbody[data-key='{run}']")
    assert f"compare={','.join(pair)}" in page.url
    see(page, "#tab-compare li[data-verdict='same-answers']")
    assert "seed" in page.inner_text("#tab-compare .ek-card:last-of-type")
    see(page, "#tab-compare .js-plotly-plot .main-svg")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, f"{wide} px too wide"
    page.locator("#tab-compare .ek-chart [data-part=toggle]").click()
    assert "zero-shot" in page.inner_text("#tab-compare .ek-chart table")

    page.reload()
    see(page, f"{TABLE} tbody >> nth=2")
    assert page.locator(f"input[name='{pair[1]}']").is_checked()


def test_a_combination_is_queued_and_opened(open_page, pair, studio):
    page = open_page(f"?data=demo&compare={','.join(pair)}&tab=compare")
    page.get_by_role("radio", name="Uniform soup").check()
    page.get_by_role("button", name="Queue the combination").click()
    see(page, "#tab-live .ek-run:has-text('Uniform soup of 2 runs')")
    page.wait_for_url("**tab=live**")
    queued = page.url.split("run=")[1].split("&")[0]
    studio.end(queued)  # what becomes of it is the worker's, and tested there


def test_a_link_to_runs_that_are_not_there_opens_the_list(open_page, pair):
    page = open_page(f"?data=demo&compare=nobody-1,{pair[0]}&tab=compare")
    see(page, f"{TABLE} tbody[data-key='{pair[0]}']")
    assert "nobody" not in page.url
    page.get_by_role("button", name="Untick all").click()
    see(page, "#tab-compare :text('Tick two runs')")
    assert "compare=" not in page.url


def test_without_a_finished_run_the_place_says_where_to_go(open_page):
    page = open_page("?tab=compare")
    see(page, "#tab-compare .ek-empty button")
