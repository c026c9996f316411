"""Numbers become figures: what stands in them is what was measured."""

import json

import pytest

from core.results.untrained import PrototypeLook, Prototypes
from studio.frame.domains import domain_styles
from studio.frame.figures import thin
from studio.lab.wise import wise_value
from studio.lab.wise_chart import frontier_figure, frontier_table
from studio.live.training_charts import accuracy_chart, loss_chart
from studio.live.updates_chart import updates_chart
from studio.train.prototypes_chart import prototypes_chart
from tests.studio.conftest import NASTY, TUNED, ZERO


def looked(label, step, evaluation):
    domains = {name: s.model_dump() for name, s in evaluation.domains.items()}
    return {"label": label, "step": step, "alpha": None, "domains": domains}


def traces(value):
    return {trace["name"]: trace for trace in value["figure"]["data"]}


def test_loss_is_drawn_raw_and_smoothed():
    value = loss_chart("r", [[1, 4.0], [2, 2.0]], steps=10)
    assert traces(value)["each step"]["y"] == [4.0, 2.0]
    assert traces(value)["smoothed"]["y"] == pytest.approx([4.0, 4.0 + 0.15 * (2.0 - 4.0)])
    assert value["figure"]["layout"]["uirevision"] == "r"


def test_terms_of_the_loss_wait_in_the_legend_and_stand_in_the_table():
    losses = [[1, 4.0], [2, 2.0]]
    terms = {"class": [[1, 3.0], [2, 1.5]], "spurious": [[2, 0.5]]}
    value = loss_chart("r", losses, 10, terms)
    assert traces(value)["spurious"]["visible"] == "legendonly"
    assert traces(value)["class"]["y"] == [3.0, 1.5]
    assert value["table"]["columns"] == ["step", "loss", "class", "spurious"]
    assert value["table"]["rows"] == [
        [1, "4.0000", "3.0000", "–"],
        [2, "2.0000", "1.5000", "0.5000"],
    ]
    alone = loss_chart("r", losses, 10, {"class": losses})
    assert "class" not in traces(alone), "it is the loss"


def test_a_run_without_steps_says_so():
    assert "figure" not in loss_chart("r", [], 0)
    assert accuracy_chart("r", [], 0)["empty"]


def test_accuracy_has_a_dashed_zero_shot_line_for_every_domain():
    value = accuracy_chart("r", [looked("zero-shot", 0, ZERO)], steps=20)
    for look in domain_styles(ZERO.domains):
        if look.role == "val":
            assert look.title not in traces(value)
            continue
        line = traces(value)[f"{look.title}, zero-shot"]
        assert line["y"] == [100 * ZERO.domains[look.key].accuracy] * 2
        assert line["x"] == [0, 20]
        assert "dash" in line["line"]


def test_accuracy_bars_are_the_wilson_interval():
    value = accuracy_chart(
        "r", [looked("zero-shot", 0, ZERO), looked("fine-tuned", 20, TUNED)], steps=20
    )
    test = traces(value)["ID test"]
    assert test["y"] == [60.0, 80.0]
    assert test["customdata"] == [0, 20]
    error = test["error_y"]
    assert error["array"][1] == pytest.approx(100 * (TUNED.domains["test"].high - 0.8))
    assert ["ID test", "20", "80.0\u202f%", "+20.0\u202fpp", "100"] in value["table"]["rows"]
    assert "ID test 80.0" in value["label"]


def test_the_wise_grid_does_not_enter_the_accuracy_chart():
    grid = {**looked("alpha", 0, TUNED), "alpha": 0.5}
    value = accuracy_chart("r", [looked("zero-shot", 0, ZERO), grid], steps=20)
    assert traces(value)["ID test"]["y"] == [60.0]


def test_frontier_marks_both_ends_and_the_alpha_chosen_on_validation(record):
    figure = frontier_figure(record)
    named = {trace["name"]: trace for trace in figure["data"]}
    assert (named["zero-shot"]["x"], named["zero-shot"]["y"]) == ([60.0], [pytest.approx(55.0)])
    assert (named["fine-tuned"]["x"], named["fine-tuned"]["y"]) == ([80.0], [pytest.approx(41.0)])
    assert named["chosen on validation"]["x"] == [pytest.approx(66.0)]
    assert figure["data"][-1]["name"] == "this α", "the script moves the last trace"


def test_a_combination_is_not_said_to_be_chosen_on_validation(record):
    for on, mark, said in (
        ("fixed", "the combination", "was not searched for"),
        ("oracle", "the combination", "not honest"),
        ("val", "chosen on validation", "stay honest"),
        ("default", "the default", "not a choice"),
    ):
        chosen = record.selection.model_copy(update={"alpha_chosen_on": on})
        value = wise_value(record.model_copy(update={"selection": chosen}), record.mixing)
        assert mark in {trace["name"] for trace in value["figure"]["data"]}
        assert value["words"]["mark"] == mark
        assert said in value["words"]["honest"]


