"""The split is decided once: a training image never tests later, whatever is added."""

import json
import random
from dataclasses import replace

import pytest

from core.data.dataset import SHARES
from core.data.fewshot import sample_task
from core.data.split import (
    decided,
    default_shots,
    keep_split,
    move_split,
    parse_shares,
    read_split,
    sizes,
    split_domains,
    task_of,
    write_shares,
)
from core.errors import UserError
from core.results.records import RunConfig
from tests.data.test_fewshot import images, make, shas
from tests.mutants import Mutant


def asked(**more):
    return RunConfig(data="data", **more)


def grown(dataset, split, **train):
    """A data set with these images of each class, and a split decided earlier."""
    return replace(make(train), split=split)


def used(task):
    """SHA-256 of each image to its use in the task."""
    domains = {"train": task.train, "val": task.val, "test": task.test}
    return {item.sha256: name for name, items in domains.items() for item in items}


@pytest.mark.parametrize(
    ("count", "expected"),
    [(2, (1, 0, 1)), (3, (1, 1, 1)), (4, (2, 1, 1)), (12, (6, 3, 3)), (40, (20, 10, 10))],
)
def test_a_class_is_halved_between_learning_and_the_rest(count, expected):
    dataset = make({"fox": images("f", count), "owl": images("o", count)})
    assert sizes(dataset)["fox"] == expected


def test_what_is_given_is_not_cut_again():
    dataset = make({"fox": images("f", 12)}, test={"fox": ["tf"]})
    assert sizes(dataset)["fox"] == (8, 4, 1)
    dataset = make({"fox": images("f", 12)}, val={"fox": ["vf"]})
    assert sizes(dataset)["fox"] == (8, 1, 4)
    dataset = make({"fox": images("f", 12)}, val={"fox": ["vf"]}, test={"fox": ["tf"]})
    assert sizes(dataset)["fox"] == (12, 1, 1)


@pytest.mark.parametrize(
    ("counts", "shots"), [((12, 12), 6), ((40, 40), 16), ((2, 2), 1), ((3, 40), 16), ((5, 4), 3)]
)
def test_the_default_takes_what_is_there_and_leaves_something_to_measure(counts, shots):
    dataset = make({"fox": images("f", counts[0]), "owl": images("o", counts[1])})
    task = task_of(dataset, asked())
    assert default_shots(dataset) == task.shots == shots
    assert {dataset.classes[item.label] for item in task.train} == {"fox", "owl"}
    assert {dataset.classes[item.label] for item in task.test} == {"fox", "owl"}


def test_the_same_images_are_measured_whatever_the_seed_and_the_shots():
    dataset = make({"fox": images("f", 40), "owl": images("o", 40)})
    tasks = [task_of(dataset, asked(seed=seed, shots=shots)) for seed in (0, 1) for shots in (1, 9)]
    assert len({frozenset(shas(task.test)) for task in tasks}) == 1
    assert len({frozenset(shas(task.val)) for task in tasks}) == 1
    assert set(shas(tasks[1].train)) != set(shas(tasks[3].train))
    assert set(shas(tasks[0].train)) < set(shas(tasks[1].train))


def test_split_drawn_is_what_the_shots_of_the_seed_leave():
    dataset = make({"fox": images("f", 20), "owl": images("o", 20)})
    for seed in (0, 1):
        drawn = task_of(dataset, asked(seed=seed, shots=8, split="drawn"))
        assert drawn == sample_task(dataset, 8, seed)


def test_an_image_never_changes_sides_when_others_come_or_go():
    dice = random.Random(0)
    there = {"fox": images("f", 12), "owl": images("o", 7)}
    split = decided(make(there))
    first = used(task_of(replace(make(there), split=split), asked()))
    for round_ in range(8):
        for name in there:
            there[name] = [sha for sha in there[name] if dice.random() > 0.1]
            there[name] += images(f"{name}-{round_}-", dice.randrange(4))
        dataset = grown(None, split, **there)
        split = decided(dataset)
        now = used(task_of(replace(dataset, split=split), asked()))
        for sha, side in first.items():
            assert now.get(sha, side) == side or (side, now[sha]) == ("train", "train")
        assert not {s for s, one in first.items() if one == "train"} & {
            s for s, one in now.items() if one != "train"
        }


