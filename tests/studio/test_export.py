"""The export place: a row for each artefact, and what it says of it."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
import pytest

from core.errors import UserError
from core.results.facts import FORMATS, STEADY, ExportedFile, OutputDifference
from core.results.records import Mixing
from jobs.evaluator.questions import Export
from studio.export import words as export_words
from studio.export.page import ExportPage
from studio.workspace import words as workspace_words
from studio.workspace.session import Place, Session
from tests.studio.conftest import stand_in


@dataclass
class Builder:
    """Answers for the evaluator, or fails."""

    home: Any
    asked: list = field(default_factory=list)
    fails: bool = False

    def export(self, question):
        run_id, kind = question.run_id, question.format
        self.asked.append((run_id, question.mixing, kind))
        if self.fails:
            raise UserError(f"export: logits 5.0e-01 (allowed 2e-03), see {self.home}/exports/x")
        folder = self.home / "exports" / run_id
        return ExportedFile(
            path=str(folder / f"{run_id}-{kind}.zip"),
            size_bytes=3_400_000,
            sha256="ab" * 32,
            verified=True,
            check="Loaded again in a clean process.",
            reader="open_clip",
            differences=[
                OutputDifference(output="image features", largest=1e-7, tolerance=2e-5),
                OutputDifference(output="logits", largest=1.2e-3, tolerance=2e-3),
            ],
            snippet=f'load("{folder}/{run_id}-{kind}")',
        )


@pytest.fixture
def builder(studio):
    made = Builder(studio.settings.home)
    stand_in(studio, Export, made.export)
    return made


@pytest.fixture
def page(studio):
    async def build():
        with gr.Blocks():
            return ExportPage(studio)

    # In a thread of its own: a browser that other tests opened keeps a loop running in this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(build())).result()


@pytest.fixture
def session(mine, run):
    return Session(mine, Place(run=run.run_id, tab="export"))


def rows(page, session):
    """The markup of each row by its format."""
    drawn = page._draw(session)
    return dict(re.findall(r'<tr class="ek-artefact" data-key="([\w-]+)">(.*?)</tr>', drawn, re.S))


def build(page, session, kind):
    page._build(session, {"format": kind})
    session.mine.studio.background.finish()


def test_there_is_a_row_for_every_format_with_a_button_that_names_it(page, session):
    found = rows(page, session)
    assert tuple(found) == FORMATS == tuple(export_words.Export.formats)
    for kind in set(FORMATS) - {"huggingface", *STEADY}:
        assert f'data-do="export" data-format="{kind}"' in found[kind]
        assert f'aria-label="Build it: {export_words.Export.formats[kind][0]}"' in found[kind]


def test_a_row_that_cannot_be_built_says_why_and_has_no_button(page, session):
    row = rows(page, session)["huggingface"]
    assert "tf_efficientnet_lite0, and CLIPModel has vision transformers only" in row
    assert "<button" not in row


@pytest.mark.parametrize("reason", ["", "An ensemble has no gate."])
def test_a_run_without_a_gate_says_why_where_a_format_needs_one(page, session, run, record, reason):
    told = {"run_id": run.run_id, "why_not_steady": reason}
    record.model_copy(update=told).write(run.record_path)
    for kind in STEADY:
        row = rows(page, session)[kind]
        assert (reason or workspace_words.Runs.no_gate) in row
        assert "<button" not in row


def test_a_run_on_a_plain_vit_offers_hugging_face_too(page, session, studio, run, record):
    config = {**record.config, "model": "ViT-B-32/laion2b_s34b_b79k"}
    changed = record.model_copy(update={"config": config, "run_id": run.run_id})
    changed.write(run.record_path)
    assert 'data-format="huggingface"' in rows(page, session)["huggingface"]


def test_a_built_row_shows_size_the_worst_difference_and_a_snippet_without_our_paths(
    page, session, builder, run
):
    build(page, session, "onnx")
    assert builder.asked == [(run.run_id, Mixing.wise(0.3), "onnx")]
    row = rows(page, session)["onnx"]
    assert "verified" in row
    assert "largest difference 1e-03 (logits), allowed 2e-03" in row
    assert "3.4" in row
    assert f'href="studio/exports/{run.run_id}/{run.run_id}-onnx.zip"' in row
    assert str(builder.home) not in row
    assert f"load(&#34;{run.run_id}-onnx&#34;)" in row
    assert "<button" in rows(page, session)["open_clip"], "each is built by itself"


def test_a_failed_verification_shows_its_numbers_and_may_be_tried_again(page, session, builder):
    builder.fails = True
    build(page, session, "onnx")
    row = rows(page, session)["onnx"]
    assert "logits 5.0e-01 (allowed 2e-03)" in row
    assert "ek-verified" not in row
    assert 'data-do="export"' in row


@pytest.mark.parametrize("kind", ["../x", "pickle", None])
def test_only_known_formats_are_asked_for(page, session, builder, kind):
    with pytest.raises(UserError, match="format: there is no"):
        page._build(session, {"format": kind})
    assert builder.asked == []


def test_a_steady_run_says_which_alpha_its_encoders_have_and_why(
    page, mine, run, steady_record, builder
):
    steady_record.model_copy(update={"run_id": run.run_id}).write(run.record_path)
    session = Session(mine, Place(run=run.run_id, tab="export"))
    drawn = page._draw(session)
    assert '<span class="ek-tag">α = 0.80, steady</span>' in drawn
    assert "exported at α = 0.30, which is what validation chose" in drawn
    assert "at α = 0.30" in rows(page, session)["onnx"]
    assert "α = 0.80, steady" in rows(page, session)["card"]
    build(page, session, "onnx")
    assert builder.asked == [(run.run_id, Mixing.wise(0.3), "onnx")]
    mine.runs.choose(run.run_id, Mixing.steady(0.5))
    assert "set in the lab, 0.50, but without the gate" in page._draw(session)
    mine.runs.choose(run.run_id, Mixing.wise(0.5))
    assert "ek-encoder" not in page._draw(session)
