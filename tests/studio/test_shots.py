"""The shots curve of the lab: which runs are on it, what is advised, and what can be queued."""

import re
import time

import pytest

from core.data.dataset import Dataset, IngestReport
from core.errors import UserError
from core.results.by_shots import of_runs, zero_shot
from core.results.records import RunConfig
from core.results.untrained import (
    ChangeEstimate,
    ClassAdvice,
    Gain,
    ShotsCurvePoint,
    ShotsPlan,
    UntrainedCurve,
)
from jobs.evaluator.questions import MeasureShots
from studio.lab.shots import ShotsPanel, ShotsWords, advice, told
from studio.lab.shots_chart import shots_chart
from studio.people.visitors import Visitor
from studio.workspace import Workspace
from studio.workspace.session import Place, Session
from tests.studio.conftest import NASTY, stand_in
from tests.studio.test_error_lab import in_a_thread


def gain(mean, low, high):
    change = ChangeEstimate(mean, low, high)
    return Gain(9, 0.5, 0.3, 0.7, brought=change, expected=change)


def curve(*rows):
    """The evaluator's answer: `(class, expected on ID)`."""
    return UntrainedCurve(
        encoder="embedded", alpha=None, plan=ShotsPlan(seeds=2), sizes={"test": 100},
        domains={"test": [ShotsCurvePoint("mixed", 4, 0.6, None, (0.5, 0.7))]},
        advice=[ClassAdvice(name, 4, 2, {"id": gain(*expected)}) for name, expected in rows],
        notes=[],
    )  # fmt: skip


@pytest.fixture
def dataset(tmp_path):
    return Dataset(
        root=tmp_path, title="d", classes=("fox", "owl", "cat"), names=("red fox", NASTY, "cat"),
        domains=(), templates=(), report=IngestReport(), allow_fewer=True,
    )  # fmt: skip


def test_the_first_class_clear_of_chance_is_advised_and_else_the_best_guess_is_called_one(dataset):
    unclear, clear = ("fox", (0.09, -0.1, 0.2)), ("cat", (0.04, 0.01, 0.07))
    said = told(curve(unclear, clear), dataset)
    assert said["verdict"].startswith("Label cat next: 4 more images")
    assert "+4.0" in said["verdict"], "with its estimate"
    said = told(curve(unclear), dataset)
    assert "no class is clear of chance" in said["verdict"]
    assert "red fox" in said["verdict"]
    said = told(curve(("fox", (-0.02, -0.1, 0.06))), dataset)
    assert said["verdict"] == ShotsWords.label_nothing
    assert said["alone"] == ShotsWords.label_alone.format(names=f"{NASTY}, cat")


def test_names_are_text(dataset):
    from studio.workspace.background import Answer

    answer = Answer("ready", curve(("owl", (0.04, 0.01, 0.07))))
    markup = advice(dataset, answer, NASTY, [1, 4], None)
    assert "onerror" in markup, "the name is shown"
    assert "<img" not in markup
    assert "at 1 and 4 shots" in markup


def test_the_chart_has_both_sides_and_every_number_in_its_table(record):
    zero, runs = zero_shot(record), of_runs([record])
    value = shots_chart("FT", zero, runs, {}, record.run_id)
    named = [line["name"] for line in value["figure"]["data"]]
    assert named == ["zero-shot, ID", "FT, ID", "zero-shot, OOD", "FT, OOD"]
    assert value["figure"]["layout"]["xaxis"]["ticktext"] == ["16"]
    rows = {tuple(row[:3]): row[3:] for row in value["table"]["rows"]}
    assert rows["FT", "ID", "16"] == ["66.0\u202f%", "56–75\u202f%", "100", "1"]
    bar = value["figure"]["data"][1]["error_y"]
    assert bar["array"][0] > 0
    alone = shots_chart("FT", {"id": zero["id"]}, {"id": runs["id"]}, {}, record.run_id)
    assert [line["name"] for line in alone["figure"]["data"]] == ["zero-shot, ID", "FT, ID"]


def _chart(page, session):
    return page.views[0].draw(session)


def _advice(page, session):
    return page.views[1].draw(session)


def _key(page, session):
    return page.views[1].depends(session)