def test_only_what_was_chosen_without_test_images_wears_the_honest_badge(record):
    for on, honest in (("val", True), ("fixed", True), ("default", False), ("oracle", False)):
        chosen = record.selection.model_copy(update={"alpha_chosen_on": on})
        value = wise_value(record.model_copy(update={"selection": chosen}), record.mixing)
        assert value["honest"] is honest
        assert "ID test, noto, sketch" in value["words"]["by_hand"], "what was looked at"
        assert f"of which there are {len(record.wise)}" in value["words"]["instant"]


def test_the_frontier_has_a_table_of_every_alpha(record):
    table = frontier_table(record)
    assert table["columns"] == ["α", "ID test", "ID validation", "noto", "sketch"]
    assert len(table["rows"]) == 21
    assert table["rows"][10][:2] == ["0.50", "70.0\u202f%"]


def test_frontier_without_ood_images_is_drawn_over_alpha(record):
    grid = [p.model_copy(update={"ood": None}) for p in record.wise]
    figure = frontier_figure(record.model_copy(update={"wise": grid}))
    assert figure["data"][0]["y"] == pytest.approx([5.0 * i for i in range(21)])


def test_a_steady_run_has_two_curves_told_apart_by_dash_and_name(steady_record):
    named = {trace["name"]: trace for trace in frontier_figure(steady_record)["data"]}
    alone, steady = named["weights alone"], named["steady"]
    assert (alone["line"]["dash"], steady["line"]["dash"]) == ("solid", "dash")
    assert alone["marker"]["symbol"] != steady["marker"]["symbol"]
    assert alone["showlegend"]
    assert alone["y"][-1] == pytest.approx(41.0)
    # Zero-shot but for 0.4 of noto and 0.1 of sketch: 60 − 0.4·8 and 50 − 0.1·20, by half.
    assert steady["y"][-1] == pytest.approx((56.8 + 48.0) / 2)
    assert steady["y"][0] == alone["y"][0]
    chosen = named["chosen on validation"]
    assert (chosen["x"], chosen["y"]) == ([steady["x"][16]], [steady["y"][16]]), "α 0.8, steady"


def test_the_table_of_a_steady_run_has_both_at_every_alpha(steady_record):
    table = frontier_table(steady_record)
    assert table["columns"][:3] == ["α", "mixing", "ID test"]
    assert len(table["rows"]) == 42
    assert table["rows"][-2][:2] == ["1.00", "weights alone"]
    assert table["rows"][-1][:2] == ["1.00", "steady"]
    assert table["rows"][-1][-1] == "48.0\u202f%"


def test_prototypes_have_a_frame_an_epoch_and_ways_from_epoch_zero():
    def at(epoch, x):
        place = {"name": NASTY, "x": x, "y": 0.0}
        return {"epoch": epoch, "step": epoch, "classes": [place], "points": [[x, 0.0, 0]]}

    found = Prototypes.model_validate(
        {
            "note": "",
            "templates": [
                {"text": "a photo of a {}.", "x": 0, "y": 0, "kept": True, "cluster": 0},
                {"text": NASTY, "x": 9, "y": 9, "kept": False, "cluster": None},
            ],
            "centres": [{"x": 0, "y": 0, "cluster": 0}],
            "trail": [at(0, 0.0), at(1, 1.0)],
        }
    )
    value = prototypes_chart(found, "r", "")
    assert [frame["label"] for frame in value["frames"]] == ["0", "1"]
    way = next(t for t in value["frames"][1]["data"] if t["mode"] == "lines")
    assert way["x"] == [0.0, 1.0, None]
    assert traces(value)["left out (1)"]["x"] == [9]
    drawn = json.dumps({"figure": value["figure"], "frames": value["frames"]})
    assert "<img" not in drawn, "Plotly's labels understand some HTML"
    assert prototypes_chart(None, "r", "nothing") == {"empty": "nothing"}


def test_thinning_keeps_the_ends_and_the_number():
    pairs = [[i, i] for i in range(5000)]
    kept = thin(pairs, 400)
    assert len(kept) == 400
    assert (kept[0], kept[-1]) == ([0, 0], [4999, 4999])
    assert thin(pairs[:3]) == pairs[:3]


def test_rate_norm_and_drift_stand_one_above_the_other_over_the_same_steps():
    updates = [[step, 1e-4 / step, 2.0 * step] for step in range(1, 5)]
    domain_styles = (
        {"step": 0, "moved": 0.0, "divergence": 0.0},
        {"step": 4, "moved": 0.25, "divergence": 0.01},
        {"step": 4},  # of an older version
    )
    trail = [PrototypeLook(epoch=0, classes=[], points=[], **look) for look in domain_styles]
    value = updates_chart("run", updates, trail)
    lines = [(line["name"], line["yaxis"], line["y"][-1]) for line in value["figure"]["data"]]
    assert lines[0] == ("gradient norm", "y", 8.0)
    assert ("learning rate", "y2", 2.5e-5) in lines
    assert lines[-2:] == [("features moved", "y3", 0.25), ("prototype drift", "y3", 0.01)]
    assert value["table"]["rows"][-1] == ["4", "", "", "0.2500", "0.01000"]
    assert len(updates_chart("run", updates, [])["figure"]["data"]) == 3
    assert "empty" in updates_chart("run", [], trail)
