from concurrent.futures import ThreadPoolExecutor
from stat import S_IMODE

import pytest
import sqlalchemy as sa

from core.errors import UserError
from core.records import RunConfig
from jobs.ledger import MAX_CRASHES, Ledger
from jobs.owner import this_process
from jobs.schema import VERSION, open_database

CONFIG = RunConfig(data="/images", params={"lr": 1e-5})
ME = "boot:1:1"


def test_a_submitted_job_waits_with_its_config(ledger):
    job = ledger.submit(CONFIG)
    assert ledger.get(job.id) == job
    assert (job.state, job.attempt, job.owner) == ("queued", 0, None)
    assert RunConfig.model_validate(job.config) == CONFIG
    assert job.id.startswith("fd-align-")


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


def test_whoever_lost_a_job_can_no_longer_write_to_it(ledger):
    ledger.submit(CONFIG)
    mine = ledger.claim(ME)
    assert ledger.release(mine)
    theirs = ledger.claim("boot:2:2")
    assert theirs.attempt == 2
    assert ledger.beat(mine) is None
    assert not ledger.finish(mine, "done")
    assert ledger.crashed(mine, "…") is None
    assert ledger.get(mine.id) == theirs


def test_a_released_job_keeps_its_place_in_the_line(ledger):
    first, _ = ledger.submit(CONFIG), ledger.submit(CONFIG)
    ledger.release(ledger.claim(ME))
    assert ledger.position(first.id) == 1
    assert ledger.get(first.id).crashes == 0


def test_a_queued_job_is_cancelled_at_once(ledger):
    job = ledger.submit(CONFIG)
    assert ledger.request_cancel(job.id).state == "cancelled"
    assert ledger.claim(ME) is None


def test_a_running_job_is_asked_to_stop(ledger):
    job = ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    assert ledger.request_cancel(job.id).state == "running"
    assert ledger.beat(claimed).cancel_requested


@pytest.mark.parametrize("way", ["release", "crashed"])
def test_a_job_that_was_asked_to_stop_never_goes_back_into_the_line(ledger, way):
    job = ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    ledger.request_cancel(job.id)
    ledger.release(claimed) if way == "release" else ledger.crashed(claimed, "it died")
    assert ledger.get(job.id).state == "cancelled"


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


def test_a_job_that_is_over_cannot_be_cancelled(ledger):
    job = ledger.submit(CONFIG)
    ledger.finish(ledger.claim(ME), "done")
    with pytest.raises(UserError, match="already done"):
        ledger.request_cancel(job.id)


def test_a_job_whose_process_dies_three_times_fails_with_the_reason(ledger):
    job = ledger.submit(CONFIG)
    for crash in range(1, MAX_CRASHES + 1):
        freed = ledger.crashed(ledger.claim(ME), f"death {crash}")
        assert freed.state == ("failed" if crash == MAX_CRASHES else "queued")
    assert "died 3 times" in ledger.get(job.id).error
    assert "death 3" in ledger.get(job.id).error


def test_a_sign_of_life_after_the_look_saves_a_job_from_being_taken(ledger):
    ledger.submit(CONFIG)
    claimed = ledger.claim(ME)
    seen = ledger.running()[0]
    ledger.beat(claimed)
    assert ledger.crashed(seen, "it seemed dead") is None
    assert ledger.get(claimed.id).state == "running"


def test_an_unknown_job_names_its_neighbours(ledger):
    with pytest.raises(UserError, match="no job at all"):
        ledger.get("fd-align")
    job = ledger.submit(CONFIG)
    with pytest.raises(UserError, match=job.id):
        ledger.get(job.id[:-1])


def test_the_database_is_durable_and_private(settings, ledger):
    engine = open_database(settings.ledger_path)
    with engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 30000]
    assert S_IMODE(settings.home.stat().st_mode) == 0o700
    assert S_IMODE(settings.ledger_path.stat().st_mode) == 0o600


def test_a_newer_ledger_is_refused_with_a_sentence(settings, ledger):
    engine = sa.create_engine(f"sqlite:///{settings.ledger_path}", poolclass=sa.pool.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UserError, match="Upgrade"):
        Ledger(settings)


def test_a_process_is_known_from_a_later_one_with_its_id():
    from jobs.owner import is_gone

    me = this_process()
    boot, pid, start = me.split(":")
    assert is_gone(me) is False
    assert is_gone(f"{boot}:{pid}:{int(start) - 1}") is True
    assert is_gone(f"another-boot:{pid}:{start}") is None
