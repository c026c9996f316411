"""The speed benchmark: its figures, and the command from end to end on a tiny model."""

import json
import sys

import pytest

from core.data.ingest import open_dataset
from core.errors import UserError
from core.events import Warned
from jobs.ledger import Ledger
from jobs.progress import read_brief, read_progress
from studio.cli.app import run
from tests.bench.speed import browsing, response
from tests.bench.speed.__main__ import COMMAND, app
from tests.bench.speed.figure import Figure, Target, markdown
from tests.bench.speed.figures import FIGURES, measure
from tests.bench.speed.homes import STEPS, finish_runs, home, train_long
from tests.bench.speed.ingest import folder_of, growth
from tests.bench.speed.photos import photo
from tests.bench.speed.setting import Setting


def ratio(*readings):
    target = Target("at least", 4.0)
    return Figure("T1", "a run", "×", target, readings, facts={"ours s": 12.5})


def test_a_figure_is_the_median_of_its_readings_against_its_target():
    assert (ratio(3.0, 9.0, 4.0).value, ratio(3.0, 9.0, 4.0).spread) == (4.0, (3.0, 9.0))
    assert ratio(3.0, 9.0, 4.0).reached
    assert not ratio(3.0, 9.0, 3.9).reached
    assert Figure("T7", "a reading", "ms", Target("at most", 50.0), (50.0,)).reached


def test_the_table_says_what_was_asked_and_what_was_found():
    text = markdown([ratio(3.0, 9.0, 4.0)], {"cores": 2})
    assert "| T1 | a run | at least 4 × | 4 × | 3 × to 9 × | 3 | yes |" in text
    assert "- T1 a run: ours s 12.5." in text
    assert json.loads(json.dumps(ratio(1.0).to_json()))["reached"] is False


def test_a_figure_that_there_is_not_is_named_with_its_neighbours(tmp_path):
    with pytest.raises(UserError, match=r"there is no .T33.\. Did you mean .T3."):
        next(measure(FIGURES, ["T33"], Setting(tmp_path)))


def test_figures_are_offered_in_the_order_of_their_numbers():
    assert [*FIGURES] == [f"T{number}" for number in range(1, 12)]


def test_the_command_measures_a_tiny_model_from_end_to_end(tmp_path, capsys):
    out = tmp_path / "speed.json"
    asked = ["--quick", "--repeats", "1", "--figures", "T1,T3,T5,T11", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        run(app, COMMAND, asked)
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert "| T3 |" in said.out
    assert "stage measuring T5" in said.err
    assert out.with_suffix(".md").read_text("utf-8") == said.out.removesuffix("\n")
    document = json.loads(out.read_text("utf-8"))
    assert document["machine"]["cores"] >= 1
    figures = document["figures"]
    assert [figure["key"] for figure in figures] == ["T1"] * 2 + ["T3"] + ["T5"] * 4 + ["T11"] * 5
    assert all(figure["value"] > 0 for figure in figures)


def test_growth_is_the_exponent_of_a_power_law():
    assert growth(10, 2.0, 1000, 2.0) == 0
    assert growth(10, 2.0, 1000, 200.0) == pytest.approx(1)
    assert growth(10, 1.0, 1000, 10_000.0) == pytest.approx(2)


def test_a_folder_to_measure_with_is_a_data_set_of_so_many_images(tmp_path):
    root = folder_of(Setting(tmp_path), "set", [photo(0.01, 0), photo(0.01, 1)], 12, classes=3)
    dataset = open_dataset(root)
    assert dataset.counts()["train"] == dict.fromkeys(dataset.classes, 4)


def test_a_home_to_measure_with_holds_finished_runs_and_one_that_goes_on(tmp_path):
    settings = home(tmp_path)
    finish_runs(settings, 2)
    training = train_long(settings, 40)
    jobs = {job.id: job.state for job in Ledger(settings).list()}
    assert sorted(jobs.values()) == ["done", "done", "running"]
    assert jobs[training] == "running"
    over = next(run_id for run_id in jobs if run_id != training)
    assert settings.run_folder(over).record().run_id == over
    assert read_brief(settings.run_folder(over)).phase == "done"
    assert len(read_progress(settings.run_folder(over)).losses) == STEPS
    assert len(read_progress(settings.run_folder(training)).losses) == 40


def test_what_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(response, "PATIENCE_SECONDS", 0.1)
    with pytest.raises(TimeoutError, match=r"waited 0 s for the studio to answer"):
        response._wait(lambda: response._opens("http://127.0.0.1:1"), "the studio to answer")


def test_without_a_browser_the_paint_is_left_out_and_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    steps = browsing.measure_browsing("", None, "", 1, 1.0)
    warned = next(steps)
    assert isinstance(warned, Warned)
    assert "playwright is missing" in warned.message
    with pytest.raises(StopIteration) as ended:
        next(steps)
    assert ended.value.value == []
