"""A real evaluator process, asked over its socket."""

import json
import math
import socket
import struct
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from core.errors import UserError
from core.results.estimate import Footprint
from core.results.records import Mixing
from core.results.runs import RunFolder
from jobs.evaluator import server
from jobs.evaluator.client import EvaluatorClient, EvaluatorUnavailable
from jobs.evaluator.lending import LendingCache
from jobs.evaluator.questions import (
    QUESTIONS,
    CorrectTemplates,
    DescribeDevice,
    Export,
    Health,
    Inspect,
    MapFeatures,
    Measure,
    MeasureFootprint,
    MeasureShots,
    MeasureZeroShot,
    Predict,
    PreviewPrototypes,
    answer_type,
)
from jobs.process.interpreter import command, environment
from jobs.settings import Settings
from tests.jobs.real_worker import eventually


@pytest.fixture(scope="module")
def home(tmp_path_factory, config):
    """A home with one finished run in it."""
    from core.run import pipeline

    settings = Settings(home=tmp_path_factory.mktemp("evaluator") / "home")
    for _ in pipeline.run(config, settings.run_folder("a-run").path, settings.cache):
        pass
    return settings


@pytest.fixture(scope="module")
def evaluator(home):
    program = command("jobs.evaluator.server", "--end-with-parent")
    process = subprocess.Popen(program, env=environment(home), stdin=subprocess.PIPE)
    client = EvaluatorClient(home)

    def answers() -> bool:
        try:
            return client.ask(Health()).pid == process.pid
        except EvaluatorUnavailable:
            return False

    eventually(answers)
    yield client
    process.stdin.close()  # its lifeline
    assert process.wait(10) is not None


def test_without_an_evaluator_the_client_says_so(settings):
    with pytest.raises(EvaluatorUnavailable, match="starting or not running"):
        EvaluatorClient(settings).ask(Health())


def test_a_socket_path_that_no_system_allows_is_a_sentence(tmp_path):
    deep = Settings(home=tmp_path / ("x" * 120))
    with pytest.raises(EvaluatorUnavailable, match="Choose a shorter folder"):
        EvaluatorClient(deep).ask(Health())


def test_it_says_what_trains_here(evaluator):
    assert evaluator.ask(DescribeDevice()).kind in ("cpu", "cuda")


def test_zero_shot_measures_every_image_and_is_kept(evaluator, home, config):
    asked = MeasureZeroShot(data=config.data, model=config.model, templates=("a photo of a {}.",))
    answer = evaluator.ask(asked)
    domains = answer.evaluation.domains
    assert set(domains) == {"train", "val", "test", "ood/night", "ood/grey"}
    assert domains["train"].n == 18
    assert all(n == 14 for _, n in answer.id_per_class.values())
    kept = [json.loads(p.read_text("utf-8")) for p in home.cache.glob("zero-shot-*.json")]
    assert kept == [answer.model_dump(mode="json")]
    again = evaluator.ask(asked)
    assert again == answer


def test_other_names_are_tried_on_the_same_images(evaluator, config):
    def ask(names=None):
        about = {"data": config.data, "model": config.model, "names": names}
        return evaluator.ask(MeasureZeroShot(**about, templates=("a photo of a {}.",)))

    plain, tried = ask(), ask({"red_fox": "a thing"})
    assert dict(zip(tried.folders, tried.classes, strict=True))["red_fox"] == "a thing"
    counted = [{name: d.n for name, d in a.evaluation.domains.items()} for a in (plain, tried)]
    assert counted[0] == counted[1]
    assert tried.evaluation != plain.evaluation
    assert ask() == plain
    with pytest.raises(UserError, match="Did you mean 'red_fox'"):
        ask({"red_fix": "fox"})


