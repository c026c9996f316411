"""The page of errors: counts, the images of a cell, and what a click may name."""

import re

import numpy as np
import pytest

from core.data.dataset import Item
from core.errors import UserError
from core.evaluation.inspection import inspect
from core.results.inspection import COLUMNS
from core.results.records import Mixing
from jobs.evaluator.questions import Inspect
from studio.lab.errors import MOST_CLASSES, ErrorsPanel, error_lab
from studio.lab.inspected import InspectedView, chosen, inspect_images, show_errors
from studio.people.visitors import Visitor
from studio.workspace import Workspace
from studio.workspace.session import Place, Session
from tests.studio.conftest import NASTY, stand_in

SHAS = [f"{i:064x}" for i in range(4)]
NAMES = ["red fox", NASTY]


def said(predicted, classes=2):
    """Logits by which class `predicted[i]` is said of image i."""
    return 3.0 * np.eye(classes)[predicted]


@pytest.fixture
def inspection():
    items = [Item(f"{i}.png", i // 2, sha) for i, sha in enumerate(SHAS)]
    by_column = {"zero-shot": [0, 1, 1, 1], "alpha": [0, 0, 1, 0], "fine-tuned": [1, 1, 1, 1]}
    columns = {c: {"test": said(p), "ood/noto": said(p)} for c, p in by_column.items()}
    return inspect(Mixing.wise(0.3), (NAMES, NAMES), {"test": items, "ood/noto": items}, columns)


def counts(markup):
    """The buttons of the matrix: cell to count."""
    return dict(re.findall(r'data-cell="(\d+-\d+)" style[^>]*>(\d+)<', markup))


def test_the_matrix_counts_the_answers_of_the_chosen_model(inspection):
    assert counts(error_lab(inspection, InspectedView(), ("", ""))) == {
        "0-0": "2",
        "1-1": "1",
        "1-0": "1",
    }
    tuned = error_lab(inspection, InspectedView(column="fine-tuned"), ("", ""))
    assert counts(tuned) == {"0-1": "2", "1-1": "2"}
    assert "2 of 4 right" in tuned


def test_a_cell_opens_its_images_with_what_all_three_say(inspection):
    markup = error_lab(inspection, InspectedView(cell="1-0"), ("my-set", "?share=x"))
    assert re.findall(r"thumbs/(\w+)\.webp\?share=x", markup) == [SHAS[3]]
    assert [m in markup for m in ("zero-shot", "α = 0.3", "fine-tuned")] == [True] * 3
    assert "95\u202f%" in markup, "e³/(1+e³)"
    assert "does not have the images" in error_lab(inspection, InspectedView(cell="1-0"), ("", ""))


def test_names_are_text(inspection):
    markup = error_lab(inspection, InspectedView(cell="1-0"), ("", ""))
    assert "onerror" in markup, "the name is shown"
    assert "<img" not in markup


@pytest.mark.parametrize(
    "asked",
    [
        {"domain": "ood/none", "column": "x", "cell": "9-9"},
        {"domain": NASTY, "column": NASTY, "cell": NASTY},
        {"cell": "-1-0"},
    ],
)
def test_what_no_run_has_is_not_shown(inspection, asked):
    now = chosen(inspection, InspectedView(**asked))
    assert (now.domain, now.column, now.cell) == ("test", "alpha", None)


def test_of_many_classes_those_with_errors_are_shown():
    size = MOST_CLASSES + 10
    names = [f"class {i}" for i in range(size)]
    items = [Item(f"{i}.png", i, f"{i:064x}") for i in range(size)]
    predicted = [*range(size - 1), 0]  # the last is taken for the first
    columns = {c: {"test": said(predicted, size)} for c in COLUMNS}
    markup = error_lab(
        inspect(Mixing.wise(1.0), (names, names), {"test": items}, columns),
        InspectedView(),
        ("", ""),
    )
    assert f"{MOST_CLASSES} of {size} classes" in markup
    assert f'data-cell="{size - 1}-0"' in markup


def drawn(page, session):
    view = page.views[0]
    return view.draw(session)


@pytest.fixture
def page(studio):
    return in_a_thread(lambda: ErrorsPanel(studio))


def in_a_thread(build):
    """Built where a loop runs: else Gradio makes loops and never closes them."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    import gradio as gr

    async def blocks():
        with gr.Blocks():
            return build()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(blocks())).result()


def test_the_page_offers_to_look_then_shows_what_was_found(studio, mine, run, page, inspection):
    asked = []
    stand_in(studio, Inspect, lambda question: asked.append(question) or inspection)
    session = Session(mine, Place(run=run.run_id, tab="lab"))
    assert 'data-do="inspect"' in drawn(page, session)
    inspect_images(session, {})
    inspect_images(session, {})
    studio.background.finish()
    assert asked == [Inspect(run_id=run.run_id, mixing=Mixing.wise(0.3))], "asked once"
    assert counts(drawn(page, session))
    show_errors(session, {"column": "fine-tuned", "other": "x"})
    assert session.of(InspectedView) == InspectedView(column="fine-tuned")
    assert counts(drawn(page, session)) == {"0-1": "2", "1-1": "2"}


def test_what_failed_is_said_and_asked_again(studio, mine, run, page):
    def fail(*_question):
        raise UserError("data: it has moved.")

    stand_in(studio, Inspect, fail)
    session = Session(mine, Place(run=run.run_id, tab="lab"))
    inspect_images(session, {})
    studio.background.finish()
    markup = drawn(page, session)
    assert "it has moved" in markup
    assert 'data-do="inspect"' in markup


def test_a_stranger_to_the_run_cannot_have_it_inspected(studio, run, page):
    nobody = Workspace(studio, Visitor("visitor", "someone-else", token="t" * 43))
    session = Session(nobody, Place(run=run.run_id, tab="lab"))
    assert drawn(page, session) == ""
    with pytest.raises(UserError):
        inspect_images(session, {})
