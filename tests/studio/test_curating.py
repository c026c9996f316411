"""The buttons of the data place: each does what it says, and asks whose it is."""

import shutil
import time
from pathlib import Path

import pytest

from core.data.dataset import IngestReport
from core.data.health import Finding
from core.data.listing import list_files
from core.errors import UserError
from core.results.records import Evaluation, RunConfig
from jobs.evaluator.client import EvaluatorUnavailable
from jobs.ledger.workspaces import DataSize
from studio.data.class_gallery import class_gallery
from studio.data.curating import curating, leaks_allowed
from studio.data.health_list import health_list
from studio.people.visitors import Visitor, new_token
from studio.workspace import Workspace
from studio.workspace.background import Answer, Background
from studio.workspace.session import Place, Session
from tests.studio.conftest import NASTY, score, zero_shot

act = curating()


@pytest.fixture
def ann(studio):
    """A visitor."""
    token = new_token()
    return Workspace(studio, Visitor("visitor", studio.workspaces.remember(token), token=token))


@pytest.fixture
def session(studio, ann, images):
    """A visitor's page on a data set of theirs: four images of two classes, one also in `test`."""
    rels = ("set/train/a/1.png", "set/train/a/2.png", "set/train/b/3.png", "set/train/b/4.png")
    files = images(studio, *rels, "set/test/a/5.png", "set/test/b/6.png")
    (test_image,) = (file["path"] for file in files if file["rel"] == "set/test/a/5.png")
    copy = shutil.copy(test_image, Path(test_image).with_name("copy.png"))
    files.append({"rel": "set/train/a/copy.png", "path": str(copy)})
    data_id = studio.data_store.fresh_id(files, exact=False)
    studio.workspaces.claim(ann.visitor.workspace, data_id, data_id, DataSize())
    studio.data_store.add_upload(files, "train", data_id)
    studio.background = Background(EvaluatorUnavailable, patience_seconds=0)  # nobody answers
    yield Session(ann, Place(data=data_id))
    studio.background.finish()
    studio.uploads.close()


def dataset(session):
    return session.mine.data.open(session.place.data).dataset


def answer(session):
    """The health answer, once it is there."""
    session.mine.answers.findings(session.place.data)
    while session.mine.studio.background.waiting:
        time.sleep(0.01)
    return session.mine.answers.health(session.place.data)


def test_what_a_finding_names_is_excluded_and_included_again_and_no_file_is_touched(session):
    files = set(list_files(dataset(session).root))
    answer(session)
    act["exclude-found"](session, {"kind": "leak"})
    assert [item.path for item in dataset(session).excluded] == ["train/a/copy.png"]
    act["include"](session, {"image": "train/a/copy.png"})
    assert dataset(session).excluded == ()
    act["exclude"](session, {"image": "train/a/1.png"})
    act["include-all"](session, {})
    assert dataset(session).excluded == ()
    assert set(list_files(dataset(session).root)) == files


def test_images_chosen_in_the_gallery_are_moved_or_left_out(session):
    form = {"train/a/1.png": True, "train/a/2.png": False, ":to": "b"}
    act["move-chosen"](session, {"form": form})
    assert dataset(session).counts()["train"] == {"a": 2, "b": 3}
    act["exclude-chosen"](session, {"form": form})
    assert dataset(session).counts()["train"] == {"a": 2, "b": 2}
    with pytest.raises(UserError, match="Choose images first"):
        act["move-chosen"](session, {"form": {":to": "b", "train/a/2.png": False}})


def test_another_name_or_prompt_is_another_zero_shot_question(session):
    before = session.mine.answers.zero_shot_key(session.place.data)
    act["rename"](session, {"folder": "a", "form": {"name": "red fox"}})
    renamed = session.mine.answers.zero_shot_key(session.place.data)
    act["templates"](session, {"form": {"templates": "a drawing of a {}."}})
    assert len({before, renamed, session.mine.answers.zero_shot_key(session.place.data)}) == 3
    assert dataset(session).names == ("red fox", "b")
    act["group-by"](session, {"form": {"by": "prefix"}})
    assert dataset(session).group_by == "prefix"
    with pytest.raises(UserError, match="group_by"):
        act["group-by"](session, {"form": {"by": "x"}})


@pytest.mark.parametrize("path", ["/etc/passwd", "../../studio.db", "train/a/none.png"])
def test_only_images_of_the_data_set_can_be_named(session, path):
    for verb in ("exclude", "move-chosen"):
        with pytest.raises(UserError, match="no image"):
            act[verb](session, {"image": path, "form": {path: True, ":to": "b"}})


def test_training_waits_for_a_leak_until_it_is_mended_or_allowed(session):
    mine, data_id = session.mine, session.place.data
    with pytest.raises(UserError, match="in both training and test data"):
        mine.runs.submit(data_id, {"method": "ft"})
    act["allow-leaks"](session, {"on": "true"})
    assert leaks_allowed(session)
    assert mine.draft(data_id)["fields"]["allow_leaks"] == "true", "the next run's own setting"
    assert mine.runs.submit(data_id, {"method": "ft", "allow_leaks": True})
    act["allow-leaks"](session, {"on": ""})
    assert not leaks_allowed(session)
    act["exclude"](session, {"image": "train/a/copy.png"})
    assert mine.runs.submit(data_id, {"method": "ft"})


