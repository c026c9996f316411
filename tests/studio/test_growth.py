"""A page asks and sends as much with many runs, classes and steps as with few."""

from collections import Counter
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from PIL import Image

from core.events import Stage, Step
from core.results.records import RunConfig
from jobs import progress
from jobs.ledger import Ledger
from studio.data.class_grid import class_grid
from studio.frame.more import STEP, how_many, showing_more
from studio.live.training_charts import loss_chart
from studio.live.updates_chart import updates_chart
from studio.shell.job_list import job_list
from studio.shell.page import Shell
from studio.workspace.session import Session
from tests.attacks.conftest import LOAD, TICK, town


@contextmanager
def statements():
    """Counts what is asked of the database."""
    counted = Counter()

    def count(_connection, _cursor, statement, *_):
        counted[statement.split(maxsplit=1)[0]] += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield counted
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


def finish(ledger, settings, record, count, data):
    """So many more finished runs on a data set."""
    for _ in range(count):
        job = ledger.submit(RunConfig(data=str(data), method="ft"))
        folder = settings.run_folder(job.id)
        folder.create(RunConfig(data=str(data), method="ft"))
        record.model_copy(update={"run_id": job.id}).write(folder.record_path)
        ledger.finish(ledger.claim("here"), "done")


def test_a_page_asks_the_database_no_more_with_five_times_the_runs(tmp_path, record):
    with town(tmp_path, public=False, auth=None) as here:
        ledger, person = Ledger(here.settings), here.visitor("owner")
        folder = here.settings.home / "datasets" / "set"
        _images(folder)
        asked = {}
        for more in (8, 32):
            finish(ledger, here.settings, record, more, folder)
            for event in (LOAD, TICK):
                person.fire(event, query="?data=set&tab=compare")  # what is read once is read now
                with statements() as counted:
                    answer = person.fire(event, query="?data=set&tab=compare")
                assert answer.status_code == 200, answer.text
                asked.setdefault(event, []).append(counted["SELECT"])
        for first, later in asked.values():
            assert 0 < later <= first + 1


def _images(folder):
    for name in ("red fox", "snow owl"):
        for number in range(3):
            path = folder / "train" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (24, 24), (40 * number, len(name), 90)).save(path)


def test_the_newest_run_of_a_data_set_is_found_behind_many_of_others(studio, mine, images, record):
    files = images(studio, "set/a/1.png", "set/b/1.png")
    data_id, _ = studio.data_store.add_upload(files, "train", None)
    finish(studio.ledger, studio.settings, record, 1, studio.data_store.path(data_id))
    (first,) = mine.runs.jobs()
    finish(studio.ledger, studio.settings, record, STEP + 5, "/data")
    assert first.id not in [job.id for job in mine.runs.jobs()], "the control: it is an old one"
    assert mine.runs.newest_run(data_id) == first.id
    assert [job.id for job in mine.runs.finished(data_id)] == [first.id]
    assert mine.runs.finished("no-such-set") == []


def test_the_drawer_shows_older_runs_when_asked(studio, mine, record):
    finish(studio.ledger, studio.settings, record, STEP + 2, "/data")
    session = Session(mine)
    drawn = job_list(mine, None, how_many(session, "queue"))
    assert (drawn.count("data-key="), drawn.count('data-do="show-more"')) == (STEP, 1)
    showing_more("queue")["show-more"](session, {})
    drawn = job_list(mine, None, how_many(session, "queue"))
    assert (drawn.count("data-key="), drawn.count('data-do="show-more"')) == (STEP + 2, 0)


def test_a_tick_opens_no_log_of_a_run_that_is_over(studio, mine, run, monkeypatch):
    shell = Shell.__new__(Shell)
    shell._studio = studio
    opened = []
    read = progress.Reader.read
    monkeypatch.setattr(
        progress.Reader, "read", lambda reader, after=0: opened.append(1) or read(reader, after)
    )
    shell._queue_key(Session(mine))
    assert opened == []
    studio.ledger.submit(RunConfig(data="/data", method="ft"))
    studio.ledger.claim("here")
    shell._queue_key(Session(mine))
    assert opened == [1], "the control: a run that goes on is followed"


def test_a_grid_of_many_classes_sends_the_first_cards(studio, images):
    files = images(studio, *(f"set/class {number:03}/1.png" for number in range(STEP + 10)))
    data_id, _ = studio.data_store.add_upload(files, "train", None)
    opened = studio.data_store.open(data_id)
    first, all_of_them = (class_grid(opened, None, False, most) for most in (STEP, 2 * STEP))
    assert first.count("<article") == STEP
    assert all_of_them.count("<article") == STEP + 10
    assert 'data-do="show-more"' in first
    assert 'data-do="show-more"' not in all_of_them


@pytest.mark.parametrize("chart", ["loss", "updates"])
def test_a_chart_of_a_long_run_is_as_large_as_that_of_a_short_one(chart):
    sizes = []
    for steps in (1000, 10_000):
        fold = progress.Fold()
        fold.add({"seq": 1, "time": 0.0, **Stage("training").to_json()})
        for n in range(1, steps + 1):
            event = Step(n, steps, 1, 1, 1 / n, {"a": 1 / n, "b": 2 / n}, 0.1, 1.0, 9.0)
            fold.add({"seq": n + 1, "time": float(n), **event.to_json()})
        found = fold.progress()
        drawn = (
            loss_chart("run", found.losses, steps, found.terms)
            if chart == "loss"
            else updates_chart("run", found.updates, ())
        )
        sizes.append(sum(len(line["x"]) for line in drawn["figure"]["data"]))
        assert drawn["figure"]["data"][0]["x"][-1] == steps, "the newest step is in it"
    assert sizes[1] <= sizes[0] + 10