def test_new_images_are_dealt_so_that_the_shares_hold():
    split = decided(make({"fox": images("f", 12), "owl": images("o", 12)}))
    dataset = grown(None, split, fox=images("f", 24), owl=images("o", 12))
    assert sizes(dataset)["fox"] == (12, 6, 6)
    assert sizes(dataset)["owl"] == (6, 3, 3)


def test_an_image_that_comes_back_is_where_it_was():
    everything = {"fox": images("f", 12), "owl": images("o", 12)}
    split = decided(make(everything))
    fewer = grown(None, split, fox=images("f", 6), owl=images("o", 12))
    assert {sha: decided(fewer).sides[sha] for sha in split.sides} == split.sides


def test_more_shots_than_the_training_side_has_take_from_the_others_and_say_so():
    dataset = make({"fox": images("f", 12), "owl": images("o", 12)})
    six, ten = (task_of(dataset, asked(shots=shots)) for shots in (6, 10))
    assert (len(six.train), len(six.val), len(six.test)) == (12, 6, 6)
    assert (len(ten.train), len(ten.val), len(ten.test)) == (20, 2, 2)
    assert set(shas(ten.test)) < set(shas(six.test))
    assert set(shas(ten.val)) < set(shas(six.val))
    assert six.notes == ()
    assert "8 validation or test images are trained on" in ten.notes[0]
    with pytest.raises(UserError, match="leaves none to test on"):
        task_of(dataset, asked(shots=12))


def test_with_fewer_allowed_the_other_sides_keep_their_images():
    dataset = make({"fox": images("f", 12), "owl": images("o", 40)})
    task = task_of(dataset, asked(shots=16, allow_fewer=True))
    assert len(task.train) == 6 + 16
    assert "fox (6)" in task.notes[0]


@pytest.mark.parametrize("split", ["kept", "drawn"])
def test_an_unseen_class_neither_teaches_nor_chooses(split):
    own = {"fox": images("f", 12), "owl": images("o", 12), "bear": images("b", 12)}
    task = task_of(make(own), asked(shots=4, unseen=("bear",), split=split))
    counts = {
        side: sum(item.label == 0 for item in getattr(task, side))
        for side in ("train", "val", "test")
    }
    assert counts["train"] == counts["val"] == 0 < counts["test"]
    given = make(own, val={"bear": ["vb"], "fox": ["vf"]}, test={"bear": ["tb"], "fox": ["tf"]})
    task = task_of(given, asked(shots=4, unseen=("bear",), split=split))
    assert shas(task.val) == ["vf"]
    assert sorted(shas(task.test)) == ["tb", "tf"]


def test_groups_stay_together_and_another_rule_splits_again(tmp_path):
    files = {
        "fox": [f"video{n // 3}_{n}.png" for n in range(18)],
        "owl": [f"film{n // 3}_{n}.png" for n in range(18)],
    }
    dataset = make(files)
    domain = dataset.domains[0]
    named = tuple(
        replace(item, path=f"train/{dataset.classes[item.label]}/{item.sha256}")
        for item in domain.items
    )
    grouped = replace(dataset, domains=(replace(domain, items=named),), group_by="prefix")
    split = decided(grouped)
    assert split.group_by == "prefix"
    for name, start in (("fox", "video"), ("owl", "film")):
        for number in range(6):
            own = {split.sides[f] for f in files[name] if f.startswith(f"{start}{number}_")}
            assert len(own) == 1
    assert decided(replace(grouped, split=split, group_by="none")).sides != split.sides


def test_copies_and_leaks_are_dealt_to_no_side():
    dataset = make({"fox": ["a", "a", "b", "t"], "owl": ["c", "d"]}, test={"fox": ["t"]})
    assert set(decided(dataset).sides) == {"a", "b", "c", "d"}


