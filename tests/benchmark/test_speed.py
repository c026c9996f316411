"""The speed benchmark: its figures, and the command from end to end on a tiny model."""

import json

import pytest

from core.benchmark.speed.figure import Figure, Target, markdown
from core.benchmark.speed.figures import FIGURES, measure
from core.benchmark.speed.setting import Setting
from core.errors import UserError
from studio.cli import main
from studio.cli.bench.speed import every_figure


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


def test_the_command_knows_every_figure_of_core():
    assert FIGURES.keys() <= every_figure().keys()


def test_the_command_measures_a_tiny_model_from_end_to_end(tmp_path, capsys):
    out = tmp_path / "speed.json"
    asked = ["--quick", "--repeats", "1", "--figures", "T1,T3,T5,T11", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main(["bench", "speed", *asked])
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
