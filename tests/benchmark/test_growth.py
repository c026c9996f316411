"""The figures of growth: homes as a worker leaves them, and the exponent that is told."""

import pytest

from core.benchmark.speed.ingest import folder_of, growth
from core.benchmark.speed.photos import photo
from core.benchmark.speed.setting import Setting
from core.data.ingest import open_dataset
from jobs.brief import read_brief
from jobs.ledger import Ledger
from jobs.progress import read_progress
from studio.benchmark.homes import STEPS, finish_runs, home, train_long
from studio.cli.bench.speed import every_figure


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


def test_the_command_measures_growth():
    assert "T10" in every_figure()