@pytest.fixture
def shelved(studio, record):
    """A finished run on the demo at 16 shots, one at 4 with another rate, one queued at 4."""
    data_id = studio.data_store.add_demo()
    path = str(studio.data_store.path(data_id))

    def submit(finish, **asked):
        config = RunConfig(data=path, method="ft", **{"shots": 16, **asked})
        job = studio.ledger.submit(config)
        if finish:
            kept = record.model_copy(
                update={"run_id": job.id, "config": config.model_dump(mode="json")}
            )
            folder = studio.folder(job.id)
            folder.create(config)
            kept.write(folder.record_path)
            studio.ledger.finish(studio.ledger.claim("w"), "done")
        return job.id

    first = submit(True)
    submit(True, shots=4, params={"lr": 1e-3})
    submit(True, shots=2, seed=3, evaluations=0)
    submit(False, shots=4)
    return first


def test_runs_that_differ_in_more_than_shots_and_seed_are_not_on_the_curve(mine, shelved):
    assert sorted(one.config["shots"] for one in mine.runs.by_shots(shelved)) == [2, 16]


def test_a_run_that_was_queued_without_its_defaults_is_on_the_curve_of_those_with_them(
    studio, mine, record, shelved
):
    whole = {**RunConfig(data="/d", method="ft").model_dump(mode="json"), "params": {"epochs": 20}}
    path = mine.runs.find(shelved).config["data"]
    for shots, params in ((3, {}), (5, {"epochs": 20})):
        config = RunConfig(data=path, method="ft", shots=shots, params=params)
        job = studio.ledger.submit(config)
        studio.folder(job.id).create(config)
        kept = {**whole, "data": path, "shots": shots}
        changed = {"run_id": job.id, "config": kept}
        record.model_copy(update=changed).write(studio.folder(job.id).record_path)
        while (claimed := studio.ledger.claim("w")) and claimed.id != job.id:
            studio.ledger.finish(claimed, "done")
        studio.ledger.finish(claimed, "done")
    assert sorted(one.config["shots"] for one in mine.runs.by_shots(job.id)) == [3, 5]
    for rate in (None, 1e-3):  # what a job leaves to the run agrees with what the run made of it
        params = {"epochs": 20, "lr": rate}
        studio.ledger.submit(RunConfig(data=path, method="ft", shots=7, params=params))
    whole["params"]["lr"] = 1e-4
    record.model_copy(update={"run_id": job.id, "config": kept}).write(
        studio.folder(job.id).record_path
    )
    studio._records.clear()
    waiting = [one for one in mine.runs.alike(job.id) if one.state == "queued"]
    assert [one.config["params"]["lr"] for one in waiting if one.config["shots"] == 7] == [None]


def test_only_what_no_run_has_is_queued_with_all_else_as_it_was(studio, mine, shelved):
    before = {job.id for job in mine.runs.jobs()}
    session = Session(mine, Place(run=shelved, tab="lab"))
    page = in_a_thread(lambda: ShotsPanel(studio))
    assert 'data-do="queue-shots"' in _advice(page, session)
    page.queue(session, {})
    [one] = [job.config for job in mine.runs.jobs() if job.id not in before]
    assert (one["shots"], one["seed"], one["method"]) == (1, 0, "ft")
    assert session.notices["shots"].level == "good"
    assert 'data-do="queue-shots"' not in _advice(page, session), "4 waits, 16 is done"
    with pytest.raises(UserError, match="has a run already"):
        page.queue(session, {})


def test_the_curve_is_measured_once_somebody_asks_with_the_runs_model_and_prompts(
    studio, mine, shelved
):
    asked = []
    stand_in(studio, MeasureShots, lambda question: asked.append(question) or curve())
    session = Session(mine, Place(run=shelved, tab="lab"))
    page = in_a_thread(lambda: ShotsPanel(studio))
    assert 'data-do="measure-shots"' in _advice(page, session)
    before = _key(page, session)
    page.measure(session, {})
    while studio.background.waiting:
        time.sleep(0.01)
    assert [(one.model, one.templates) for one in asked] == [("embedded", "dataset")]
    assert _key(page, session) != before
    assert re.search("What to label next", _advice(page, session))
    names = [line["name"] for line in _chart(page, session)["figure"]["data"]]
    assert "no training, ID" in names


def test_a_stranger_to_the_run_measures_and_queues_nothing(studio, shelved):
    nobody = Workspace(studio, Visitor("visitor", "someone-else", token="t" * 43))
    session = Session(nobody, Place(run=shelved, tab="lab"))
    page = in_a_thread(lambda: ShotsPanel(studio))
    assert (_key(page, session), _chart(page, session)) == (None, None)
    assert _advice(page, session) == ""
    for act in (page.measure, page.queue):
        with pytest.raises(UserError):
            act(session, {})
