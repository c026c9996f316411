"""`evenkeel describe` and what `evenkeel jobs` makes of it."""

import json

import pytest

from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.settings import Settings
from studio.cli import main


def said(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--json"])
    assert not end.value.code
    return json.loads(capsys.readouterr().out)


def test_a_run_is_named_and_found_by_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path))
    ledger = Ledger(Settings())
    first, other = (ledger.submit(RunConfig(data="/images", method=m)).id for m in ("ft", "lp"))
    about = said(capsys, "describe", first, "--name", "Night", "--tag", "a", "--tag", "b")["about"]
    assert about == {"name": "Night", "note": "", "tags": ["a", "b"]}
    assert [job["id"] for job in said(capsys, "jobs")] == [first, other]
    [found] = said(capsys, "jobs", "--search", "night")
    assert (found["id"], found["about"]) == (first, about)
    assert said(capsys, "describe", first, "--no-tags")["about"]["tags"] == []
