"""The login gives nothing away, cannot be guessed at speed, and ends."""

import statistics
import time

import pytest

from core.errors import UserError
from jobs.settings import Settings
from studio.people.login import FAILURES_OF_ALL, TOKEN_SECONDS, Account, Logins
from studio.people.login import FAILURES_OF_AN_ACCOUNT as OF_ACCOUNT
from studio.people.rates import Rate
from studio.people.visitors import check_open, is_private
from tests.attacks.conftest import LOAD, town


class Clock:
    """A clock that is moved by hand."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def ann():
    return Account.from_text("auth", "ann:secret", "owner")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def logins(ann, clock):
    return Logins([ann], clock)


def refused(logins, name, password):
    with pytest.raises(UserError) as error:
        logins.enter(name, password)
    return str(error.value)


def test_a_password_is_kept_as_its_hash_only(ann):
    assert "secret" not in repr(ann)
    assert ann.hash.startswith("$argon2id$")
    assert Account.from_text("auth", ann.text, "owner") == ann, "a hash is taken as it is"


@pytest.mark.parametrize("text", ["ann", "ann:", ":secret", ""])
def test_an_account_needs_a_name_and_a_password(text):
    with pytest.raises(UserError, match="USER:PASSWORD"):
        Account.from_text("auth", text, "owner")


def test_a_wrong_name_and_a_wrong_password_answer_alike(logins):
    assert refused(logins, "ann", "guess") == refused(logins, "bob", "guess")
    assert logins.role(logins.enter("ann", "secret")) == "owner"


def test_a_wrong_name_takes_as_long_as_a_wrong_password(ann):
    def seconds(name):
        logins, took = Logins([ann]), []
        for _ in range(5):
            begin = time.process_time()
            refused(logins, name, "guess")
            took.append(time.process_time() - begin)
        return statistics.median(took)

    one, other = seconds("ann"), seconds("bob")
    assert max(one, other) < 2 * min(one, other)
    assert min(one, other) > 0.005, "the control: a hash was computed"


def test_an_account_is_closed_after_ten_failures_for_a_minute(logins, clock):
    for _ in range(OF_ACCOUNT):
        assert "wrong" in refused(logins, "ann", "guess")
    assert str(OF_ACCOUNT) in refused(logins, "ann", "secret")
    clock.now += 61
    assert logins.enter("ann", "secret")


def test_all_accounts_together_are_closed_after_a_hundred(clock, monkeypatch):
    monkeypatch.setattr("studio.people.login._verify", lambda hash, password: password == "secret")
    accounts = [Account(f"user-{i}", "", "visitor") for i in range(12)]
    logins = Logins(accounts, clock)
    for i in range(FAILURES_OF_ALL):
        refused(logins, f"user-{i % 11}", "guess")
    assert "wait" in refused(logins, "user-11", "secret")


def test_guessing_over_http_stops_after_ten(tmp_path, figure):
    with town(tmp_path, public=False) as closed:
        client = closed.browser("thief").client
        begin, answers = time.monotonic(), []
        for i in range(30):
            sent = {"name": "owner", "password": f"guess {i}"}
            answers.append(client.post("/studio/login", data=sent).text)
        assert sum("is wrong" in answer for answer in answers) == OF_ACCOUNT
        assert time.monotonic() - begin < 60
        assert client.get("/config").status_code == 401
        assert client.get("/").headers["location"].startswith("studio/login")
        closed.people[0].session = "a"
        assert closed.people[0].fire(LOAD).status_code == 401
    figure(f"30 guesses: {OF_ACCOUNT} were looked at")


def test_a_token_ends_with_time_and_with_leaving(logins, clock):
    token, other = logins.enter("ann", "secret"), logins.enter("ann", "secret")
    logins.leave(token)
    assert logins.role(token) is None
    assert logins.role(other) == "owner"
    clock.now += TOKEN_SECONDS + 1
    assert logins.role(other) is None
    assert logins.role(None) is None
    assert logins.role("guess") is None


def test_a_rate_counts_each_key_by_itself_and_forgets(clock):
    rate = Rate(2, 60, clock)
    assert [rate.count("a"), rate.count("a"), rate.count("a"), rate.count("b")] == [1, 1, 0, 1]
    clock.now += 60
    assert rate.count("a")


@pytest.mark.parametrize(
    ("given", "private"),
    [
        ({}, True),
        ({"host": "localhost"}, True),
        ({"host": "::1"}, True),
        ({"auth": "a:b"}, False),
        ({"public": True}, False),
        ({"host": "0.0.0.0", "auth": "a:b"}, False),
        ({"share": True, "visitor_auth": "a:b"}, False),
        ({"share": True, "public": True}, False),
    ],
)
def test_only_a_studio_that_nobody_else_reaches_takes_everybody_for_its_owner(
    tmp_path, given, private
):
    settings = Settings(home=tmp_path, **given)
    check_open(settings)
    assert is_private(settings) is private


@pytest.mark.parametrize("given", [{"share": True}, {"host": "0.0.0.0"}, {"host": "10.0.0.7"}])
def test_a_studio_that_others_reach_needs_a_password_or_public(tmp_path, given):
    with pytest.raises(UserError, match="--public"):
        check_open(Settings(home=tmp_path, **given))
