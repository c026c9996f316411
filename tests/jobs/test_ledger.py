"""What the ledger promises, on both of its databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import MAX_CRASHES, Ledger, schema
from jobs.ledger.database import open_database
from jobs.ledger.job import Artifact
from jobs.settings import Settings
from tests import services

CONFIG = RunConfig(data="/images", params={"lr": 1e-5})
ME = "boot:1:1"
ANN, BOB = "ann", "bob"


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path):
    if request.param == "sqlite":
        return Settings(home=tmp_path / "home")
    url = request.getfixturevalue("postgres")
    services.empty(url)
    return Settings(home=tmp_path / "home", database=url)


@pytest.fixture
def visitors(settings, ledger):
    with open_database(settings).execution_options(writes=True).begin() as connection:
        for name in (ANN, BOB):
            row = {"id": name, "token_hash": name, "created": 0.0, "seen": 0.0}
            connection.execute(sa.insert(schema.workspace).values(row))


def kinds(ledger, job):
    return [entry.kind for entry in ledger.history(job.id)]


# --- the line ------------------------------------------------------------------------------------


def test_a_submitted_job_waits_with_its_config(ledger):
    job = ledger.submit(CONFIG)
    assert ledger.get(job.id) == job
    assert (job.state, job.attempt, job.owner) == ("queued", 0, None)
    assert RunConfig.model_validate(job.config) == CONFIG
    assert job.id.startswith("ft-")


def test_the_config_cannot_be_changed_from_outside_once_it_is_queued(ledger):
    params = {"lr": 1e-5}
    job = ledger.submit(RunConfig(data="/images", params=params))
    params["lr"] = 1.0
    job.config["params"]["lr"] = 1.0
    assert ledger.get(job.id).config["params"] == {"lr": 1e-5}


def test_a_hundred_concurrent_claims_of_one_job_have_one_winner(settings):
    Ledger(settings).submit(CONFIG)
    ledgers = [Ledger(settings) for _ in range(8)]
    with ThreadPoolExecutor(20) as pool:
        claims = list(pool.map(lambda i: ledgers[i % 8].claim(f"boot:{i}:1"), range(100)))
    winners = [job for job in claims if job]
    assert len(winners) == 1
    assert winners[0].attempt == 1


def test_jobs_are_claimed_in_the_order_in_which_they_came(ledger):
    ids = [ledger.submit(CONFIG).id for _ in range(3)]
    assert [ledger.position(job_id) for job_id in ids] == [1, 2, 3]
    assert [ledger.claim(ME).id for _ in ids] == ids
    assert ledger.claim(ME) is None
    assert ledger.position(ids[0]) is None


def test_the_newest_jobs_are_listed_first(ledger):
    ids = [ledger.submit(CONFIG).id for _ in range(3)]
    assert [job.id for job in ledger.list()] == ids[::-1]
    assert [job.id for job in ledger.list(limit=1)] == ids[-1:]


def test_the_queue_reads_downwards(ledger):
    ids = [ledger.submit(CONFIG).id for _ in range(8)]
    running = [ledger.claim(ME) for _ in range(4)]
    for job in (running[1], running[0]):
        ledger.finish(job, "done")
    ledger.request_cancel(ids[4])
    ledger.request_pause(ids[6])
    ledger.prioritise(ids[7], 1)
    runs, line, aside, over = [2, 3], [7, 5], [6], [4, 0, 1]
    shown = [job.id for job in ledger.list(downwards=True)]
    assert shown == [ids[i] for i in (*runs, *line, *aside, *over)]
    assert [job.id for job in ledger.list(limit=3, downwards=True)] == shown[:3]
    assert [job.id for job in ledger.queued()] == [ids[i] for i in line]


def test_a_higher_priority_is_taken_first(ledger):
    ids = [ledger.submit(CONFIG).id for _ in range(3)]
    ledger.prioritise(ids[2], 1)
    ledger.prioritise(ids[0], -1)
    assert [ledger.claim(ME).id for _ in ids] == [ids[2], ids[1], ids[0]]


@pytest.mark.parametrize(
    ("who", "before", "order"),
    [(2, 0, [2, 0, 1, 3]), (0, 3, [1, 2, 0, 3]), (1, None, [0, 2, 3, 1]), (1, 1, [0, 1, 2, 3])],
)
def test_a_moved_job_has_the_place_that_was_asked_for(ledger, who, before, order):
    ids = [ledger.submit(CONFIG).id for _ in range(4)]
    ledger.move(ids[who], before=None if before is None else ids[before])
    assert [job.id for job in ledger.queued()] == [ids[i] for i in order]
    late = ledger.submit(CONFIG)
    assert ledger.queued()[-1] == late


def test_a_job_can_be_moved_across_priorities(ledger):
    first, second, urgent = (ledger.submit(CONFIG).id for _ in range(3))
    ledger.prioritise(urgent, 5)
    ledger.move(second, before=urgent)
    assert [job.id for job in ledger.queued()] == [second, urgent, first]
    ledger.move(second)
    assert [job.id for job in ledger.queued()] == [urgent, first, second]


def test_a_job_cannot_be_moved_before_one_that_does_not_wait(ledger):
    running, waits = ledger.submit(CONFIG), ledger.submit(CONFIG)
    ledger.claim(ME)
    with pytest.raises(UserError, match="is running"):
        ledger.move(waits.id, before=running.id)
    with pytest.raises(UserError, match="is running"):
        ledger.move(running.id)


# --- who holds a job -----------------------------------------------------------------------------


def test_whoever_lost_a_job_can_no_longer_write_to_it(ledger):
    ledger.submit(CONFIG)
    mine = ledger.claim(ME)
    assert ledger.release(mine)
    theirs = ledger.claim("boot:2:2")
    assert theirs.attempt == 2
    assert ledger.beat(mine) is None
    assert ledger.progressed(mine) is None
    assert ledger.crashed(mine, "…") is None
    published = Artifact("weights", "w.safetensors", "0" * 64, 1)
    assert not ledger.finish(mine, "done", artifacts=[published])
    assert not ledger.wait(mine, "the disk is full")
    assert not ledger.paused(mine)
    assert not ledger.release(mine)
    assert ledger.get(mine.id) == theirs
    assert ledger.artifacts(mine.id) == []


def test_a_released_job_keeps_its_place_in_the_line(ledger):
    first, _ = ledger.submit(CONFIG), ledger.submit(CONFIG)
    ledger.release(ledger.claim(ME))
    assert ledger.position(first.id) == 1
    assert ledger.get(first.id).crashes == 0


def test_a_job_whose_process_dies_three_times_fails_with_the_reason(ledger):
    job = ledger.submit(CONFIG)
    for crash in range(1, MAX_CRASHES + 1):
        freed = ledger.crashed(ledger.claim(ME), f"death {crash}")
        assert freed.state == ("failed" if crash == MAX_CRASHES else "queued")
    assert "died 3 times" in ledger.get(job.id).error
    assert "death 3" in ledger.get(job.id).error


def test_a_job_that_gets_further_between_its_crashes_goes_on(ledger):
    job = ledger.submit(CONFIG)
    for _ in range(2 * MAX_CRASHES):
        claimed = ledger.claim(ME)
        claimed = ledger.progressed(claimed)
        assert ledger.crashed(claimed, "it died").state == "queued"
    assert ledger.get(job.id).crashes == 1


def test_a_sign_of_life_after_the_look_saves_a_job_from_being_taken(ledger):
    ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    seen = ledger.running()[0]
    ledger.beat(claimed)
    assert ledger.crashed(seen, "it seemed dead") is None
    assert ledger.get(claimed.id).state == "running"


def test_a_job_without_room_waits_and_that_is_no_crash(ledger):
    job = ledger.submit(CONFIG)
    assert ledger.wait(ledger.claim(ME), "the disk is full")
    waits = ledger.get(job.id)
    assert (waits.state, waits.error, waits.crashes) == ("waiting", "the disk is full", 0)
    assert ledger.claim(ME) is None
    assert ledger.waited(waits).state == "queued"
    assert ledger.waited(waits) is None
    assert ledger.claim(ME).error is None


def test_files_are_published_with_the_state_that_makes_them_count(ledger):
    job = ledger.submit(CONFIG)
    files = [
        Artifact("record", "record.json", "1" * 64, 10),
        Artifact("weights", "classifier.safetensors", "2" * 64, 5 * 2**30),
    ]
    assert ledger.finish(ledger.claim(ME), "done", artifacts=files)
    assert ledger.artifacts(job.id) == files


# --- what people ask -----------------------------------------------------------------------------


def test_a_queued_job_is_cancelled_at_once(ledger):
    job = ledger.submit(CONFIG)
    assert ledger.request_cancel(job.id).state == "cancelled"
    assert ledger.claim(ME) is None


def test_a_running_job_is_asked_to_stop(ledger):
    job = ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    assert ledger.request_cancel(job.id).state == "running"
    assert ledger.beat(claimed).asked == "cancel"


@pytest.mark.parametrize(
    "leave",
    [
        lambda ledger, job: ledger.release(job),
        lambda ledger, job: ledger.crashed(job, "it died"),
        lambda ledger, job: ledger.wait(job, "no room"),
        lambda ledger, job: ledger.paused(job),
    ],
    ids=["release", "crashed", "wait", "paused"],
)
@pytest.mark.parametrize(("ask", "state"), [("cancel", "cancelled"), ("pause", "paused")])
def test_what_was_asked_happens_however_the_worker_lets_go(ledger, leave, ask, state):
    job = ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    getattr(ledger, f"request_{ask}")(job.id)
    assert leave(ledger, claimed)
    left = ledger.get(job.id)
    assert (left.state, left.asked, left.owner) == (state, None, None)
    assert (left.finished is not None) == (state == "cancelled")


def test_a_stop_stays_asked_until_an_attempt_has_done_it(ledger):
    job = ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    ledger.request_stop(job.id)
    ledger.crashed(claimed, "it died")
    again = ledger.claim(ME)
    assert again.asked == "stop"
    ledger.finish(again, "done")
    assert ledger.get(job.id).asked is None


def test_finishing_and_cancelling_at_once_have_one_outcome(ledger):
    for _ in range(10):
        job = ledger.submit(CONFIG)
        claimed = ledger.claim(ME)
        with ThreadPoolExecutor(2) as pool:
            done = pool.submit(ledger.finish, claimed, "done")
            stopped = pool.submit(ledger.request_cancel, job.id)
            assert done.result()
            assert stopped.exception() is None or isinstance(stopped.exception(), UserError)
        assert ledger.get(job.id).state == "done"


def test_a_paused_job_is_not_taken_until_it_is_resumed(ledger):
    job, other = ledger.submit(CONFIG), ledger.submit(CONFIG)
    assert ledger.request_pause(job.id).state == "paused"
    assert ledger.claim(ME).id == other.id
    assert ledger.claim(ME) is None
    ledger.resume(job.id)
    assert ledger.claim(ME).id == job.id


def test_a_pause_that_is_taken_back_in_time_pauses_nothing(ledger):
    job = ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    ledger.request_pause(job.id)
    assert ledger.resume(job.id).asked is None
    ledger.paused(claimed)  # its process was ending already
    assert ledger.get(job.id).state == "queued"


def test_a_pause_does_not_take_a_cancellation_back(ledger):
    job = ledger.submit(CONFIG)
    ledger.claim(ME)
    ledger.request_cancel(job.id)
    with pytest.raises(UserError, match="asked to cancel"):
        ledger.request_pause(job.id)
    assert ledger.get(job.id).asked == "cancel"


def test_a_retried_job_starts_over_at_the_end_of_the_line(ledger):
    job = ledger.submit(CONFIG)
    for _ in range(MAX_CRASHES):
        ledger.crashed(ledger.claim(ME), "it died")
    ahead = ledger.submit(CONFIG)
    again = ledger.retry(job.id)
    assert (again.state, again.crashes, again.error, again.finished) == ("queued", 0, None, None)
    assert [waits.id for waits in ledger.queued()] == [ahead.id, job.id]
    assert ledger.claim(ME).id == ahead.id
    assert ledger.claim(ME).attempt == MAX_CRASHES + 1


@pytest.mark.parametrize(
    "verb", ["request_cancel", "request_pause", "request_stop", "resume", "retry", "move"]
)
def test_nothing_can_be_done_to_a_job_that_is_done(ledger, verb):
    job = ledger.submit(CONFIG)
    ledger.finish(ledger.claim(ME), "done")
    before = ledger.get(job.id), ledger.history(job.id)
    with pytest.raises(UserError, match="already done"):
        getattr(ledger, verb)(job.id)
    assert (ledger.get(job.id), ledger.history(job.id)) == before


def test_a_deleted_job_takes_its_history_along(ledger):
    job, running = ledger.submit(CONFIG), ledger.submit(CONFIG)
    ledger.move(job.id)
    ledger.claim(ME)
    ledger.delete(job.id)
    assert ledger.history(job.id) == []
    with pytest.raises(UserError, match="no"):
        ledger.get(job.id)
    with pytest.raises(UserError, match="is running"):
        ledger.delete(running.id)


# --- history -------------------------------------------------------------------------------------


def test_every_transition_stands_in_the_history(ledger):
    job = ledger.submit(CONFIG)
    ledger.move(job.id)
    ledger.prioritise(job.id, 2)
    ledger.request_pause(job.id)
    ledger.resume(job.id)
    ledger.crashed(ledger.claim(ME), "it died")
    ledger.wait(ledger.progressed(ledger.claim(ME)), "no room")
    ledger.waited(ledger.get(job.id))
    ledger.release(ledger.claim(ME))
    claimed = ledger.claim(ME)
    ledger.request_pause(job.id)
    ledger.paused(claimed)
    ledger.request_cancel(job.id)
    ledger.retry(job.id)
    ledger.finish(ledger.claim(ME), "done")
    expected = """submitted moved prioritised paused resumed claimed crashed
        claimed progressed waits resumed claimed released claimed asked paused
        cancelled retried claimed finished"""
    assert kinds(ledger, job) == expected.split()
    history = ledger.history(job.id)
    assert [entry.seq for entry in history] == sorted(entry.seq for entry in history)
    assert history[6].data == {"state": "queued", "reason": "it died"}
    assert history[6].attempt == 1
    assert history[-1].data["state"] == "done"


def test_a_sign_of_life_is_no_history(ledger):
    job = ledger.submit(CONFIG)
    ledger.beat(ledger.claim(ME))
    assert kinds(ledger, job) == ["submitted", "claimed"]


# --- keys, limits, workspaces --------------------------------------------------------------------


def test_a_key_gives_the_job_of_its_first_submission(ledger, visitors):
    job = ledger.submit(CONFIG, key="click-1")
    assert ledger.submit(CONFIG, key="click-1") == job
    assert ledger.submit(CONFIG, key="click-2") != job
    hers = ledger.submit(CONFIG, workspace=ANN, key="click-1")
    assert hers not in (job, ledger.submit(CONFIG, workspace=BOB, key="click-1"))
    assert ledger.submit(CONFIG, workspace=ANN, key="click-1") == hers
    assert ledger.submit(CONFIG) != ledger.submit(CONFIG)


def test_a_visitor_may_have_five_runs_waiting(settings, ledger, visitors):
    kept = [ledger.submit(CONFIG, workspace=ANN, key=str(i)) for i in range(5)]
    with pytest.raises(UserError, match="5 of your runs"):
        ledger.submit(CONFIG, workspace=ANN)
    assert ledger.submit(CONFIG, workspace=ANN, key="0") == kept[0]
    ledger.submit(CONFIG, workspace=BOB)
    for _ in range(6):
        ledger.submit(CONFIG)  # the owner of the studio has no such limit
    ledger.request_pause(kept[0].id)  # no way around it
    with pytest.raises(UserError, match="5 of your runs"):
        ledger.submit(CONFIG, workspace=ANN)
    ledger.request_cancel(kept[0].id)
    ledger.submit(CONFIG, workspace=ANN)
    with pytest.raises(UserError, match="5 of your runs"):
        ledger.retry(kept[0].id)


def test_a_studio_has_a_longest_line(settings, visitors):
    ledger = Ledger(settings.model_copy(update={"studio_queued": 2}))
    ledger.submit(CONFIG)
    ledger.submit(CONFIG, workspace=ANN)
    for workspace in (None, BOB):
        with pytest.raises(UserError, match="2 runs"):
            ledger.submit(CONFIG, workspace=workspace)


def test_limits_hold_when_everybody_comes_at_once(settings, ledger, visitors, figure):
    def submit(_: int) -> bool:
        try:
            ledger.submit(CONFIG, workspace=ANN)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(submit, range(24))) == 5
    figure("24 submissions at once, 5 allowed: 5 taken")


def test_a_visitor_has_one_run_at_a_time_and_holds_nobody_up(ledger, visitors):
    hers = [ledger.submit(CONFIG, workspace=ANN).id for _ in range(2)]
    his = ledger.submit(CONFIG, workspace=BOB).id
    owners = [ledger.submit(CONFIG).id for _ in range(2)]
    claims = [ledger.claim(ME) for _ in range(5)]
    assert [job and job.id for job in claims] == [hers[0], his, *owners, None]
    ledger.finish(claims[0], "done")
    assert ledger.claim(ME).id == hers[1]


def test_a_foreign_job_answers_as_a_missing_one(ledger, visitors):
    def answer(job_id: str) -> str:
        with pytest.raises(UserError) as refusal:
            ledger.get(job_id, workspace=ANN)
        return str(refusal.value).replace(job_id, "JOB")

    his = ledger.submit(CONFIG, workspace=BOB)
    missing = his.id[:-6] + "aaaaaa"
    assert answer(his.id) == answer(missing)
    hers = ledger.submit(CONFIG, workspace=ANN)
    assert answer(his.id) == answer(missing)
    assert his.id not in answer(missing)
    assert ledger.get(hers.id, workspace=ANN) == hers
    assert ledger.list(workspace=ANN) == [hers]
    assert ledger.get(his.id) in ledger.list()


def test_an_unknown_job_names_its_neighbours(ledger):
    with pytest.raises(UserError, match="no job at all"):
        ledger.get("fd-align")
    job = ledger.submit(CONFIG)
    with pytest.raises(UserError, match=job.id):
        ledger.get(job.id[:-1])
