"""Every button that a run shows does something, and what it does not show would be refused."""

from dataclasses import replace

import pytest

from core.errors import UserError
from core.results.records import RunConfig
from studio.live.steering import offered, steering
from studio.people.visitors import OWNER
from studio.workspace import Workspace
from studio.workspace.session import Session

VERBS = steering()


def submitted(studio):
    return studio.ledger.submit(RunConfig(data="/data", method="ft"))


def queued(studio):
    return submitted(studio)


def second(studio):
    submitted(studio)
    return submitted(studio)


def running(studio):
    submitted(studio)
    return studio.ledger.claim("worker")


def asked(verb):
    def ask(studio):
        return verb(studio.ledger)(running(studio).id)

    return ask


def aside(studio):
    return studio.ledger.request_pause(submitted(studio).id)


def failed(studio):
    studio.ledger.finish(job := running(studio), "failed", "disk")
    return job


def cancelled(studio):
    return studio.ledger.request_cancel(submitted(studio).id)


def done(studio):
    studio.ledger.finish(job := running(studio), "done")
    return job


SCENES = {
    "queued, the first": (queued, "pause cancel"),
    "queued, behind another": (second, "advance pause cancel"),
    "running": (running, "pause stop cancel"),
    "asked to pause": (asked(lambda ledger: ledger.request_pause), "resume stop cancel"),
    "asked to stop": (asked(lambda ledger: ledger.request_stop), "cancel"),
    "asked to cancel": (asked(lambda ledger: ledger.request_cancel), ""),
    "paused": (aside, "resume cancel"),
    "failed": (failed, "retry"),
    "cancelled": (cancelled, "retry"),
    "done": (done, ""),
}


@pytest.mark.parametrize("scene", SCENES)
def test_the_buttons_of_a_run_fit_its_state_and_each_changes_it(scene, tmp_path, studio, mine):
    make, expected = SCENES[scene]
    job = make(studio)
    verbs = offered(mine, studio.ledger.get(job.id))
    assert [verb.do for verb in verbs] == expected.split()
    for verb in verbs:
        assert verb.title
    for number, verb in enumerate(verbs):  # each on a run of its own
        job = job if not number else make(studio)
        before = studio.ledger.get(job.id)
        VERBS[verb.do](Session(mine), {"id": job.id})
        after = studio.ledger.get(job.id)
        assert (after.state, after.asked, after.place) != (before.state, before.asked, before.place)


def test_what_is_not_offered_is_refused_in_a_sentence(studio, mine):
    job = done(studio)
    for verb in ("pause", "resume", "stop", "retry", "cancel"):
        with pytest.raises(UserError, match=job.id):
            VERBS[verb](Session(mine), {"id": job.id})


def test_a_guest_and_another_visitor_steer_nothing(studio, mine):
    job = queued(studio)
    guest = Workspace(studio, replace(OWNER, role="guest", run=job.id))
    assert offered(guest, job) == []
    stranger = Workspace(studio, replace(OWNER, role="visitor", workspace="another"))
    for handler in VERBS.values():
        with pytest.raises(UserError, match="no such run"):
            handler(Session(stranger), {"id": job.id})
    assert studio.ledger.get(job.id).state == "queued"


def test_moving_up_twice_makes_a_run_the_first_and_a_third_time_changes_nothing(studio, mine):
    first, _, last = (queued(studio).id for _ in range(3))
    for _ in range(3):
        VERBS["advance"](Session(mine), {"id": last})
    assert [job.id for job in studio.ledger.queued()][:2] == [last, first]
