"""`dataset.yaml`: read strictly, written readably, and never a way to run or blow up anything."""

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


WRONG = {
    "titel: x": "unknown key: there is no 'titel'. Did you mean 'title'",
    "classes: {foks: x}": "classes: there is no 'foks'. Did you mean 'fox'",
    "classes: [fox]": "classes must be a valid dictionary",
    "classes: {fox: ''}": "'fox' has none",
    "allow_fewer: maybe": "allow_fewer must be",
    "templates: ['a fox']": "exactly once",
    "templates: a {}": "templates must be",
    "group_by: video": "group_by must be",
    "relabel: {a.png: foks}": "relabel: there is no 'foks'. Did you mean 'fox'",
    "exclude: a.png": "exclude must be",
    "- fox": "must be lines of 'key: value'",
    "title: [": "is no valid YAML",
    "a: &x [1]\nb: *x": "aliases",
    "title: !!python/object/apply:os.system [ls]": "is no valid YAML",
    "title: " + "[" * 3000: "is no valid YAML",
    "title: \x00": "is no valid YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_one_sentence(tmp_path, text):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert WRONG[text] in str(caught.value)
    assert str(caught.value).startswith("dataset.yaml")
    assert "\n" not in str(caught.value)


def test_other_encodings_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="no valid YAML"):
        read(tmp_path, "title: crème".encode("latin-1"))


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