def test_prompts_are_measured_and_placed_before_any_training(evaluator, config):
    prompts = ["a photo of a {}.", "a drawing of a {}.", "art of the {}."]

    def ask(templates):
        return evaluator.ask(
            PreviewPrototypes(data=config.data, model=config.model, templates=templates)
        )

    found = ask(prompts)
    assert [row.text for row in found.templates] == prompts
    assert sum(row.kept for row in found.templates) == 2, "three quarters at most"
    [look] = found.trail
    assert (look.epoch, len(look.points), len(look.classes)) == (0, 18, 3)
    with pytest.raises(UserError, match="exactly once"):
        ask(["a photo", "art of the {}."])


def test_the_shots_curve_is_kept(evaluator, home, config):
    found = evaluator.ask(MeasureShots(data=config.data, model=config.model))
    assert {row.name for row in found.advice} == {"otter", "snow owl", "red_fox"}
    [kept] = home.cache.glob("shots-*.json")
    assert json.loads(kept.read_text("utf-8")) == found.model_dump(mode="json", by_alias=True)


def test_a_run_is_measured_at_the_ends_as_its_record_says(evaluator, home):
    record = RunFolder(home.run_folder("a-run").path).record()
    for alpha, label in ((0.0, "zero-shot"), (1.0, "fine-tuned")):
        measured = evaluator.ask(Measure(run_id="a-run", mixing=Mixing.wise(alpha)))
        recorded = record.evaluations[label].domains
        assert {n: s.correct for n, s in measured.evaluation.domains.items()} == {
            n: s.correct for n, s in recorded.items()
        }


def test_what_a_person_sets_by_hand_is_measured_as_the_run_measured_its_own(evaluator, home):
    folder = RunFolder(home.run_folder("a-run").path)
    record = folder.record()
    for mixing, label in ((record.mixing, "recommended"), (Mixing.wise(1.0), "fine-tuned")):
        for _ in range(2):  # what is the same at every α is kept from the first
            evaluator.ask(Measure(run_id="a-run", mixing=mixing))
        found = next(one for one in folder.by_hand() if one.mixing == mixing)
        assert found.changes == record.changes[label]
        assert found.evaluation == record.evaluations[label]


def test_a_run_is_inspected_image_by_image_once(evaluator, home):
    said = evaluator.ask(Inspect(run_id="a-run", mixing=Mixing.wise(0.3)))
    record = RunFolder(home.run_folder("a-run").path).record()
    for column, label in (("zero-shot", "zero-shot"), ("fine-tuned", "fine-tuned")):
        for name, score in record.evaluations[label].domains.items():
            domain = said.domains[name]
            predicted = domain.answers[column].predicted
            hits = sum(p == t for p, t in zip(predicted, domain.labels, strict=True))
            assert (hits, len(domain.sha256)) == (score.correct, score.n)
            assert domain.answers[column].plain.ece == pytest.approx(score.ece, abs=1e-6)
    assert set(said.temperatures) == {"zero-shot", "alpha", "fine-tuned"}
    kept = list(home.cache.glob("inspection-*.json"))
    assert [json.loads(p.read_text("utf-8")) for p in kept] == [said.model_dump(mode="json")]
    assert evaluator.ask(Inspect(run_id="a-run", mixing=Mixing.wise(0.3))) == said
    with pytest.raises(UserError, match="alpha must be from 0"):
        evaluator.ask(Inspect(run_id="a-run", mixing=Mixing.wise(1.5)))


def test_the_feature_space_of_a_run_is_mapped_once(evaluator, home):
    said = evaluator.ask(MapFeatures(run_id="a-run", alpha=0.3))
    assert said.measured == len(said.labels) == len(said.places["tsne"]["alpha"])
    kept = list(home.cache.glob("space-*.json"))
    assert [json.loads(p.read_text("utf-8")) for p in kept] == [said.model_dump(mode="json")]
    assert evaluator.ask(MapFeatures(run_id="a-run", alpha=0.3)) == said
    evaluator.ask(MapFeatures(run_id="a-run", alpha=0.4))
    assert len(list(home.cache.glob("space-*.json"))) == 2, "the control: another α, another look"


