"""Names of models: every path in them becomes absolute, and nothing else is touched."""

import pytest

from core.models import names
from core.models.names import absolute, files_of, with_tower


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for path in ("models/mine/w.pt", "w.pt", "home/mine/w.pt", "a+b/w.pt"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"1")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("embedded", "embedded"),
        ("ViT-B-32/openai", "ViT-B-32/openai"),
        ("ViT-B-32", "ViT-B-32"),
        ("hf-hub:somebody/model", "hf-hub:somebody/model"),
        ("models/mine", "{}/models/mine"),
        ("./models/mine/", "{}/models/mine"),
        ("local-dir:models/mine", "{}/models/mine"),
        ("~/mine", "{}/home/mine"),
        ("ViT-B-32/models/mine/w.pt", "ViT-B-32/{}/models/mine/w.pt"),
        ("ViT-B-32/w.pt", "ViT-B-32/{}/w.pt"),
        ("ViT-B-32/~/mine/w.pt", "ViT-B-32/{}/home/mine/w.pt"),
        ("ViT-B-32/openai+w.pt", "ViT-B-32/openai+{}/w.pt"),
        ("models/mine+w.pt", "{}/models/mine+{}/w.pt"),
        ("a+b", "{}/a+b"),
        ("../gone", "{parent}/gone"),
        ("ViT-B-32/gone.pt", "ViT-B-32/gone.pt"),
        ("nothing", "nothing"),
    ],
)
def test_a_name_means_the_same_from_another_folder(name, expected, here):
    wanted = expected.replace("{}", str(here)).replace("{parent}", str(here.parent))
    assert absolute(name) == wanted
    assert absolute(wanted) == wanted


def test_the_files_of_a_model_are_those_that_it_is_read_from(here):
    assert files_of("ViT-B-32/openai") == []
    assert [str(p) for p in files_of("ViT-B-32/w.pt")] == ["w.pt"]
    assert files_of(str(here / "models/mine")) == [here / "models/mine/w.pt"]
    assert len(files_of("models/mine+w.pt")) == 2
    assert {path.suffix for path in files_of("embedded")} == {".json", ".safetensors"}


def test_a_tower_that_is_not_there_is_still_a_tower(here):
    assert with_tower("ViT-B-32/openai+gone.pt") == ("ViT-B-32/openai", "gone.pt")


def test_the_architectures_are_those_of_open_clip():
    import open_clip

    assert names.architectures() == set(open_clip.list_models())