def test_every_image_is_in_one_domain():
    dataset = make(
        {"fox": [*images("f", 8), "f0"], "owl": images("o", 8)}, ood_night={"fox": ["n"]}
    )
    domains = split_domains(dataset)
    assert [*domains] == ["train", "val", "test", "ood/night"]
    assert sum(map(len, domains.values())) == 18
    assert shas(domains["test"]) == shas(
        sorted(task_of(dataset, asked()).test, key=lambda item: item.path)
    )


def real(tmp_path, count=8):
    """A data set on disk whose images are text, because no test here decodes them."""
    from core.data.dataset import Domain

    dataset = make({"fox": images("f", count), "owl": images("o", count)})
    (tmp_path / "set").mkdir(exist_ok=True)
    return replace(
        dataset, root=tmp_path / "set", domains=(Domain("train", "train", dataset.items("train")),)
    )


def test_it_is_written_next_to_the_images_and_read_back(tmp_path):
    kept = keep_split(real(tmp_path))
    written = json.loads((tmp_path / "set/split.json").read_text())
    assert written["schema"] == 1
    assert written["shares"] == {"train": 2, "val": 1, "test": 1}
    assert written["images"] == kept.split.sides
    assert read_split(tmp_path / "set") == kept.split
    before = (tmp_path / "set/split.json").stat().st_mtime_ns
    keep_split(replace(kept, split=read_split(kept.root)))
    assert (tmp_path / "set/split.json").stat().st_mtime_ns == before


def test_nothing_is_written_where_nothing_is_cut(tmp_path):
    dataset = make({"fox": ["a"]}, val={"fox": ["b"]}, test={"fox": ["c"]})
    keep_split(replace(dataset, root=tmp_path))
    assert not [*tmp_path.iterdir()]


def test_a_folder_that_cannot_be_written_has_its_split_elsewhere(tmp_path, monkeypatch):
    def refused(path, write):
        if path.parent == tmp_path / "set":
            raise PermissionError(path)
        write(path)

    monkeypatch.setattr("core.data.split.publish", refused)
    kept = keep_split(real(tmp_path), tmp_path / "home")
    assert not (tmp_path / "set/split.json").exists()
    assert read_split(kept.root, tmp_path / "home") == kept.split


@pytest.mark.parametrize(
    "text", ["", "[]", '{"schema": 2}', '{"schema":1,"group_by":"none","shares":{},"images":{}}']
)
def test_a_damaged_file_is_not_guessed_over(tmp_path, text):
    (tmp_path / "split.json").write_text(text)
    with pytest.raises(UserError, match="is damaged"):
        read_split(tmp_path)


def test_other_parts_split_again(tmp_path):
    dataset = keep_split(real(tmp_path, 12))
    moved = move_split(dataset, parse_shares("4:1:1"))
    assert sizes(moved)["fox"] == (8, 2, 2)
    assert read_split(moved.root).shares == {"train": 4, "test": 1, "val": 1}
    assert default_shots(moved) == 8


def test_shares_are_read_and_written():
    assert parse_shares("2:1:1") == SHARES
    assert write_shares(parse_shares("8:0:2")) == "8:0:2"
    for wrong in ("", "1:2", "a:b:c", "0:1:1", "1:1:0", "2:1:-1", "1.5:1:1", "5000:1:1"):
        with pytest.raises(UserError, match="split:"):
            parse_shares(wrong)


MUTANTS = [
    Mutant(
        "core.data.split",
        "known = {keys[item.path]: old[item.sha256] for item in items if item.sha256 in old}",
        "known = {}",
        test_an_image_never_changes_sides_when_others_come_or_go,
    ),
    Mutant(
        "core.data.split",
        "return dataset.split.sides if dataset.split.group_by == dataset.group_by else {}",
        "return dataset.split.sides",
        test_groups_stay_together_and_another_rule_splits_again,
    ),
]
