"""Names, notes and tags: kept in the ledger, in whatever state a run is."""

import pytest

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.ledger.about import About, matches, told_by

CONFIG = RunConfig(data="/images/foxes", method="fd-align")


def test_a_run_is_described_in_any_state_and_the_worker_does_not_undo_it(settings):
    ledger = Ledger(settings)
    job = ledger.submit(CONFIG)
    assert About.of(job.about) == About()
    ledger.describe(job.id, name="  Night\n foxes ", tags="night, fox ,night,")
    running = ledger.claim("me:1:1")
    assert About.of(running.about) == About("Night foxes", "", ("night", "fox"))
    ledger.describe(job.id, note="brighter\r\nlights")
    assert ledger.beat(running)
    assert ledger.finish(running, "done")
    about = About.of(ledger.get(job.id).about)
    assert about == About("Night foxes", "brighter\nlights", ("night", "fox"))
    ledger.describe(job.id, tags=[])
    assert About.of(ledger.get(job.id).about).tags == ()


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"name": "x" * 81}, "name: at most 80"),
        ({"note": "x" * 2001}, "note: at most 2000"),
        ({"tags": "x" * 31}, "tag: at most 30"),
        ({"tags": ",".join(map(str, range(13)))}, "tags: a run may have 12, got 13"),
    ],
)
def test_what_is_too_long_is_refused_and_changes_nothing(settings, said, what):
    ledger = Ledger(settings)
    job = ledger.submit(CONFIG)
    with pytest.raises(UserError, match=what):
        ledger.describe(job.id, **said)
    assert ledger.get(job.id) == job


def test_who_is_not_there_has_no_name(settings):
    with pytest.raises(UserError, match="there is no 'x'"):
        Ledger(settings).describe("x", name="y")


def test_every_word_of_a_search_must_be_somewhere(settings):
    ledger = Ledger(settings)
    job = ledger.describe(ledger.submit(CONFIG).id, name="Ärger", tags="night")
    for query in ("", "ärger", "NIGHT fox", "fd-align", "embedded night"):
        assert matches(query, told_by(job)), query
    assert not matches("night day", told_by(job))
