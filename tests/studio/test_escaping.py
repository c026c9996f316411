"""No name that a user gives reaches the page as markup."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.data.dataset import Dataset, Domain, IngestReport, Item
from studio.data.class_grid import class_grid
from studio.frame.html import text
from studio.frame.markup import render
from studio.shell.job_list import job_list
from studio.workspace.data_store import Opened
from studio.workspace.session import Notice, Place, Session
from tests.studio.conftest import NASTY, ZERO, zero_shot

SHA = "0" * 64


@pytest.fixture
def opened(tmp_path):
    items = (Item("train/a/1.png", 0, SHA),)
    dataset = Dataset(
        root=tmp_path,
        title=NASTY,
        classes=(NASTY,),
        names=(NASTY,),
        templates=(),
        allow_fewer=False,
        domains=(Domain("train", "train", items), Domain(f"ood/{NASTY}", "ood", items)),
        report=IngestReport(ignored=((NASTY, NASTY),)),
    )
    return Opened("demo", dataset, {}, 1)


def elements(markup):
    return set(re.findall(r"<(\w+)", markup))


def test_class_and_domain_names_are_text(opened):
    markup = class_grid(
        opened, zero_shot(ZERO, id_per_class={NASTY: (1, 2)}), waiting=False, most=60
    )
    assert "onerror=alert" in markup, "the name is shown"
    assert "<img src=x" not in markup
    assert 'src="x' not in markup


def test_errors_logs_and_notices_are_text(studio, mine, run):
    job = studio.ledger.claim("owner")
    studio.ledger.finish(job, "failed", NASTY)
    assert "<img" not in job_list(mine, run.run_id, 60)
    lines = mine.runs.progress(run.run_id).log
    assert any(NASTY in line for line in lines)
    assert "<img" not in render("live/log.html", run_id=run.run_id, lines=lines)
    assert "<img" not in render("data/start.html", note=Notice(NASTY))


def pages_of(studio):
    """The pages, built where a loop runs: else Gradio makes loops and never closes them."""
    import gradio as gr

    from studio.export.page import ExportPage
    from studio.live.page import LivePage

    async def build():
        with gr.Blocks():
            return [LivePage(studio), ExportPage(studio)]

    # In a thread of its own: a browser that other tests opened keeps a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(build())).result()


def test_every_page_of_a_run_with_nasty_names_holds_no_foreign_element(studio, mine, run):
    session = Session(mine, Place(run=run.run_id, tab="live"))
    views = [view.draw(session) for page in pages_of(studio) for view in page.views]
    drawn = [markup for markup in views if isinstance(markup, str)]
    assert any("onerror" in markup for markup in drawn), "the control: a nasty name is shown"
    for markup in drawn:
        assert elements(markup).isdisjoint({"img", "script", "iframe"}), markup[:400]


def test_words_in_a_gradio_template_cannot_become_code():
    assert text("`${alert(1)}` {{x}} <b>") == (
        "&#96;&#36;&#123;alert(1)}&#96; &#123;&#123;x}} &lt;b&gt;"
    )
