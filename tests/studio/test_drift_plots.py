"""Drift and stress are drawn from the record as it stands, and nothing is drawn of what is not."""

import json

import pytest

from core.results.records import Drift
from studio.lab.drift import distortion_chart, energy_gap_chart, stress_chart
from tests.studio.conftest import NASTY, score

DRIFT = {
    "test": Drift(energy_gap=2.5, distortion=0.25),
    f"ood/{NASTY}": Drift(energy_gap=1.0, distortion=0.125),
}
STRESS = {
    "zero-shot": {"night": score(50, 100), "blur": score(40, 100)},
    "fine-tuned": {"night": score(60, 100), "blur": score(30, 100)},
}


def test_drift_is_a_bar_a_domain(record):
    record = record.model_copy(update={"drift": DRIFT})
    for chart, values in (
        (distortion_chart, [0.25, 0.125]),
        (energy_gap_chart, [2.5, 1]),
    ):
        value = chart(record)
        assert [trace["y"] for trace in value["figure"]["data"]] == [[v] for v in values]
        assert value["table"]["rows"][0] == ["ID test", f"{values[0]:.4f}", "100"]
        assert "ID test" in value["label"]
        assert "<img" not in json.dumps([t["x"] for t in value["figure"]["data"]])


def test_a_text_tower_without_a_gap_still_has_its_distortion(record):
    bare = {"test": Drift(energy_gap=None, distortion=0.25)}
    record = record.model_copy(update={"drift": bare})
    assert "cannot read random texts" in energy_gap_chart(record)["empty"]
    assert distortion_chart(record)["figure"]


def test_an_older_record_says_that_it_holds_none(record):
    for chart in (distortion_chart, energy_gap_chart, stress_chart):
        value = chart(record)
        assert set(value) == {"empty"}
        assert "this run" in value["empty"].lower() or "No stress set" in value["empty"]


def test_stress_bars_are_labelled_synthetic_and_carry_their_interval(record):
    value = stress_chart(record.model_copy(update={"stress": STRESS}))
    zero, tuned = value["figure"]["data"]
    assert (zero["y"], tuned["y"]) == ([50, 40], [60, 30])
    night = STRESS["fine-tuned"]["night"]
    assert tuned["error_y"]["array"][0] == pytest.approx(100 * (night.high - 0.6))
    assert value["table"]["rows"][1][4] == "−10.0\u202fpp"
    for said in (value["note"], value["label"], value["table"]["columns"][0]):
        assert "synthetic" in said.lower()
    assert "blur 30.0" in value["label"]
