"""The task of a run stays the same while its data set changes."""

from dataclasses import replace

import pytest

from core.data.fewshot import sample_task
from core.data.kept_task import KeptTask, shared_task
from core.data.split import task_of
from core.errors import UserError
from tests.data.test_fewshot import images, make, shas
from tests.data.test_split import asked, used
from tests.mutants import Mutant

TWENTY = {"fox": images("f", 20), "owl": images("o", 20)}


def kept_of(dataset, **more):
    return KeptTask.of(task_of(dataset, asked(**more)), dataset)


def test_it_is_written_and_read_back(tmp_path):
    dataset = make(TWENTY, ood_night={"fox": ["n"]})
    kept = kept_of(dataset, shots=3)
    kept.write(tmp_path / "task.json")
    read = KeptTask.read(tmp_path / "task.json")
    assert read == replace(kept, task=replace(kept.task, root=read.task.root))
    assert read.found_in(dataset) == kept.task
    assert len(kept.unused) == 14


def test_images_that_come_later_are_not_measured_and_are_counted():
    kept = kept_of(make(TWENTY))
    more = make({name: [*own, f"new-{name}"] for name, own in TWENTY.items()})
    now = kept.found_in(more)
    assert used(now) == used(kept.task)
    assert now.notes == (
        "2 images were added after the run: not measured, so that its numbers stay comparable. "
        "Train again to use them.",
    )


def test_images_that_go_are_named_by_what_they_were_for():
    kept = kept_of(make(TWENTY))
    gone = {kept.task.test[0].sha256, kept.task.test[1].sha256, kept.task.train[0].sha256}
    fewer = make({name: [s for s in own if s not in gone] for name, own in TWENTY.items()})
    now = kept.found_in(fewer)
    assert used(now) == {sha: side for sha, side in used(kept.task).items() if sha not in gone}
    assert "1 of the 20 train images that the run had is removed or left out" in now.notes[0]
    assert "2 of the 10 test images that the run had are removed or left out" in now.notes[1]


def test_images_are_found_under_other_names_and_in_other_folders():
    kept = kept_of(make(TWENTY))
    elsewhere = make(
        {name: own[10:] for name, own in TWENTY.items()},
        test={name: own[:10] for name, own in TWENTY.items()},
    )
    assert used(kept.found_in(elsewhere)) == used(kept.task)


def test_an_image_with_another_class_now_is_said():
    kept = kept_of(make(TWENTY))
    moved = kept.task.test[0].sha256
    other = {name: [s for s in own if s != moved] for name, own in TWENTY.items()}
    other["owl" if moved.startswith("f") else "fox"].append(moved)
    now = kept.found_in(make(other))
    assert now.notes == ("1 image has another class now.",)
    assert used(now) == used(kept.task)


def test_other_classes_and_no_test_image_are_refused():
    kept = kept_of(make(TWENTY))
    with pytest.raises(UserError, match=r"\(bear is new\)"):
        kept.found_in(make({**TWENTY, "bear": images("b", 3)}))
    with pytest.raises(UserError, match=r"\(owl is gone; owls is new\)"):
        kept.found_in(make({"fox": TWENTY["fox"], "owls": TWENTY["owl"]}))
    others = make({"fox": images("x", 20), "owl": images("y", 20)})
    with pytest.raises(UserError, match="none of the 10 test images of the run"):
        kept.found_in(others)


def test_of_other_data_only_what_the_run_has_not_seen_is_measured():
    kept = kept_of(make(TWENTY))
    learned = [item.sha256 for item in (*kept.task.train, *kept.task.val)]
    other = make({"owl": ["x1", *[s for s in learned if s[0] == "o"]], "fox": ["x0"]})
    assert not kept.is_in(other)
    task = kept.unseen_in(other)
    assert sorted(shas(task.test)) == ["x0", "x1"]
    assert task.notes == ("15 of 17 images are left out: the run learned from them.",)
    with pytest.raises(UserError, match="learned from all 30 images"):
        kept.unseen_in(make({k: [s for s in learned if s[0] == k[0]] for k in ("fox", "owl")}))


def test_a_copy_of_the_data_is_the_run_s_own():
    kept = kept_of(make(TWENTY))
    assert kept.is_in(make(TWENTY))


def drawn(dataset, seed, shots=2):
    task = sample_task(dataset, shots, seed)
    return task, KeptTask.of(task, dataset)


def test_what_one_run_has_seen_neither_chooses_nor_measures_another():
    dataset = make(TWENTY)
    (one, first), (two, second) = drawn(dataset, 0), drawn(dataset, 1)
    shared = shared_task(one, [first, second])
    learnt = set(shas(two.train))
    assert set(shas(one.val)) & learnt
    assert shared.train == one.train
    assert not set(shas((*shared.val, *shared.test))) & learnt
    assert not set(shas(shared.test)) & set(shas(two.val))
    assert any("are left out: another run has used them" in note for note in shared.notes)
    assert shared_task(one, [first]) == one


def test_what_a_run_stands_on_counts_as_seen():
    dataset = make(TWENTY)
    (_, below), (task, _) = drawn(dataset, 0), drawn(dataset, 1)
    kept = KeptTask.of(task, dataset, [below])
    assert kept.trained == {*shas(task.train), *shas(below.task.train)}
    assert not set(shas(shared_task(task, [kept]).test)) & below.seen


def test_runs_that_leave_nothing_to_test_on_are_refused():
    dataset = make({"fox": images("f", 3), "owl": images("o", 3)})
    every = [drawn(dataset, seed, shots=1)[1] for seed in range(8)]
    with pytest.raises(UserError, match="every test image was used"):
        shared_task(every[0].task, every)


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 9}'])
def test_a_damaged_file_is_one_sentence(tmp_path, text):
    (tmp_path / "task.json").write_text(text)
    with pytest.raises(UserError, match=r"is damaged .* Train the run again"):
        KeptTask.read(tmp_path / "task.json")
    with pytest.raises(UserError, match="is missing"):
        KeptTask.read(tmp_path / "none.json")


MUTANTS = [
    Mutant(
        "core.data.kept_task",
        "if item.sha256 not in trained | chosen)",
        "if item.sha256 not in trained)",
        test_what_one_run_has_seen_neither_chooses_nor_measures_another,
    ),
    Mutant(
        "core.data.kept_task",
        "union(*(kept.trained for kept in below))",
        "union()",
        test_what_a_run_stands_on_counts_as_seen,
    ),
    Mutant(
        "core.data.kept_task",
        "test = tuple(item for item in inside if item.sha256 not in self.seen)",
        "test = tuple(inside)",
        test_of_other_data_only_what_the_run_has_not_seen_is_measured,
    ),
]
