"""What the commands do when all is well."""

import json
import shutil
import subprocess
import sys

import pytest

from core.data.demo import QUICK_CLASSES
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.settings import Settings


@pytest.fixture
def options(tiny_model):
    knobs = ("--set", "epochs=2", "--set", "batch_size=4")
    return (
        *("--model", tiny_model, "--shots", 4, "--alphas", "0,0.5,1", "--device", "cpu"),
        *knobs,
    )


def test_train_writes_a_run_and_prints_its_record(evenkeel, options, tiny_data, tmp_path):
    trained = evenkeel("train", tiny_data, *options, "--out", tmp_path / "run", "--json")
    assert trained.code == 0
    record = trained.json
    assert record == json.loads((tmp_path / "run" / "record.json").read_text("utf-8"))
    assert (record["schema"], record["status"], record["run_id"]) == (1, "done", "run")
    assert record["config"]["shots"] == 4
    assert record["config"]["params"]["epochs"] == 2
    assert set(record["evaluations"]) == {"zero-shot", "recommended", "fine-tuned"}
    assert [point["alpha"] for point in record["wise"]] == [0.0, 0.5, 1.0]
    assert (tmp_path / "run" / "events.jsonl").exists()


def test_train_says_what_it_does_on_stderr(evenkeel, options, tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    trained = evenkeel("train", tiny_data, *options)
    assert trained.code == 0
    assert "epoch 2/2: mean loss" in trained.err
    assert "zero-shot" in trained.out
    [folder] = (tmp_path / "runs").iterdir()
    assert str(folder) in trained.out


def test_a_config_file_is_completed_by_flags(evenkeel, options, tiny_data, tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("method: ft\nseed: 7\nshots: 9\nparams: {lr: 1e-4, epochs: 9}\n")
    out = tmp_path / "run"
    config = evenkeel("train", tiny_data, "--config", file, *options, "--out", out, "--json").json[
        "config"
    ]
    assert (config["method"], config["seed"], config["shots"]) == ("ft", 7, 4)
    assert (config["params"]["lr"], config["params"]["epochs"]) == (1e-4, 2)


def test_unseen_classes_are_named_by_comma_or_one_by_one(
    evenkeel, options, tiny_data, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    record = evenkeel(
        "train", tiny_data, *options, "--unseen", "otter", "--out", out, "--json"
    ).json
    assert record["config"]["unseen"] == ["otter"]
    assert set(record["generalised"]["fine-tuned"]) == {"macro", "micro"}
    for flags in (("--unseen", "red_fox, otter"), ("--unseen", "red_fox", "--unseen", "otter")):
        refused = evenkeel("train", tiny_data, *options, *flags, "--out", tmp_path / "none")
        assert "at least two classes must be trained on, and 2 of 3" in refused.complaint


def test_wise_reads_the_record_and_measures_what_it_lacks(evenkeel, finished_run):
    recorded = evenkeel("wise", finished_run, "--json").json
    assert [point["alpha"] for point in recorded] == [0.0, 0.5, 1.0]
    assert evenkeel("wise", finished_run, "--alphas", "0:1:0.5", "--json").json == recorded
    finer = evenkeel("wise", finished_run, "--alphas", "0:1:0.25", "--json").json
    assert [point["alpha"] for point in finer] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert [point for point in finer if point["alpha"] in (0.0, 0.5, 1.0)] == recorded


def test_evaluate_repeats_the_numbers_of_the_record(evenkeel, finished_run, tiny_data):
    record = json.loads((finished_run / "record.json").read_text("utf-8"))
    measured = evenkeel("evaluate", finished_run, tiny_data, "--alpha", 1, "--json").json
    expected = record["evaluations"]["fine-tuned"]["domains"]
    assert {
        name: score["correct"] for name, score in measured["evaluation"]["domains"].items()
    } == {name: score["correct"] for name, score in expected.items()}


def test_evaluate_measures_all_of_other_data(evenkeel, finished_run, tiny_data, tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("otter", "snow owl"):
        (tmp_path / "other" / name).symlink_to(tiny_data / "test" / name)
    measured = evenkeel("evaluate", finished_run, tmp_path / "other", "--alpha", 1, "--json").json
    own = evenkeel("evaluate", finished_run, tiny_data, "--alpha", 1, "--json").json
    score = measured["evaluation"]["domains"]["test"]
    assert score["n"] == 10
    for name in ("otter", "snow owl"):
        assert score["per_class"][name] == own["evaluation"]["domains"]["test"]["per_class"][name]


def test_evaluate_takes_a_plain_model(evenkeel, tiny_model, tiny_data):
    measured = evenkeel("evaluate", tiny_model, tiny_data, "--json").json
    assert measured["evaluation"]["domains"]["train"]["n"] == 18


def test_compare_says_what_the_same_images_say(evenkeel, finished_run, tiny_data, tmp_path):
    other = tmp_path / "other"
    config = ("--config", tmp_path / "run.yaml", "--out", other, "--json")
    record = json.loads((finished_run / "record.json").read_text("utf-8"))
    asked = {**record["config"], "method": "zero-shot", "params": {}}
    (tmp_path / "run.yaml").write_text(json.dumps(asked))
    evenkeel("train", tiny_data, *config)
    found = evenkeel("compare", finished_run, other, "--json").json
    assert [row["method"] for row in found["runs"]] == ["ft", "zero-shot"]
    test = found["paired"][0]["domains"]["test"]
    tuned, plain = (row["domains"]["test"]["correct"] for row in found["runs"])
    assert test["n"] == 15
    assert test["only_second"] - test["only_first"] == plain - tuned
    assert found["differences"]["method"] == ["ft", "zero-shot"]
    assert found["runs"][0]["mixing"] == record["mixing"]
    assert found["runs"][0]["changes"] == record["changes"]["recommended"]
    shown = evenkeel("compare", finished_run, other)
    assert shown.code == 0
    assert "finished" in shown.out
    assert "Settings that differ" in shown.out
    assert "15 images" in shown.out
    for head in ("mean OOD %", "OOD pooled", "p (Holm)", "mean over OOD domains"):
        assert head in shown.out, "a pooled number and a mean are named"


def test_episodes_leave_out_what_the_run_learnt_from(evenkeel, finished_run, tiny_data):
    asked = (tiny_data, "--ways", 3, "--queries", 3, "--episodes", 20, "--repeats", 2)
    run = evenkeel("episodes", finished_run, *asked, "--json").json
    # 14 in-distribution images a class, less 4 shots and 3 for validation.
    assert (run["domains"]["id"]["n"], run["domains"]["ood/night"]["n"]) == (21, 12)
    assert "21 images" in run["notes"][0]
    assert len(run["domains"]["id"]["repeats"]) == 2
    model = json.loads((finished_run / "record.json").read_text("utf-8"))["config"]["model"]
    plain = evenkeel("episodes", model, *asked, "--json").json
    assert (plain["domains"]["id"]["n"], plain["alpha"], plain["notes"]) == (42, None, [])
    at_zero = evenkeel("episodes", finished_run, *asked, "--alpha", 0, "--json").json
    night = [answer["domains"]["ood/night"]["repeats"] for answer in (plain, at_zero)]
    assert night[0] == night[1]  # α = 0 is zero-shot, and the same seed draws the same episodes
    assert "± episodes" in evenkeel("episodes", finished_run, *asked).out


def test_shots_measures_without_training(evenkeel, finished_run, tiny_model, tiny_data):
    found = evenkeel("shots", tiny_model, tiny_data, "--seeds", 2, "--json").json
    points = found["domains"]["test"]
    # 6 training images a class: 8 and 16 shots are nobody's.
    assert {point["shots"] for point in points} == {1, 2, 4}
    assert {point["head"] for point in points} == {"zero-shot", "prototypes", "mixed"}
    zero_shot = {point["mean"] for point in points if point["head"] == "zero-shot"}
    assert len(zero_shot) == 1
    plain = evenkeel("evaluate", tiny_model, tiny_data, "--json").json["evaluation"]
    assert zero_shot.pop() == pytest.approx(plain["domains"]["test"]["accuracy"])
    [advised, *_] = found["advice"]
    assert (advised["images"], set(advised["gains"])) == (6, {"id", "ood"})
    shown = evenkeel("shots", finished_run, tiny_data, "--shots", "1,2", "--alpha", 1)
    assert shown.code == 0
    assert "what to label next" in shown.out
    assert "ood/night" in shown.out
    assert "mixed" in shown.out


def test_predict_names_the_likeliest_classes(evenkeel, finished_run, tiny_data):
    images = sorted((tiny_data / "test" / "otter").iterdir())[:2]
    predictions = evenkeel("predict", finished_run, *images, "--alpha", 1, "--json").json
    assert [one["image"] for one in predictions] == [str(path) for path in images]
    assert all(len(one["top"]) == 3 for one in predictions)


def test_predict_follows_the_recommendation_and_says_how_familiar_an_image_is(
    evenkeel, finished_run, tiny_data
):
    photo = next((tiny_data / "ood" / "night").rglob("*.png"))
    [told] = evenkeel("predict", finished_run, photo, "--json").json
    record = evenkeel("evaluate", finished_run, tiny_data, "--json").json
    assert told["mixing"] == record["mixing"]
    assert told["mixing"]["kind"] == "steady"
    assert 0 <= told["familiarity"] <= told["tuned_share"] <= 1
    [plain] = evenkeel("predict", finished_run, photo, "--no-steady", "--json").json
    assert (plain["mixing"]["kind"], plain["familiarity"]) == ("wise", None)
    assert "familiar %" in evenkeel("predict", finished_run, photo).out


def test_export_is_loaded_again_and_compared(evenkeel, finished_run, tmp_path):
    exported = evenkeel("export", finished_run, "--out", tmp_path / "exported", "--json").json
    assert exported["verified"], exported["check"]
    assert (tmp_path / "exported" / "open_clip_config.json").exists()


@pytest.mark.parametrize(
    ("format", "file"),
    [
        ("onnx", "model.onnx"),
        ("huggingface", "config.json"),
        ("steady-onnx", "model.onnx"),
        ("steady-open_clip", "steady.py"),
        ("features", "manifest.csv"),
        ("card", "model-card.md"),
        ("report", "report.html"),
    ],
)
def test_every_format_is_exported_by_name(evenkeel, finished_run, tmp_path, format, file):
    asked = ("export", finished_run, "--format", format, "--out", tmp_path / "out", "--json")
    exported = evenkeel(*asked).json
    assert (tmp_path / "out" / file).exists()
    assert exported["format"] == format
    if format.startswith("steady"):
        assert exported["mixing"]["kind"] == "steady"
    is_document = format in ("card", "report")
    assert exported["verified"] is not is_document
    assert bool(exported["differences"]) is not is_document


def test_methods_and_models_are_listed_with_their_knobs(evenkeel):
    methods = {method["name"]: method for method in evenkeel("methods", "--json").json}
    assert "lr" in {knob["name"] for knob in methods["fd-align"]["knobs"]}
    assert "embedded" in {model["name"] for model in evenkeel("models", "--json").json}


def test_the_demo_passes_its_own_check(evenkeel, tmp_path):
    assert evenkeel("demo", tmp_path / "demo", "--json").json == {"path": str(tmp_path / "demo")}
    report = evenkeel("data", "check", tmp_path / "demo", "--json").json
    assert report["folders"] == sorted(QUICK_CLASSES)
    assert "weather or sky" in report["classes"], "names, as prompts have them"
    assert report["health"]
    assert "train" in report["counts"]


def test_names_that_the_model_cannot_tell_apart_are_said(evenkeel, tmp_path):
    from tests.browser.folders import folder_of
    from tests.data.test_names_health import LONG

    data = folder_of(tmp_path / "birds", "a", "b", "n02123045", images=9)
    names = {"a": f"{LONG}finch", "b": f"{LONG}siskin"}
    (data / "dataset.yaml").write_text(f"classes: {json.dumps(names)}", encoding="utf-8")

    def kinds(*more):
        report = evenkeel("data", "check", data, *more, "--json").json
        assert report["classes"] == [*names.values(), "tabby"]
        return {one["kind"]: one for one in report["health"]["findings"]}

    assert kinds()["class-names-read"]["names"] == [["n02123045", "n02123045", "tabby"]]
    assert "class-names-alike" not in kinds(), "that takes a tokenizer"
    said = kinds("--model", "embedded")["class-names-alike"]["title"]
    assert said == (
        "2 class names are the same in the first 24 tokens, which is all that embedded reads of a "
        "prompt"
    )
    assert "the first 24 tokens" in evenkeel("evaluate", "embedded", data).out


def test_names_in_a_zip_are_read_as_one_says(evenkeel, tmp_path):
    from tests.data.test_zipnames import zipped

    path = zipped(tmp_path / "pets.zip", ["犬", "猫"], "cp932")
    guessed = evenkeel("data", "check", path, "--json").json
    assert guessed["classes"] == ["犬", "猫"]
    assert "Shift-JIS" in guessed["ingest"]["warnings"][0]
    told = evenkeel("data", "check", path, "--zip-names", "cp866", "--json").json
    assert told["classes"] == sorted(name.encode("cp932").decode("cp866") for name in "犬猫")
    assert not any("encoding" in warning for warning in told["ingest"]["warnings"])

    written = evenkeel("data", "unpack", path, tmp_path / "pets", "--zip-names", "cp932", "--json")
    assert written.json == {"path": str(tmp_path / "pets"), "warnings": []}
    assert (tmp_path / "pets/犬/0.png").is_file()
    assert evenkeel("data", "check", tmp_path / "pets", "--json").json["classes"] == ["犬", "猫"]
    assert "is there already" in evenkeel("data", "unpack", path, tmp_path / "pets").complaint
    assert "no zip at" in evenkeel("data", "unpack", tmp_path / "no", tmp_path / "x").complaint
    wrong = evenkeel("data", "check", path, "--zip-names", "cp93").complaint
    assert "there is no 'cp93'. Did you mean 'cp932'" in wrong


def test_a_damaged_image_is_left_out_of_a_run_that_says_so(evenkeel, options, tiny_data, tmp_path):
    data = shutil.copytree(tiny_data, tmp_path / "data")
    path = next((data / "train").rglob("*.*"))
    path.write_bytes(path.read_bytes()[:60])
    trained = evenkeel("train", data, *options, "--out", tmp_path / "run", "--json")
    named = f"'{path.relative_to(data).as_posix()}' cannot be read and is left out"
    assert any(note.startswith(named) for note in trained.json["data"]["notes"])
    measured = evenkeel("evaluate", tmp_path / "run", data, "--json")
    assert measured.code == 0


def test_the_queue_from_the_command_line(evenkeel, options, tiny_data, home):
    job = evenkeel("submit", tiny_data, *options, "--json").json
    assert job["state"] == "queued"
    assert job["config"]["data"] == str(tiny_data)
    [listed] = evenkeel("jobs", "--json").json
    assert listed["id"] == job["id"]
    assert job["id"] in evenkeel("jobs").out
    assert evenkeel("logs", job["id"], "--json").json["job"]["id"] == job["id"]
    assert evenkeel("cancel", job["id"], "--json").json["state"] == "cancelled"
    assert Ledger(Settings(home=home)).get(job["id"]).state == "cancelled"


def test_a_queued_run_is_paused_moved_and_tried_again(evenkeel, home):
    ledger = Ledger(Settings(home=home))
    first, second, third = (ledger.submit(RunConfig(data="/images")).id for _ in range(3))

    def line() -> list[str]:
        return [job.id for job in ledger.queued()]

    assert "number 1 in" in evenkeel("move", third, "--first").out
    assert line() == [third, first, second]
    assert evenkeel("move", first, "--last", "--json").json["id"] == first
    assert line() == [third, second, first]
    assert evenkeel("move", first, "--before", second).code == 0
    assert line() == [third, first, second]
    assert evenkeel("move", second, "--priority", 1).code == 0
    assert line() == [second, third, first]
    assert "--first" in evenkeel("move", first).complaint
    assert "--first" in evenkeel("move", first, "--first", "--last").complaint

    assert evenkeel("pause", second, "--json").json["state"] == "paused"
    assert line() == [third, first]
    assert "queued again" in evenkeel("resume", second).out
    assert line() == [second, third, first]
    assert "is queued" in evenkeel("resume", second).complaint
    assert evenkeel("cancel", third).code == 0
    assert evenkeel("retry", third, "--json").json["state"] == "queued"
    assert line() == [second, first, third]


def test_a_queue_that_does_not_answer_is_said_at_the_start(evenkeel, monkeypatch, tmp_path):
    monkeypatch.setenv("EVENKEEL_QUEUE", f"unix://{tmp_path}/nobody.sock")
    assert "EVENKEEL_QUEUE" in evenkeel("worker").complaint


def test_a_knob_that_names_a_run_takes_its_id_or_its_folder(
    evenkeel, tiny_model, tiny_data, finished_run, home, tmp_path, monkeypatch
):
    import shutil

    shutil.copytree(finished_run, home / "runs" / "a-run")
    asked = (
        *("--model", tiny_model, "--shots", 4, "--alphas", "0,1", "--device", "cpu"),
        *("--method", "tip-adapter", "--set", "views=1", "--set", "beta_steps=3"),
    )
    out = tmp_path / "run"
    by_id = ("--set", "backbone=a-run", "--out", out, "--json")
    record = evenkeel("train", tiny_data, *asked, *by_id).json
    assert record["config"]["params"]["backbone"] == str(home / "runs" / "a-run")

    monkeypatch.chdir(finished_run.parent)
    by_folder = ("--set", f"backbone={finished_run.name}", "--json")
    job = evenkeel("submit", tiny_data, *asked, *by_folder).json
    assert job["config"]["params"]["backbone"] == str(finished_run)

    for command in ("train", "submit"):
        wrong = evenkeel(command, tiny_data, *asked, "--set", "backbone=a-rum")
        assert "Did you mean 'a-run'" in wrong.complaint


LIGHT = (
    ("--help",),
    ("demo", "{tmp}/demo"),
    ("data", "check", "{data}"),
    ("jobs", "--json"),
    ("train", "--help"),
)


@pytest.mark.parametrize("arguments", LIGHT, ids=" ".join)
def test_what_needs_no_model_does_not_import_torch(arguments, tmp_path, tiny_data):
    given = [text.format(tmp=tmp_path, data=tiny_data) for text in arguments]
    code = (
        "import sys; from studio.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, *given], check=True, stdout=subprocess.DEVNULL)


def test_python_m_studio_is_the_same_command():
    shown = subprocess.run(
        [sys.executable, "-m", "studio", "--help"], check=True, capture_output=True, text=True
    )
    assert shown.stdout.startswith("Usage: evenkeel")


@pytest.mark.parametrize(
    ("text", "alphas"),
    [("0:1:0.5", (0.0, 0.5, 1.0)), ("0.1,0.3", (0.1, 0.3)), ("0:0.3:0.1", (0.0, 0.1, 0.2, 0.3))],
)
def test_a_grid_includes_both_ends(text, alphas):
    from studio.cli.options import parse_alphas

    assert parse_alphas(text) == alphas


def test_a_domain_without_some_classes_says_over_how_many_it_is(evenkeel, tiny_data, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(tiny_data, data)
    shutil.rmtree(next((data / "ood" / "night").iterdir()))
    model = evenkeel("evaluate", "embedded", data, "--json").json
    night = model["evaluation"]["domains"]["ood/night"]
    assert (night["classes_present"], night["classes_all"]) == (2, 3)
    assert night["accuracy_own"] == night["correct_own"] / night["n"] >= night["accuracy"]
    assert model["evaluation"]["domains"]["ood/grey"]["accuracy_own"] is None
    text = evenkeel("evaluate", "embedded", data).out
    [line] = [line for line in text.splitlines() if line.startswith("ood/night")]
    assert line.split()[-4:-1] == ["2", "of", "3"]
    assert "as ImageNet-R and ImageNet-A are reported" in text
    assert "own %" not in evenkeel("evaluate", "embedded", tiny_data).out
