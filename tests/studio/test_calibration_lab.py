"""Reliability is drawn as it was computed: with n, by domain, with and without the temperature."""

import json
import math

import numpy as np
import pytest

from core.data.dataset import Item
from core.evaluation.inspection import inspect
from core.results.inspection import COLUMNS
from core.results.records import Mixing
from studio.lab.calibration import calibration_lab, reliability_chart
from studio.lab.inspected import InspectedView
from tests.studio.conftest import NASTY

SURE = 1 / (1 + math.exp(-6))


@pytest.fixture
def inspection():
    return made("val", "test", f"ood/{NASTY}")


def made(*domains):
    """Three of four are right, and all are nearly sure."""
    items = [Item(f"{i}.png", int(i == 3), f"{i:064x}") for i in range(4)]
    logits = np.tile([6.0, 0.0], (4, 1))
    columns = {column: dict.fromkeys(domains, logits) for column in COLUMNS}
    return inspect(
        Mixing.wise(0.3), (["a", "b"], ["A", "B"]), dict.fromkeys(domains, items), columns
    )


def test_the_diagram_shows_sure_against_right_and_the_scaled_beside_it(inspection):
    value = reliability_chart(inspection, "alpha", "r")
    plain, scaled = (t for t in value["figure"]["data"] if t.get("legendgroup") == "test")
    assert (plain["x"], plain["y"]) == ([pytest.approx(100 * SURE)], [75.0])
    assert plain["customdata"] == [4]
    assert (scaled["x"], scaled["y"]) == ([pytest.approx(75, abs=1e-2)], [75.0])
    assert ["ID test", "as it is", "93–100\u202f%", "4", "99.8\u202f%", "75.0\u202f%"] in value[
        "table"
    ]["rows"]
    assert "ID test 24.8" in value["label"]


def test_a_domains_name_is_text_in_diagram_and_table(inspection):
    figure = reliability_chart(inspection, "alpha", "r")["figure"]
    templates = json.dumps([trace.get("hovertemplate") for trace in figure["data"]])
    assert "onerror" in templates
    assert "<img" not in templates
    assert "<img" not in calibration_lab(inspection, InspectedView())


def test_the_table_gives_every_ece_with_its_n_and_says_where_t_was_fitted(inspection):
    markup = calibration_lab(inspection, InspectedView())
    assert markup.count("24.8\u202f%") == 9, "three models on three domains"
    assert "T = 5.46" in markup, "6 / log 3"
    assert "fitted on 4 validation images" in markup
    assert markup.count("fitted here") == 1


def test_without_validation_images_no_temperature_is_claimed():
    bare = made("test")
    assert "T = " not in calibration_lab(bare, InspectedView())
    assert "no temperature is fitted" in calibration_lab(bare, InspectedView())
    assert len(reliability_chart(bare, "alpha", "r")["figure"]["data"]) == 2
