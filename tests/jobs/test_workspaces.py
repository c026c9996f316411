"""Data sets, links and limits belong to a workspace, and secrets are not in the database."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import UserError
from core.results.records import RunConfig
from jobs.ledger import Ledger
from jobs.ledger.workspaces import LINKS_OF_A_RUN, DataSize, Workspaces, workspace_id
from jobs.settings import Settings

ANN, BOB = "a" * 43, "b" * 43
LIMIT = DataSize(size_bytes=1000, images=10)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "home")


@pytest.fixture
def workspaces(settings):
    return Workspaces(settings)


def test_a_visitor_has_a_row_once_something_is_kept(workspaces):
    ann = workspaces.remember(ANN)
    assert ann == workspaces.remember(ANN) == workspace_id(ANN)
    assert ann != workspaces.remember(BOB)


def test_a_data_set_belongs_to_one_workspace(workspaces):
    ann, bob = workspaces.remember(ANN), workspaces.remember(BOB)
    workspaces.claim(ann, "fish", "Fish", DataSize(10, 1))
    workspaces.claim(None, "birds", "Birds", DataSize(10, 1))
    assert workspaces.data_sets(ann) == {"fish"}
    assert workspaces.data_sets(bob) == set()
    assert workspaces.data_sets(None) == {"birds"}
    assert workspaces.is_claimed("birds")
    assert not workspaces.is_claimed("demo")


@pytest.mark.parametrize(
    ("more", "number"), [(DataSize(1001, 1), "0 MB"), (DataSize(1, 11), "10 images")]
)
def test_a_claim_above_the_limit_says_the_number_and_changes_nothing(workspaces, more, number):
    ann = workspaces.remember(ANN)
    with pytest.raises(UserError, match=number):
        workspaces.claim(ann, "fish", "Fish", more, LIMIT)
    assert workspaces.kept(ann) == DataSize()
    workspaces.claim(ann, "fish", "Fish", DataSize(1000, 10), LIMIT)
    assert workspaces.kept(ann) == DataSize(1000, 10)


def test_claims_at_once_never_pass_the_limit(workspaces):
    ann = workspaces.remember(ANN)

    def claim(number):
        try:
            workspaces.claim(ann, f"data-{number}", "x", DataSize(300, 1), LIMIT)
        except UserError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(16))) == 3
    assert workspaces.kept(ann) == DataSize(900, 3)


def test_what_was_measured_replaces_what_was_claimed(workspaces):
    ann = workspaces.remember(ANN)
    workspaces.claim(ann, "fish", "Fish", DataSize(500, 5), LIMIT)
    workspaces.claim(ann, "fish", "Fish", DataSize(100, 1), LIMIT)
    assert workspaces.kept(ann) == DataSize(600, 6)
    workspaces.measured("fish", DataSize(50, 2))
    assert workspaces.kept(ann) == DataSize(50, 2)
    workspaces.measured("fish", None)
    assert workspaces.data_sets(ann) == set()


def test_a_link_shows_one_run_until_it_is_taken_back(settings, workspaces):
    ledger = Ledger(settings)
    first, second = (ledger.submit(RunConfig(data="/d", method="ft")).id for _ in range(2))
    token, other = workspaces.share(first), workspaces.share(second)
    assert workspaces.shared(token) == first
    assert workspaces.shared("guess") is None
    workspaces.unshare(first)
    assert workspaces.shared(token) is None
    assert workspaces.shared(other) == second


def test_links_of_a_run_are_limited(settings, workspaces):
    run = Ledger(settings).submit(RunConfig(data="/d", method="ft")).id
    for _ in range(LINKS_OF_A_RUN):
        workspaces.share(run)
    with pytest.raises(UserError, match=str(LINKS_OF_A_RUN)):
        workspaces.share(run)
    assert workspaces.links(run) == LINKS_OF_A_RUN


def test_no_secret_is_in_the_database(settings, workspaces):
    run = Ledger(settings).submit(RunConfig(data="/d", method="ft")).id
    workspaces.remember(ANN)
    link = workspaces.share(run)
    found = b"".join(path.read_bytes() for path in settings.home.glob("studio.db*"))
    assert workspace_id(ANN).encode() in found, "the control: it was written"
    assert ANN.encode() not in found
    assert link.encode() not in found
