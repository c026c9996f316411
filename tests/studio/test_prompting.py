"""The prompt editor: what is measured, what is shown filled in, and what becomes of typing."""

import time

import pytest

from core.methods import catalogue as methods
from core.results.records import RunConfig
from jobs.evaluator.questions import MeasureZeroShot, PreviewPrototypes
from studio.people.visitors import Visitor
from studio.train.prompting import FILLED, STARTER, Prompting, filled
from studio.workspace import Workspace
from studio.workspace.session import Place, Session
from tests.studio.conftest import NASTY, NO_PROTOTYPES, TUNED, ZERO, stand_in
from tests.studio.conftest import zero_shot as measured_zero_shot

SETS = {"tip-7": ["itap of a {}.", "art of the {}."]}
CATALOGUE = {"methods": methods(), "run_knobs": RunConfig.knobs(), "templates": SETS}


@pytest.fixture
def asked(studio):
    """The evaluator's questions, as (name, templates)."""
    found = []

    def zero_shot(question):
        found.append(("zero-shot", question.templates))
        measured = ZERO if question.templates == "dataset" else TUNED
        return measured_zero_shot(measured)

    def prototypes(question):
        found.append(("prototypes", question.templates))
        return NO_PROTOTYPES

    studio.catalogue = CATALOGUE
    stand_in(studio, MeasureZeroShot, zero_shot)
    stand_in(studio, PreviewPrototypes, prototypes)
    return found


@pytest.fixture
def session(studio, mine, asked):
    session = Session(mine, Place(data=studio.data_store.add_demo(), tab="train"))
    settle(studio)
    return session


def settle(studio):
    while studio.background.waiting:
        time.sleep(0.01)


def write(editor, session, studio, chosen, own=""):
    editor.write(session, {"form": {"set": chosen, "own": own}})
    editor.key(session), editor.prototypes_key(session)
    settle(studio)
    return editor.draw(session)


def test_a_class_name_stands_where_the_braces_are_another_one_in_each_line():
    assert filled(["a {}.", "no braces", "{} here"], ["fox", "owl"]) == [
        ("a ", "fox", "."),
        ("", "owl", " here"),
    ]
    assert len(filled(["{}"] * 80, ["fox"])) == FILLED


def test_own_prompts_are_measured_against_those_of_the_data_set(studio, session, asked):
    editor = Prompting(studio)
    before = editor.key(session)
    shown = write(editor, session, studio, "own", "a toy {}.\n\n  an icon of {} ")
    assert session.mine.draft("demo")["templates"] == ["a toy {}.", "an icon of {}"]
    assert ("zero-shot", ("a toy {}.", "an icon of {}")) in asked
    assert editor.key(session) != before
    assert "a toy <b>" in shown
    assert "+20.0" in shown, "80 of 100 against 60"
    assert "71–87" in shown, "with its interval"


def test_to_write_ones_own_begins_with_a_line_and_no_line_is_an_error_not_a_default(
    studio, session, asked
):
    editor = Prompting(studio)
    write(editor, session, studio, "own")
    start = session.mine.draft("demo")["templates"]
    assert start == [STARTER] or start == list(session.mine.data.open("demo").dataset.templates)
    write(editor, session, studio, "own", "\n")
    assert session.mine.draft("demo")["templates"] == []
    write(editor, session, studio, "tip-7", "a {}")
    assert session.mine.draft("demo")["templates"] == "tip-7"
    write(editor, session, studio, "nothing known")
    assert session.mine.draft("demo")["templates"] == "dataset"


def test_spurious_prototypes_follow_what_is_typed_once_the_method_is_told_to(
    studio, session, asked
):
    editor = Prompting(studio)
    session.mine.keep("demo", method="fd-align")
    assert "use-for-prototypes" in write(editor, session, studio, "own", "a toy {}.")
    assert asked[-1] != ("prototypes", ("a toy {}.",))
    assert ("prototypes", "openai-80") in asked, "FD-Align's own, as a run would have them"
    editor.use_for_prototypes(session, {})
    assert "use-for-prototypes" not in write(editor, session, studio, "own", "a big {}.")
    assert ("prototypes", ("a big {}.",)) in asked
    session.mine.keep("demo", method="ft")
    assert not editor.has_prototypes(session)
    assert editor.draw_prototypes(session) is None


def test_nothing_is_placed_while_another_place_is_open(studio, session, asked):
    editor = Prompting(studio)
    session.mine.keep("demo", method="fd-align")
    session.place = session.place.at(tab="data")
    editor.prototypes_key(session)
    settle(studio)
    assert not [what for what, _ in asked if what == "prototypes"]


def test_what_was_typed_is_text(studio, session, asked):
    shown = write(Prompting(studio), session, studio, "own", f"</textarea>{NASTY} {{}}")
    assert "onerror" in shown
    assert "<img" not in shown
    assert shown.count("</textarea>") == 1


def test_a_stranger_to_the_data_writes_nothing(studio, session, asked):
    nobody = Workspace(studio, Visitor("guest", None, token="t" * 43))
    other = Session(nobody, Place(data="demo", tab="train"))
    editor = Prompting(studio)
    editor.write(other, {"form": {"set": "own", "own": "a {}"}})
    assert (editor.key(other), editor.draw(other)) == (None, "")
