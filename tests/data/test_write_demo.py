"""The demo as folders: quick by default, full on request, and never over other files."""

from pathlib import Path

import pytest

from core.data.demo import QUICK_CLASSES, QUICK_STYLES, write_demo
from core.data.fewshot import sample_task
from core.data.health import check
from core.data.ingest import open_dataset
from core.errors import UserError


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    return write_demo(tmp_path_factory.mktemp("demo") / "quick")


def test_the_quick_demo_is_ten_classes_and_at_most_120_shots(quick):
    dataset = open_dataset(quick)
    assert dataset.classes == QUICK_CLASSES
    assert dataset.names[dataset.classes.index("weather")] == "weather or sky"
    assert [d.name for d in dataset.domains] == [
        "train",
        "val",
        "test",
        *(f"ood/{style}" for style in QUICK_STYLES),
    ]
    task = sample_task(dataset, shots=16, seed=0)
    assert 100 <= len(task.train) <= 120
    assert task.val
    assert task.templates == dataset.templates


def test_the_demo_is_healthy(quick):
    assert check(open_dataset(quick)).errors == ()


def test_the_full_demo_has_27_classes_and_all_styles(tmp_path):
    dataset = open_dataset(write_demo(tmp_path / "new" / "full", full=True))
    assert len(dataset.classes) == 27
    assert len([d for d in dataset.domains if d.role == "ood"]) == 4
    assert sample_task(dataset, shots=16, seed=0).train


def test_an_earlier_demo_is_replaced_and_an_empty_folder_is_filled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_demo(Path(), full=True)
    write_demo(tmp_path)
    assert open_dataset(tmp_path).classes == QUICK_CLASSES
    assert [path.name for path in tmp_path.parent.glob(".demo-*")] == []


def test_anything_else_in_the_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(
        UserError, match=r"must be empty or an earlier demo, and holds 'thesis.txt'"
    ):
        write_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(UserError, match="must be a folder, and is a file"):
        write_demo(tmp_path / "thesis.txt")
