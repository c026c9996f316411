"""What whoever runs the studio asks of it: `doctor`, `backup`, `restore`, the logs."""

import json

import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.settings import Settings


@pytest.fixture
def settings(home):
    return Settings(home=home)


@pytest.fixture
def job(settings):
    return Ledger(settings).submit(RunConfig(data="/images"))


def test_the_workers_lines_about_a_run_are_shown_and_no_others(evenkeel, settings, job):
    settings.logs.mkdir()
    line = {"time": "2026-01-01T00:00:00.000+00:00", "process": "worker", "message": "took it"}
    lines = [line | {"run": job.id}, line | {"run": "another", "message": "no"}]
    text = "\n".join(json.dumps(line) for line in lines) + '\n{"half a li'
    (settings.logs / "worker.jsonl").write_text(text)
    shown = evenkeel("logs", job.id, "--worker")
    assert "worker     took it\n" in shown.out
    assert shown.out.count("\n") == 1
    assert evenkeel("logs", job.id, "--worker", "--json").json == [lines[0]]


def test_the_doctor_ends_well_when_nothing_fails(evenkeel):
    answer = evenkeel("doctor", "--json")
    assert (answer.code, answer.err, answer.json["healthy"]) == (0, "", True)
    assert {check["state"] for check in answer.json["checks"]} <= {"ok", "warn"}


def test_the_doctor_ends_with_2_and_a_sentence_when_something_does(evenkeel, settings):
    settings.ledger_path.write_bytes(b"this is no database" * 100)
    answer = evenkeel("doctor")
    assert answer.code == 2
    assert "checks failed: database." in answer.err
    assert "fail  database            " in answer.out
    assert "Traceback" not in answer.out + answer.err
    assert evenkeel("doctor", "--json").json["healthy"] is False


def test_a_backup_is_restored_into_another_home(evenkeel, job, tmp_path, monkeypatch):
    assert "files of" in evenkeel("backup", tmp_path / "copy").out
    assert "already holds" in evenkeel("backup", tmp_path / "copy").complaint
    assert "must be empty" in evenkeel("restore", tmp_path / "copy").complaint
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "elsewhere"))
    assert (
        "Runs look for their images where they were" in evenkeel("restore", tmp_path / "copy").out
    )
    assert [listed["id"] for listed in evenkeel("jobs", "--json").json] == [job.id]
