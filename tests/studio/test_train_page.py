"""Train measures the model only for whoever looks at it."""

import time

from studio.workspace import Workspace


def test_a_model_is_measured_only_once_somebody_wants_it(studio, mine, monkeypatch):
    asked = []
    monkeypatch.setattr(studio.evaluator, "footprint", asked.append, raising=False)
    data_id = studio.shelf.add_demo()
    assert mine.answers.footprint(data_id, wanted=False).state == "waiting"
    assert asked == []
    mine.answers.footprint(data_id, wanted=True)
    while studio.background.waiting:
        time.sleep(0.01)
    assert asked == ["embedded"]
    assert Workspace(studio, mine.visitor).answers.footprint(data_id, wanted=False).state == "ready"
