"""The mixing that a visitor chose: kept by run, read from old drafts, what Export makes of it."""

import pytest

from core.errors import UserError
from core.results.records import Mixing
from core.results.standing import FINE_TUNED
from jobs.evaluator.questions import Measure
from studio.export import words
from studio.frame.markup import mixture
from studio.people.visitors import Visitor
from studio.workspace import Workspace
from tests.studio.conftest import stand_in


@pytest.fixture
def steady_run(run, steady_record):
    """A finished run with a gate, in the home."""
    steady_record.model_copy(update={"run_id": run.run_id}).write(run.record_path)
    return run.run_id


def test_a_mixing_is_named_by_its_alpha_and_whether_it_is_steady():
    assert mixture(Mixing.wise(0.3)) == "α = 0.30"
    assert mixture(Mixing.steady(0.65), None) == "α = 0.65, steady"


def test_a_run_is_mixed_as_it_recommends_until_somebody_chooses(mine, run):
    assert mine.runs.mixing(run.run_id) == Mixing.wise(0.3)
    mine.runs.choose(run.run_id, Mixing.wise(0.7), "ood/noto")
    assert mine.runs.mixing(run.run_id) == Mixing.wise(0.7)
    assert mine.runs.chosen_on(run.run_id) == "ood/noto"
    mine.runs.choose(run.run_id, Mixing.wise(0.2))
    assert (mine.runs.mixing(run.run_id), mine.runs.chosen_on(run.run_id)) == (Mixing.wise(0.2), "")


def test_a_draft_of_an_older_version_has_an_alpha_and_no_gate(mine, steady_run):
    assert mine.runs.mixing(steady_run) == Mixing.steady(0.8)
    mine.drafts.put(steady_run, alpha=0.9)
    assert mine.runs.mixing(steady_run) == Mixing.wise(0.9)
    mine.drafts.put(steady_run, mixing={"kind": "steady", "alpha": 0.4})
    assert mine.runs.mixing(steady_run) == Mixing.steady(0.4)


@pytest.mark.parametrize("kept", [{"alpha": 2}, {"mixing": {"kind": "x"}}, {"mixing": None}])
def test_a_damaged_draft_is_as_none(mine, steady_run, kept):
    mine.drafts.put(steady_run, **kept)
    assert mine.runs.mixing(steady_run) == Mixing.steady(0.8)


@pytest.mark.parametrize(
    ("why", "said"),
    [("", "before runs had a gate"), ("An ensemble has no gate.", "An ensemble has no gate")],
)
def test_a_run_without_a_gate_is_not_steady_and_says_why(mine, run, record, why, said):
    changed = {"run_id": run.run_id, "why_not_steady": why}
    record.model_copy(update=changed).write(run.record_path)
    with pytest.raises(UserError, match=said):
        mine.runs.choose(run.run_id, Mixing.steady(0.5))
    mine.drafts.put(run.run_id, mixing={"kind": "steady", "alpha": 0.4})
    assert mine.runs.mixing(run.run_id) == Mixing.wise(0.3), "of the run as it was before"


def test_a_guest_sees_what_the_run_recommends(studio, mine, steady_run):
    mine.runs.choose(steady_run, Mixing.wise(0.1), "ood/noto")
    guest = Workspace(studio, Visitor("guest", None, run=steady_run))
    assert guest.runs.mixing(steady_run) == Mixing.steady(0.8)
    assert guest.runs.chosen_on(steady_run) == ""
    assert guest.runs.by_hand(steady_run) == []


def test_an_encoder_has_the_alpha_for_one_set_of_weights_unless_one_was_set(mine, steady_run):
    made = {kind: mine.runs.to_export(steady_run, kind) for kind in words.Export.formats}
    assert made["card"] == made["report"] == Mixing.steady(0.8)
    assert {made[kind] for kind in ("open_clip", "onnx", "huggingface", "features")} == {
        Mixing.wise(0.3)
    }
    assert {made["steady-onnx"], made["steady-open_clip"]} == {Mixing.steady(0.8)}
    mine.runs.choose(steady_run, Mixing.steady(0.5))
    assert mine.runs.to_export(steady_run, "onnx") == Mixing.wise(0.5)
    assert mine.runs.to_export(steady_run, "steady-onnx") == Mixing.steady(0.5)
    assert mine.runs.to_export(steady_run, "card") == Mixing.steady(0.5)
    mine.runs.choose(steady_run, FINE_TUNED)
    assert mine.runs.to_export(steady_run, "onnx") == FINE_TUNED


def test_a_measured_mixing_is_the_chosen_one(studio, mine, steady_run):
    asked = []
    stand_in(studio, Measure, lambda question: asked.append(question) or {})
    mine.answers.measure(steady_run, Mixing.steady(0.42), 5.0)
    assert asked == [Measure(run_id=steady_run, mixing=Mixing.steady(0.42))]
    assert mine.runs.mixing(steady_run) == Mixing.steady(0.42)
