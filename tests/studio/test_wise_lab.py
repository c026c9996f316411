"""Data of the α card: both grids, exact measurements, the gate's sentences, and halves."""

import numpy as np
import pytest

from core.results.grid import Grid, MixingAnswers
from core.results.predictions import ClassifierAnswers, DomainPredictions, Predictions
from core.results.records import HandSetMixing, Mixing
from studio.lab.wise import asked_mixing, halves_of, wise_lab, wise_value
from tests.studio.conftest import RECOMMENDED, TUNED, change

SPACE = "\u202f"


def told(record, **options):
    return wise_value(record, record.mixing, **options)


def domain(value, key):
    return next(one for one in value["domains"] if one["key"] == key)


def test_the_card_has_the_grid_of_each_kind_and_stands_where_the_run_recommends(steady_record):
    value = told(steady_record)
    assert (value["kind"], value["alpha"]) == ("steady", 0.8)
    assert value["chosen"] == {"wise": 0.3, "steady": 0.8}
    assert value["grids"]["wise"][-1]["domains"]["ood/sketch"] == pytest.approx(0.3)
    assert value["grids"]["steady"][-1]["domains"]["ood/sketch"] == pytest.approx(0.48)


def test_a_domain_says_how_many_of_its_images_are_familiar(steady_record, record):
    value = told(steady_record)
    assert domain(value, "ood/sketch")["familiar"] == "5 of 50 look like your training images"
    assert domain(told(record), "ood/sketch")["familiar"] == ""


def test_what_was_measured_has_its_interval_and_its_paired_test(steady_record):
    by_hand = HandSetMixing(
        mixing=Mixing.steady(0.42),
        evaluation=TUNED,
        changes={"ood/sketch": change(50, 1, 11, "worse")},
    )
    known = {
        (one["kind"], one["alpha"]): one for one in told(steady_record, by_hand=[by_hand])["exact"]
    }
    assert set(known) == {("steady", 0.8), ("wise", 1.0), ("wise", 0.0), ("steady", 0.42)}
    recommended = known["steady", 0.8]
    assert recommended["domains"]["test"]["low"] == RECOMMENDED.domains["test"].low
    assert recommended["changes"]["test"]["tone"] == "good"
    assert recommended["changes"]["ood/noto"]["tone"] == "even"
    fell = known["steady", 0.42]["changes"]["ood/sketch"]
    assert fell["tone"] == "bad"
    assert fell["said"].startswith("fell clearly (−")
    assert known["wise", 0.0]["changes"] == {}


@pytest.mark.parametrize(
    ("unfamiliar", "said"),
    [
        (0.0, "are left to zero-shot CLIP"),
        (0.4, f"has a 40{SPACE}% share in images unlike"),
        (0.97, "the base model hardly knows these classes"),
        (1.0, "the base model hardly knows these classes"),
    ],
)
def test_the_switch_explains_itself_by_what_validation_showed(steady_record, unfamiliar, said):
    steady = steady_record.steady.model_copy(update={"unfamiliar": unfamiliar})
    assert said in told(steady_record.model_copy(update={"steady": steady}))["hint"]


def test_a_run_without_a_gate_says_why_there_is_no_switch(record):
    assert "before runs had a gate" in told(record)["hint"]
    assert "steady" not in told(record)["grids"]
    ensemble = record.model_copy(update={"why_not_steady": "An ensemble has no gate."})
    assert told(ensemble)["hint"] == "An ensemble has no gate."


def test_the_switch_is_a_labelled_one_whose_explanation_is_read_out():
    template = wise_lab(lambda question: None).html_template
    assert 'role="switch"' in template
    assert 'aria-describedby="ek-steady-hint"' in template
    assert 'id="ek-steady-hint"' in template


@pytest.fixture
def halved(run):
    """A run folder in which half of sketch (even hashes) prefers α 1 and the others never."""
    hashes = np.zeros((6, 32), dtype=np.uint8)
    hashes[:, -1] = (0, 1, 2, 3, 4, 5)
    likely = {0.0: (-3.0, -1.0), 1.0: (-1.0, -3.0)}
    hits = {0.0: (False, True), 1.0: (True, False)}
    rows = {
        ("wise", alpha, name): MixingAnswers(
            np.tile(hits[alpha], 3), np.tile(np.float32(likely[alpha]), 3)
        )
        for alpha in likely
        for name in ("test", "ood/sketch")
    }
    Grid((0.0, 1.0), rows).write(run.grid_path)
    answers = {
        end: ClassifierAnswers(np.zeros(6, np.int32), np.ones(6, np.float32))
        for end in ("zero-shot", "fine-tuned")
    }
    of = DomainPredictions(hashes, np.zeros(6, np.int32), answers)
    Predictions(("a", "b"), {"test": of, "ood/sketch": of}).write(run.predictions_path)
    return halves_of(run)


def test_half_of_each_ood_domain_chooses_and_the_other_half_is_shown(record, halved):
    assert set(halved) == {"wise"}
    assert set(halved["wise"]) == {"ood/sketch"}
    value = told(record, halves=halved)
    half = value["halves"]["wise"]["ood/sketch"]
    assert (half["alpha"], half["n"], half["accuracy"], half["zero"]) == (1.0, 3, 0.0, 1.0)
    assert half["badge"] == "Chosen on half of sketch (3 images), reported on the other 3"
    assert value["choices"] == [
        ("", "validation images"),
        ("ood/sketch", "half of sketch"),
        ("hand", "nothing: set by hand"),
    ]


def test_a_run_of_an_older_version_has_no_halves(record, run):
    assert halves_of(run) == {}
    assert told(record)["choices"] == []
    run.grid_path.write_bytes(b"no grid")
    assert halves_of(run) == {}


def test_a_question_names_alpha_and_kind():
    assert asked_mixing(0.123456, "steady") == Mixing.steady(0.1235)
    assert asked_mixing(0.5, "<x>") == Mixing.wise(0.5)
