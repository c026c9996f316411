"""The very first press after a start is one run, however impatient one is."""

from jobs.ledger import Ledger
from tests.browser.folders import thin_demo
from tests.browser.pages import see
from tests.browser.running import running_studio

QUEUE = ".ek-this-run [data-do=queue]"


def test_the_first_press_after_a_start_is_one_run(tmp_path_factory, chromium):
    home = tmp_path_factory.mktemp("first")
    demo = thin_demo(home / "datasets" / "demo").name
    page = chromium.new_page()
    with running_studio(home) as started:
        page.goto(f"{started.url}/?data={demo}&tab=train")
        see(page, f"{QUEUE}:enabled")
        for _ in range(3):
            page.evaluate(f"document.querySelector('{QUEUE}').click()")
        page.wait_for_url("**tab=live", timeout=130_000)
        jobs = Ledger(started.settings).list()
        assert len(jobs) == 1
        assert f"run={jobs[0].id}" in page.url
        started.end(jobs[0].id)
    page.close()