def test_a_data_set_that_no_run_uses_is_deleted_and_its_quota_is_free_again(session, studio):
    data_id, owner = session.place.data, session.mine.visitor.workspace
    studio.workspaces.measured(data_id, DataSize(10, 6))
    job = studio.ledger.submit(RunConfig(data=str(studio.data_store.path(data_id))))
    with pytest.raises(UserError, match="A run uses"):
        act["delete-data"](session, {})
    studio.ledger.delete(job.id)
    act["delete-data"](session, {})
    assert session.place.data is None
    assert not session.mine.data.has(data_id)
    assert studio.workspaces.kept(owner) == DataSize()
    assert list(studio.data_store.folder.iterdir()) == []


@pytest.mark.parametrize("verb", sorted(set(act) - {"allow-leaks"}))
def test_nothing_of_what_is_shared_or_anothers_can_be_changed(session, studio, verb):
    act_on = {"image": "x", "kind": "leak", "folder": "fruit"}
    act_on["form"] = {"name": "x", "by": "none", "templates": "", "x": True, ":to": "fruit"}
    session.mine.data.open_demo()
    with pytest.raises(UserError, match="shared by everybody"):
        act[verb](Session(session.mine, Place(data="demo")), act_on)
    token = new_token()
    other = Workspace(studio, Visitor("visitor", studio.workspaces.remember(token), token=token))
    with pytest.raises(UserError, match="There is no data set"):
        act[verb](Session(other, session.place), act_on)


def test_a_title_has_no_letters_of_the_id(session, studio, images):
    assert session.place.data != "set"
    assert session.mine.data.title(session.place.data) == "set"
    files = images(studio, "a/1.png", "b/2.png")
    data_id, _ = studio.data_store.add_upload(files, "train", "a-0f12ab")
    assert studio.data_store.title(data_id) == "a"


def test_the_names_of_a_finding_are_taken_as_offered_or_as_typed(session):
    answer(session)
    (found,) = [f for f in session.mine.answers.findings(session.place.data) if f.names]
    assert found.names == (("a", "a", ""), ("b", "b", ""))
    with pytest.raises(UserError, match="at least one name"):
        act["use-names"](session, {"kind": "class-names", "form": {":a": " ", ":b": ""}})
    act["use-names"](session, {"kind": "class-names", "form": {":a": " red  fox ", ":c": "x"}})
    assert dataset(session).names == ("red fox", "b")
    answer(session)
    assert session.mine.answers.findings(session.place.data) != ()
    with pytest.raises(UserError, match="at least one name"):
        act["use-names"](session, {"kind": "leak", "form": {":b": "owl"}})


def test_names_stand_beside_the_words_offered_with_what_zero_shot_gains(session):
    opened = session.mine.data.open(session.place.data)
    rows = (("a", NASTY, "red fox"), ("b", "n02123045", ""))
    finding = Finding("class-names", "warning", "2 class names are not words", names=rows)

    def drawn(before, after, mine=True):
        gains = {"class-names": (before, after)}
        return health_list(opened, Answer("ready"), [finding], [], mine, False, gains)

    def scored(correct):
        found = Evaluation(domains={"test": score(correct, 88)}, id=correct / 88, ood=None)
        return Answer("ready", zero_shot(found))

    shown = drawn(scored(8), scored(50))
    assert "88 images: 9.1\u202f% by their own names, 56.8\u202f% by these words" in shown
    assert 'name=":a" value="red fox"' in shown
    assert 'data-do="use-names" data-kind="class-names"' in shown
    assert "<img src=x" not in shown
    assert "Measuring zero-shot under both names" in drawn(scored(9), Answer("waiting"))
    assert "no room" in drawn(scored(9), Answer("failed", error="no room"))
    theirs = drawn(scored(9), scored(18), mine=False)
    assert "red fox" in theirs
    assert "data-do=" not in theirs


def test_hostile_names_stay_text_in_the_list_and_the_gallery(session):
    act["rename"](session, {"folder": "a", "form": {"name": NASTY}})
    opened = session.mine.data.open(session.place.data)
    finding = Finding("mislabel", "warning", NASTY, NASTY, (NASTY,), exclude=(NASTY,))
    drawn = health_list(opened, Answer("ready"), [finding], [], True, False, {})
    drawn += class_gallery(opened, "a", True)
    assert "<img src=x" not in drawn
    assert "&lt;img src=x" in drawn


def test_what_an_upload_lost_is_a_warning_once_and_stands_before_what_passed(session):
    opened = session.mine.data.open(session.place.data)
    lost, known = "'a/1.jpg' was left out: the file is damaged.", "A folder is ignored."
    found = [Finding("leak", "error", "Leak"), Finding("layout", "warning", known)]
    found.append(Finding("unreadable", "pass", "All can be read"))
    reports = [IngestReport(warnings=(lost, known)), IngestReport(warnings=(lost,))]
    shown = health_list(opened, Answer("ready"), found, reports, True, False, {})
    said = [shown.index(title) for title in ("Leak", "the file is damaged", "All can be read")]
    assert said == sorted(said)
    assert shown.count("the file is damaged") == shown.count(known) == 1
    assert "2 warnings" in shown


def test_buttons_are_not_shown_to_whom_they_do_not_serve(session):
    opened = session.mine.data.open(session.place.data)
    found = answer(session).value.findings
    shown = health_list(opened, Answer("ready"), found, [], True, False, {})
    assert 'data-do="exclude-found" data-kind="leak"' in shown
    assert 'data-do="allow-leaks"' in shown
    hidden = health_list(opened, Answer("ready"), found, [], False, False, {})
    assert "data-do=" not in hidden
    assert "data-do=" not in class_gallery(opened, "a", False).replace('data-do="close-class"', "")
