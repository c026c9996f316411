"""Uploads become data sets; what did not come from this visitor's browser is refused."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.data import hashes
from core.errors import UserError
from studio.workspace.background import AT_ONCE, NICE, Background
from studio.workspace.drafts import Drafts


def test_equal_file_names_in_two_classes_survive(studio, images):
    files = images(studio, "set/red fox/1.png", "set/snow owl/1.png", "set/notes.txt.png")
    data_id, report = studio.data_store.add_upload(files[:2], "train", None)
    dataset = studio.data_store.open(data_id).dataset
    assert dataset.counts()["train"] == {"red fox": 1, "snow owl": 1}
    assert data_id == "set"
    assert report.understood


def test_an_ood_folder_joins_the_data_set_it_was_dropped_on(studio, images):
    first = images(studio, "set/a/1.png", "set/b/1.png")
    data_id, _ = studio.data_store.add_upload(first, "train", None)
    assert len(studio.data_store.open(data_id).dataset.domains) == 1
    sketch = images(studio, "sketch/a/9.png", "sketch/b/9.png")
    again, _ = studio.data_store.add_upload(sketch, "ood", data_id)
    assert again == data_id
    names = [d.name for d in studio.data_store.open(data_id).dataset.domains]
    assert names == ["train", "ood/sketch"]
    assert len(studio.data_store.reports(data_id)) == 2


def test_two_uploads_of_one_name_are_two_data_sets(studio, images):
    made = {
        studio.data_store.add_upload(images(studio, "set/a/1.png", "set/b/1.png"), "train", None)[0]
        for _ in range(2)
    }
    assert len(made) == 2


@pytest.mark.parametrize("path", ["/etc/passwd", "", "../studio.db", "/proc/self/environ"])
def test_a_path_that_was_not_uploaded_is_refused(studio, path):
    with pytest.raises(UserError, match="no longer on the server"):
        studio.data_store.add_upload([{"rel": "s/a/1.png", "path": path}], "train", None)
    with pytest.raises(UserError, match="no longer on the server"):
        studio.data_store.photo(path).__enter__()


def test_a_link_out_of_the_upload_folder_is_refused(studio):
    link = studio.settings.home / "tmp" / "uploads" / "link.png"
    link.symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="no longer on the server"):
        studio.data_store.photo(str(link)).__enter__()


def test_an_upload_that_cannot_be_used_leaves_no_data_set(studio, images):
    file = images(studio, "set/readme.png")[0]
    with pytest.raises(UserError):
        studio.data_store.add_upload([{**file, "rel": "set/readme.txt"}], "train", None)
    assert studio.data_store.ids() == []


@pytest.mark.parametrize(
    ("rels", "complaint"),
    [
        ((), "'pets' is empty"),
        (("pets/fox/1.png",), r"'pets': at least 2 classes are needed, got 1 \('fox'\)"),
        (("pets/1.png", "pets/2.png"), "'pets': at least 2 classes are needed, got 0"),
    ],
)
def test_too_few_classes_are_the_complaint_of_the_command_line(studio, images, rels, complaint):
    with pytest.raises(UserError, match=complaint):
        studio.data_store.add_upload(images(studio, *rels), "train", None, "pets")
    assert studio.data_store.ids() == [], "a page cannot show a data set that does not open"


def with_table(studio, images, text):
    """An upload of four images in one folder, and a table next to them."""
    files = images(studio, *(f"pets/images/{n}.png" for n in range(4)))
    table = studio.settings.home / "tmp" / "uploads" / "table"
    table.write_text(text, "utf-8")
    return [*files, {"rel": "pets/labels.csv", "path": str(table)}]


def test_labels_in_a_table_make_the_classes_of_an_upload(studio, images):
    text = "file,label\n0.png,red fox\n1.png,red fox\n2.png,owl/eule\n3.png,owl/eule\n"
    files = with_table(studio, images, text)
    data_id, report = studio.data_store.add_upload(files, "train", None)
    dataset = studio.data_store.open(data_id).dataset
    assert dataset.counts()["train"] == {"owl_eule": 2, "red fox": 2}
    assert dataset.names == ("owl/eule", "red fox")
    assert any("Labels of 4 images were read" in sentence for sentence in report.understood)


def test_a_table_that_is_not_understood_is_the_complaint_about_an_upload(studio, images):
    with pytest.raises(UserError, match=r"no labels were read from 'pets/labels.csv': none of its"):
        studio.data_store.add_upload(
            with_table(studio, images, "a,b,c\n0.png,1,2\n"), "train", None
        )
    assert studio.data_store.ids() == []


def test_one_more_class_joins_a_data_set(studio, images):
    first = images(studio, "set/a/1.png", "set/b/1.png")
    data_id, _ = studio.data_store.add_upload(first, "train", None)
    studio.data_store.add_upload(images(studio, "more/c/1.png"), "train", data_id)
    assert studio.data_store.open(data_id).dataset.classes == ("a", "b", "c")


def test_drafts_outlive_the_page_and_take_ids_only(tmp_path):
    Drafts(tmp_path).put("demo", method="ft")
    assert Drafts(tmp_path).put("demo", model="x") == {"method": "ft", "model": "x"}
    (tmp_path / "demo.json").write_text("{broken")
    assert Drafts(tmp_path).get("demo") == {}
    with pytest.raises(ValueError, match="not an id"):
        Drafts(tmp_path).put("../x", a=1)


class Away(UserError):
    """Nobody answers."""


def settled(background, key, question):
    background.ask(key, question)
    background.finish()
    return background.known(key)


def test_a_question_is_asked_once_and_waits_for_the_evaluator():
    asked = []

    def question():
        asked.append(1)
        if len(asked) < 3:
            raise Away("starting")
        return 7

    background = Background(Away, patience_seconds=10)
    answer = settled(background, "q", question)
    assert (answer.state, answer.value) == ("ready", 7)
    assert background.ask("q", question).value == 7, "kept, not asked again"
    assert len(asked) == 3
    assert not background.waiting


def test_who_waits_for_the_evaluator_holds_up_no_answer_of_this_process():
    answered = threading.Event()

    def question():
        if not answered.is_set():
            raise Away("starting")

    background = Background(Away, patience_seconds=60)
    for number in range(2 * AT_ONCE):
        background.ask(f"zero-shot {number}", question)
    background.ask("health", answered.set, here=True)
    assert answered.wait(20), "it stood in line behind them"
    background.finish()
    assert not background.waiting


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priorities of their own")
def test_an_answer_makes_way_for_who_draws_pages():
    def priorities():
        with ThreadPoolExecutor(1) as pool:
            return os.nice(0), pool.submit(os.nice, 0).result()

    background = Background(Away)
    drawing = os.nice(0)
    assert settled(background, "q", priorities).value == (min(drawing + NICE, 19),) * 2
    assert os.nice(0) == drawing


def test_a_failure_is_kept_until_it_is_asked_anew():
    background = Background(Away, patience_seconds=0)

    def fails():
        raise UserError("the model must be …")

    assert settled(background, "q", fails).error == "the model must be …"
    background.forget("q")
    assert background.known("q") is None


def test_a_bug_in_an_answer_is_a_sentence_too():
    background = Background(Away)

    def bug():
        raise ZeroDivisionError

    assert "ZeroDivisionError" in settled(background, "q", bug).error


def test_no_file_name_of_a_removed_data_set_stays_behind(studio, images, monkeypatch):
    monkeypatch.setattr(hashes, "YOUNG_SECONDS", -60.0)
    files = images(studio, "set/fox/secret.png", "set/owl/2.png")
    data_id, _ = studio.data_store.add_upload(files, "train", None)
    studio.data_store.open(data_id)
    kept = studio.settings.cache / "hashes"
    assert any(b"secret" in path.read_bytes() for path in kept.iterdir())
    studio.data_store.remove(data_id)
    assert list(kept.iterdir()) == []
