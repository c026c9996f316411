"""Every wrong input ends with exit code 2 and one sentence on stderr."""

import json
import shutil

import pytest
from PIL import Image


@pytest.fixture
def train(evenkeel, tmp_path, tiny_data, tiny_model):
    """`evenkeel train` on tiny data, with something changed."""

    def run(*options, data=tiny_data, model=tiny_model):
        out = tmp_path / "run"
        shots = () if "--shots" in options else ("--shots", 2)
        return evenkeel("train", data, "--model", model, "--out", out, *shots, *options)

    return run


def image(path, colour="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (40, 40), colour).save(path)


def test_a_folder_that_is_not_there(train, tmp_path):
    assert "There is no folder or zip" in train(data=tmp_path / "nowhere").complaint


def test_an_empty_folder(train, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in train(data=tmp_path / "empty").complaint


def test_a_single_class(train, tmp_path):
    for number in range(4):
        image(tmp_path / "data" / "fox" / f"{number}.png", (number, 0, 0))
    assert "class" in train(data=tmp_path / "data").complaint


def test_a_single_image(train, tmp_path):
    image(tmp_path / "data" / "fox" / "1.png")
    image(tmp_path / "data" / "owl" / "1.png", "blue")
    assert "Add images" in train(data=tmp_path / "data").complaint


@pytest.mark.parametrize("ood", [False, True])
def test_one_image_of_each_class_and_none_to_test_on(evenkeel, tmp_path, tiny_model, ood):
    for number, name in enumerate(("fox", "owl")):
        image(tmp_path / "data" / name / "1.png", (number, 0, 0))
        if ood:
            image(tmp_path / "data" / "ood" / "sketch" / name / "2.png", (number, 9, 0))
    default = evenkeel(
        "train", tmp_path / "data", "--model", tiny_model, "--method", "lp", "--out", tmp_path / "r"
    )
    assert "is left to test on" in default.complaint
    assert "2 or more of each class" in default.complaint


def test_an_unreadable_image(train, tmp_path):
    for name in ("fox", "owl"):
        for number in range(6):
            image(tmp_path / "data" / name / f"{number}.png", (number, len(name), 0))
    for path in (tmp_path / "data").glob("fox/*.png"):
        path.write_bytes(path.read_bytes()[:60])
    assert "class 'fox' has no readable" in train(data=tmp_path / "data").complaint


def test_a_file_that_is_no_zip(train, tmp_path):
    (tmp_path / "data.zip").write_text("no zip")
    assert "zip" in train(data=tmp_path / "data.zip").complaint


def test_comparing_a_run_with_nothing(evenkeel, finished_run):
    assert "two or more runs are needed" in evenkeel("compare", finished_run).complaint
    asked = ("compare", finished_run, finished_run, "--baseline", finished_run)
    assert "at least 3 runs" in evenkeel(*asked).complaint


def test_episodes_that_the_data_cannot_give(evenkeel, finished_run, tiny_model, tiny_data):
    asked = ("episodes", tiny_model, tiny_data)
    assert "classes with at least 16 images are needed" in evenkeel(*asked).complaint
    assert "ways must be" in evenkeel(*asked, "--ways", 1).complaint
    assert "needs a finished run" in evenkeel(*asked, "--alpha", 1).complaint
    assert "got 'x'" in evenkeel("shots", tiny_model, tiny_data, "--shots", "1,x").complaint
    assert "nothing to measure" in evenkeel("shots", tiny_model, tiny_data, "--shots", 9).complaint


def test_an_unknown_method(train):
    assert "Did you mean 'fd-align'" in train("--method", "fdalign").complaint


def test_an_unknown_knob(train):
    assert "Did you mean 'lr'" in train("--set", "lrr=1").complaint


@pytest.mark.parametrize(
    ("knob", "sentence"),
    [
        ("lr=-1", "lr must be greater than 0, got -1"),
        ("lr=fast", "lr must be a number, got 'fast'"),
        ("epochs=0", "epochs must be greater than or equal to 1, got 0"),
        ("epochs", "--set must be KNOB=VALUE such as lr=1e-5, got 'epochs'"),
    ],
)
def test_a_knob_out_of_range(train, knob, sentence):
    assert sentence in train("--set", knob).complaint


def test_shots_out_of_range(train):
    assert "shots must be greater than or equal to 1, got 0" in train("--shots", 0).complaint
    assert "Lower the shots" in train("--shots", 500).complaint


def test_alphas_that_are_none(train):
    assert "LOW:HIGH:STEP" in train("--alphas", "many").complaint
    assert "less than or equal to 1" in train("--alphas", "0,2").complaint


def test_a_model_that_the_hub_cannot_give(train):
    complaint = train(model="ViT-B-32/laion2b_s34b_b79k").complaint
    assert "could not be fetched" in complaint
    assert "use the embedded model" in complaint


def test_a_model_that_does_not_exist(train):
    assert "Did you mean" in train(model="ViT-B-322/openai").complaint


def test_templates_without_a_place_for_the_class(train):
    assert "templates" in train("--templates", "a photo").complaint


def test_a_device_that_is_not_there(train):
    assert "device" in train("--device", "cuda:99").complaint


def test_a_config_file_that_is_wrong(train, tmp_path):
    file = tmp_path / "run.yaml"
    assert "cannot be read" in train("--config", file).complaint
    file.write_text("just words")
    assert "name: value" in train("--config", file).complaint
    file.write_text("shoots: 3")
    assert "Did you mean 'shots'" in train("--config", file).complaint
    file.write_bytes("out: Läufe".encode("cp1252"))
    assert "no valid YAML: it is not UTF-8; save it in" in train("--config", file).complaint


def test_an_out_folder_with_other_things_in_it(train, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    assert "holds other files" in train().complaint


def test_a_finished_run_is_never_overwritten(evenkeel, finished_run, tiny_data):
    before = (finished_run / "record.json").read_bytes()
    again = evenkeel("train", tiny_data, "--out", finished_run)
    assert "already holds a finished run" in again.complaint
    assert (finished_run / "record.json").read_bytes() == before


def test_a_wrong_option_points_to_the_help(evenkeel):
    complaint = evenkeel("train", "data", "--shoots", 3).complaint
    assert "--shoots" in complaint
    assert "`evenkeel train --help`" in complaint


@pytest.mark.parametrize("arguments", [("train",), ("nonsense",), ("train", "d", "--shots", "x")])
def test_a_wrong_command_line(evenkeel, arguments):
    assert evenkeel(*arguments).complaint


def test_a_run_that_is_not_there(evenkeel):
    assert "there is no" in evenkeel("wise", "nowhere").complaint


def test_a_folder_that_is_no_run(evenkeel, tmp_path):
    assert "is not a finished run" in evenkeel("wise", tmp_path).complaint


def test_an_alpha_out_of_range(evenkeel, finished_run, tiny_data):
    complaint = evenkeel("evaluate", finished_run, tiny_data, "--alpha", 1.5).complaint
    assert "alpha must be from 0" in complaint


def test_an_alpha_without_a_run(evenkeel, tiny_model, tiny_data):
    complaint = evenkeel("evaluate", tiny_model, tiny_data, "--alpha", 0.5).complaint
    assert "needs a finished run" in complaint


def test_a_format_that_does_not_exist(evenkeel, finished_run, tmp_path):
    complaint = evenkeel("export", finished_run, "--format", "onyx", "--out", tmp_path / "x")
    assert "Did you mean 'onnx'?" in complaint.complaint


def test_a_gate_asked_for_and_refused_at_once_or_the_other_way_round(
    evenkeel, finished_run, tmp_path
):
    asked = ("export", finished_run, "--out", tmp_path / "x", "--format")
    complaint = evenkeel(*asked, "steady-onnx", "--no-steady").complaint
    assert "--no-steady: steady-onnx holds both towers and the gate" in complaint
    complaint = evenkeel(*asked, "onnx", "--steady").complaint
    assert "Use --format steady-onnx or steady-open_clip" in complaint


def test_a_run_without_a_gate_exported_with_one(evenkeel, finished_run, tmp_path):
    shutil.copytree(finished_run, tmp_path / "older")
    path = tmp_path / "older" / "record.json"
    told = json.loads(path.read_text("utf-8")) | {"steady": None, "why_not_steady": ""}
    told["mixing"] = {"kind": "wise", "alpha": 0.5}
    path.write_text(json.dumps(told), "utf-8")
    for kind in ("steady-onnx", "steady-open_clip"):
        asked = ("export", tmp_path / "older", "--format", kind, "--out", tmp_path / "x")
        assert "was made before runs had a gate" in evenkeel(*asked).complaint
    assert not (tmp_path / "x").exists()


def test_an_image_that_is_none(evenkeel, finished_run, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    assert "cannot be read" in evenkeel("predict", finished_run, tmp_path / "notes.txt").complaint


def test_other_data_with_a_class_that_the_run_does_not_know(evenkeel, finished_run, tmp_path):
    for name in ("otter", "unicorn"):
        image(tmp_path / "data" / name / "1.png", "red" if name == "otter" else "blue")
    assert "unicorn" in evenkeel("evaluate", finished_run, tmp_path / "data").complaint


def test_a_job_that_is_not_there(evenkeel):
    assert "no job at all" in evenkeel("cancel", "fd-align-1").complaint
    assert "no job at all" in evenkeel("logs", "fd-align-1").complaint


def test_a_submission_that_cannot_succeed_is_refused_now(evenkeel, tmp_path, tiny_data, home):
    assert "There is no folder" in evenkeel("submit", tmp_path / "nowhere").complaint
    assert "Lower the shots" in evenkeel("submit", tiny_data, "--shots", 99).complaint
    assert "Did you mean" in evenkeel("submit", tiny_data, "--shots", 2, "--set", "l=1").complaint
    assert evenkeel("jobs", "--json").json == []


def test_settings_that_are_wrong(evenkeel, monkeypatch):
    monkeypatch.setenv("EVENKEEL_PORT", "many")
    assert "EVENKEEL_PORT" in evenkeel("jobs").complaint


def test_a_password_without_a_user(evenkeel):
    assert "USER:PASSWORD" in evenkeel("up", "--auth", "secret").complaint


def test_a_studio_for_others_without_a_password(evenkeel):
    assert "--public" in evenkeel("up", "--share").complaint
    assert "--public" in evenkeel("up", "--host", "0.0.0.0").complaint


def test_gpus_that_are_no_numbers(evenkeel):
    assert "gpus must be numbers" in evenkeel("worker", "--gpus", "all").complaint


def test_a_single_template_for_a_method_that_holds_several(train, evenkeel, tiny_data, tmp_path):
    one = ("--templates", "a photo of a {}.")
    fd_align = ("--method", "fd-align", "--set", "prototypes=dataset")
    assert "there is 1, so it would have no effect" in train(*fd_align, *one).complaint
    car_ft = ("--method", "car-ft", "--set", "contexts=dataset")
    assert "contexts: CAR-FT compares" in train(*car_ft, *one).complaint
    shutil.copytree(tiny_data, tmp_path / "own")
    (tmp_path / "own" / "dataset.yaml").write_text("templates: ['a photo of a {}.']")
    queued = evenkeel("submit", tmp_path / "own", "--shots", 2, *fd_align)
    assert "there is 1, so it would have no effect" in queued.complaint
    assert evenkeel("jobs", "--json").json == []


def test_a_setting_that_is_no_number(train):
    assert "lr must be a finite number" in train("--set", "lr=inf").complaint


@pytest.mark.parametrize("below", ["file", "file/run"])
def test_a_place_that_cannot_be_a_folder(train, evenkeel, tmp_path, tiny_data, tiny_model, below):
    (tmp_path / "file").write_text("")
    place, shots = tmp_path / below, ("--shots", 2, "--method", "lp")
    said = evenkeel("train", tiny_data, "--model", tiny_model, *shots, "--out", place)
    assert str(tmp_path / "file") in said.complaint
    assert str(tmp_path / "file") in evenkeel("demo", place).complaint


@pytest.mark.parametrize("content", [b"[1]", b"null", b"{", b"\x89\xff", b'{"schema": 99}'])
def test_a_record_that_is_none(evenkeel, tmp_path, tiny_data, content):
    run = tmp_path / "run"
    run.mkdir()
    (run / "record.json").write_bytes(content)
    for command in (("evaluate", run, tiny_data), ("wise", run), ("compare", run, run)):
        assert "record.json" in evenkeel(*command).complaint
