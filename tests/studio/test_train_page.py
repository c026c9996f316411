"""Train measures the model only for whoever looks at it."""

import time

from jobs.evaluator.questions import MeasureFootprint
from studio.workspace import Workspace
from tests.studio.conftest import stand_in


def test_a_model_is_measured_only_once_somebody_wants_it(studio, mine):
    asked = []
    stand_in(studio, MeasureFootprint, asked.append)
    data_id = studio.data_store.add_demo()
    assert mine.answers.footprint(data_id, wanted=False).state == "waiting"
    assert asked == []
    mine.answers.footprint(data_id, wanted=True)
    while studio.background.waiting:
        time.sleep(0.01)
    assert asked == [MeasureFootprint(model="embedded")]
    assert Workspace(studio, mine.visitor).answers.footprint(data_id, wanted=False).state == "ready"