def test_templates_are_corrected_again_without_those_that_are_excluded(evaluator):
    as_it_was = evaluator.ask(CorrectTemplates(run_id="a-run", excluded=None))
    assert as_it_was.after is None
    odd = as_it_was.templates[:2]
    again = evaluator.ask(CorrectTemplates(run_id="a-run", excluded=odd))
    assert again.before == as_it_was.before
    assert sorted(again.after.excluded) == sorted(odd)
    with pytest.raises(UserError, match="excluded_templates: there is no 'a picture'"):
        evaluator.ask(CorrectTemplates(run_id="a-run", excluded=["a picture"]))


def test_a_photo_is_classified_in_three_columns(evaluator, config):
    image = next(Path(config.data).glob("test/otter/*"))
    columns = evaluator.ask(Predict(run_id="a-run", mixing=Mixing.wise(0.3), image=image)).columns
    assert [column.label for column in columns] == ["zero-shot", "α = 0.3", "fine-tuned"]
    for column in columns:
        assert sum(guess.probability for guess in column.top) == pytest.approx(1, abs=1e-4)


def test_a_steady_answer_says_how_familiar_the_photo_looks_and_who_answers(evaluator, config):
    image = next(Path(config.data).glob("train/otter/*"))
    said = evaluator.ask(Predict(run_id="a-run", mixing=Mixing.steady(0.3), image=image))
    assert [column.label for column in said.columns][1] == "α = 0.3, steady"
    assert 0 <= said.gate.familiarity <= said.gate.tuned_share <= 1
    assert evaluator.ask(Predict(run_id="a-run", mixing=Mixing.wise(0.3), image=image)).gate is None


def test_a_photo_is_told_how_familiar_it_is_and_where_the_model_looked(evaluator, config):
    known = next(Path(config.data).glob("train/otter/*"))
    said = evaluator.ask(Predict(run_id="a-run", mixing=Mixing.wise(0.3), image=known))
    assert said.familiarity.similarity <= 1 + 1e-6
    assert -1 <= said.familiarity.threshold <= 1
    lower = said.familiarity.similarity < said.familiarity.threshold
    assert said.familiarity.abstain is lower
    assert said.map.kind == "rollout"
    values = [value for row in said.map.values for value in row]
    assert 0 <= min(values) <= max(values) <= 1


def test_an_export_is_verified_and_packed(evaluator):
    exported = evaluator.ask(Export(run_id="a-run", mixing=Mixing.wise(0.3), format="open_clip"))
    assert exported.verified, exported.check
    assert Path(exported.path).stat().st_size == exported.size_bytes
    assert {one.output for one in exported.differences} == {
        "image features",
        "text features",
        "logits of photos",
    }


def test_an_export_with_folders_in_it_is_packed_whole(evaluator):
    exported = evaluator.ask(
        Export(run_id="a-run", mixing=Mixing.steady(0.5), format="steady-open_clip")
    )
    assert exported.verified, exported.check
    name = "a-run-steady-open_clip-alpha-0.5"
    assert Path(exported.path).name == f"{name}.zip"
    with zipfile.ZipFile(exported.path) as archive:
        held = set(archive.namelist())
    inside = ("steady.py", "gate.safetensors", "zero-shot/evenkeel.json", "tuned/head.safetensors")
    assert held > {f"{name}/{path}" for path in inside}
    assert not any(entry.endswith("/") for entry in held)


def test_a_document_of_one_file_is_downloaded_as_that_file(evaluator):
    exported = evaluator.ask(Export(run_id="a-run", mixing=Mixing.wise(0.5), format="report"))
    assert Path(exported.path).name == "a-run-report-alpha-0.5.html"
    assert "<svg" in Path(exported.path).read_text("utf-8")
    assert not exported.verified


def test_a_snippet_names_the_file_that_is_downloaded(evaluator):
    exported = evaluator.ask(Export(run_id="a-run", mixing=Mixing.wise(0.5), format="onnx"))
    assert Path(exported.path).name == "a-run-onnx-alpha-0.5.onnx"
    assert f'InferenceSession("{exported.path}")' in exported.snippet


