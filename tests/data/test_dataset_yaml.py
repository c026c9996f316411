"""`dataset.yaml` is read strictly, written readably, and can neither run code nor fill memory."""

import pytest

from core.data.settings import DatasetSettings
from core.errors import UserError


def read(tmp_path, text, folders=("fox", "red_owl")):
    path = tmp_path / "dataset.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return DatasetSettings.read(path, folders)


def test_no_file_and_an_empty_file_are_the_defaults(tmp_path):
    assert DatasetSettings.read(tmp_path / "dataset.yaml") == DatasetSettings()
    assert read(tmp_path, "") == DatasetSettings()


def test_classes_are_keyed_by_folder_however_they_are_spelled(tmp_path):
    assert read(tmp_path, "classes: {Red owl: owl}").classes == {"red_owl": "owl"}


def test_class_folders_may_be_numbers(tmp_path):
    settings = read(tmp_path, "classes: {0: zero, 1: one}", folders=("0", "1"))
    assert settings.classes == {"0": "zero", "1": "one"}


TYPED = (
    *("no", "yes", "on", "Off", "true", "null", "~", "010", "1e3", "0x1F", "12:30", "1_000"),
    *("2024-01-01", "1.10", ".5", "<<", "=", "+1", "0b11", "NaN"),
)


def test_names_are_what_was_typed(tmp_path):
    lines = "".join(f"  {name}: {name}\n" for name in TYPED)
    settings = read(tmp_path, f"title: no\nclasses:\n{lines}", folders=TYPED)
    assert settings.title == "no"
    assert settings.classes == {name: name for name in TYPED}
    settings.write(tmp_path / "dataset.yaml")
    assert DatasetSettings.read(tmp_path / "dataset.yaml", TYPED) == settings


@pytest.mark.parametrize("typed", ["true", "yes", "On", "TRUE"])
def test_yes_is_a_truth_where_one_is_wanted(tmp_path, typed):
    assert read(tmp_path, f"allow_fewer: {typed}").allow_fewer is True


def test_a_key_without_a_value_says_nothing(tmp_path):
    assert read(tmp_path, "title: ~\nclasses:\ntemplates: null\n") == DatasetSettings()


WRONG = {
    "titel: x": "unknown key: there is no 'titel'. Did you mean 'title'",
    "classes: {foks: x}": "classes: there is no 'foks'. Did you mean 'fox'",
    "classes: {fox: ''}": "'fox' has none",
    "allow_fewer: maybe": "allow_fewer must be",
    "templates: ['a fox']": "exactly once",
    "classes: [red fox, owl]": "classes must be lines of 'key: value', got ['red fox', 'owl']",
    "templates: {a: b}": "templates must be",
    "group_by: video": "group_by must be",
    "relabel: {a.png: foks}": "relabel: there is no 'foks'. Did you mean 'fox'",
    "exclude: {a.png: b}": "exclude must be",
    "title: a\ntitle: b": "the key 'title' appears twice, again in line 2",
    "classes: {fox: a, fox: b}": "the key 'fox' appears twice",
    "classes: {red_owl: a, Red owl: b}": "names the folder 'red_owl' twice",
    "? [fox]\n: b": "the key in line 1 is not text",
    "allow_fewer: 2": "allow_fewer must be",
    "- fox": "must be lines of 'key: value'",
    "title: [": "is not valid YAML",
    "a: &x [1]\nb: *x": "aliases",
    "title: !!python/object/apply:os.system [ls]": "is not valid YAML",
    "title: " + "[" * 3000: "is not valid YAML",
    "title: \x00": "is not valid YAML: special characters are not allowed",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_one_sentence(tmp_path, text):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert WRONG[text] in str(caught.value)
    assert str(caught.value).startswith("dataset.yaml")
    assert "\n" not in str(caught.value)


def test_other_encodings_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="not valid YAML: it is not UTF-8; save it"):
        read(tmp_path, "title: crème".encode("latin-1"))
    assert read(tmp_path, "title: crème".encode("utf-16")).title == "crème"


def test_a_file_of_megabytes_is_not_parsed(tmp_path):
    with pytest.raises(UserError, match="larger than 1 MB"):
        read(tmp_path, "title: " + "x" * 1_100_000)


def test_what_is_written_is_read_back(tmp_path):
    settings = DatasetSettings(
        title="Füchse: 100 %",
        classes={"fox": "red fox", "red_owl": "@owl"},
        templates=("a {}.",),
        allow_fewer=True,
    )
    settings.write(tmp_path / "dataset.yaml")
    assert DatasetSettings.read(tmp_path / "dataset.yaml", ("fox", "red_owl")) == settings
    text = (tmp_path / "dataset.yaml").read_text("utf-8")
    assert text.startswith("title: 'Füchse: 100 %'\nclasses:\n  fox: red fox\n")
