from stat import S_IMODE

import pytest

from core.errors import UserError
from jobs.settings import Settings


def test_the_environment_names_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("EVENKEEL_HOME", str(tmp_path / "data"))
    assert Settings().home == tmp_path / "data"
    assert (tmp_path / "data" / "runs").is_dir()


def test_a_flag_wins_over_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("EVENKEEL_PORT", "7000")
    assert Settings(home=tmp_path).port == 7000
    assert Settings(home=tmp_path, port=7001).port == 7001


def test_a_child_process_gets_the_same_settings(monkeypatch, tmp_path):
    given = Settings(home=tmp_path, port=7001, auth="ann:secret").environment()
    assert given["EVENKEEL_HOME"] == str(tmp_path)
    assert given["EVENKEEL_AUTH"] == "ann:secret"
    for name, value in given.items():
        if name.startswith("EVENKEEL_"):
            monkeypatch.setenv(name, value)
    assert Settings() == Settings(home=tmp_path, port=7001, auth="ann:secret")


def test_a_password_is_not_shown(tmp_path):
    assert "secret" not in repr(Settings(auth="ann:secret", home=tmp_path))


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", 0), ("queue", "amqp://x"), ("database", "postgresql://x"), ("workers", -1)],
)
def test_what_is_not_possible_is_said_with_the_variable(tmp_path, name, value):
    with pytest.raises(UserError, match=f"EVENKEEL_{name.upper()}"):
        Settings(home=tmp_path, **{name: value})


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="EVENKEEL_HOME"):
        Settings(home=tmp_path / "file" / "home")


def test_the_password_of_an_address_is_not_repeated(tmp_path):
    with pytest.raises(UserError, match="got postgresql://…@host/x") as refusal:
        Settings(home=tmp_path, database="postgresql://ann:secret@host/x")
    assert "secret" not in str(refusal.value)


def test_a_home_is_made_for_its_owner_and_one_that_is_there_keeps_its_mode(tmp_path):
    assert S_IMODE(Settings(home=tmp_path / "a" / "new").home.stat().st_mode) == 0o700
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    Settings(home=shared)
    assert S_IMODE(shared.stat().st_mode) == 0o2775