@pytest.mark.parametrize("format", ["../x", "pickle"])
def test_an_unknown_format_is_refused_before_anything_is_written(evaluator, home, format):
    before = sorted(home.home.rglob("exports/**"))
    with pytest.raises(UserError, match="format: there is no"):
        evaluator.ask(Export(run_id="a-run", mixing=Mixing.wise(0.5), format=format))
    assert sorted(home.home.rglob("exports/**")) == before


@pytest.mark.parametrize("run", ["../a-run", "no-such-run", ".", ""])
def test_only_runs_of_this_home_are_opened(evaluator, run):
    with pytest.raises(UserError, match="run: there is no"):
        evaluator.ask(Measure(run_id=run, mixing=Mixing.wise(0.5)))


def test_every_question_has_exactly_one_handler():
    from jobs.evaluator import service

    assert set(QUESTIONS) == set(service.HANDLERS)
    assert len({question.name() for question in QUESTIONS}) == len(QUESTIONS)
    for question, handler in service.HANDLERS.items():
        assert vars(service.Evaluator)[handler.__name__] is handler
        asked, answered = handler.__annotations__.values()
        assert (asked, TypeAdapter(answered).core_schema) == (
            question,
            answer_type(question).core_schema,
        )
    with pytest.raises(TypeError, match="Measure has two handlers"):
        service.answers(Measure)(lambda *_: None)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mixin": 1}, "measure: unknown field: there is no 'mixin'. Did you mean 'mixing'"),
        ({"run_id": 3}, "measure: run_id must be a valid string, got 3"),
        ({"mixing": {"kind": "wise", "alpha": 2}}, "mixing.alpha must be less than or equal to 1"),
        ({"mixing": None}, "measure: mixing must be "),
    ],
)
def test_a_question_with_a_wrong_field_is_refused_with_a_sentence(evaluator, change, sentence):
    good = Measure(run_id="a-run", mixing=Mixing.wise(0.5))
    assert Measure.read(good.model_dump_json().encode()) == good
    body = json.dumps({**good.model_dump(), **change}).encode()
    answer = evaluator._send("/measure", body)
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


def test_a_question_that_is_cut_off_is_refused_with_a_sentence(evaluator):
    answer = evaluator._send("/measure", b'{"run_id": "a-')
    assert (answer.status_code, answer.json()["error"][:22]) == (422, "measure: Invalid JSON:")


def test_numbers_survive_the_wire_bit_for_bit():
    odd = [0.1 + 0.2, 5e-324, -0.0, 1 / 3, math.inf, math.nan, 1e308, float(np.float32(0.1))]
    for number in odd:
        asked = Footprint(number, number, 2**53 + 1, 0)
        there = MeasureFootprint.decode(MeasureFootprint.encode(asked))
        assert struct.pack("d", there.step_seconds) == struct.pack("d", number)
        assert there.activation_bytes == 2**53 + 1


def test_the_shelf_makes_each_value_once_and_forgets_the_oldest():
    made = []
    shelf: LendingCache[str] = LendingCache(size=2)
    for key in ("a", "b", "a", "c", "a", "b"):
        with shelf.borrow(key, lambda key=key: made.append(key) or key) as value:
            assert value == key
    assert made == ["a", "b", "c", "b"]


def test_the_shelf_tries_again_after_an_error():
    shelf: LendingCache[int] = LendingCache(size=1)

    def fail() -> int:
        raise UserError("not now")

    with pytest.raises(UserError), shelf.borrow("a", fail):
        pass
    with shelf.borrow("a", lambda: 1) as value:
        assert value == 1


def test_the_socket_is_the_owners_alone_once_it_listens(tmp_path):
    path = tmp_path / "evaluator.sock"
    with server._listening(path) as line, socket.socket(socket.AF_UNIX) as client:
        assert path.stat().st_mode & 0o777 == 0o600
        client.connect(str(path))
        assert line.fileno() >= 0
    assert [each.name for each in tmp_path.iterdir()] == ["evaluator.sock"]
