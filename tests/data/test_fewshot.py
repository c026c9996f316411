"""Few-shot tasks: no test image trains, and a draw depends only on seed, class and content."""

import itertools
import random
from pathlib import Path

import pytest

from core.data.dataset import Dataset, Domain, IngestReport, Item
from core.data.fewshot import sample_task
from core.data.prompts import OPENAI_80
from core.errors import UserError


def make(train, allow_fewer=False, **domains):
    """A data set in memory: domain to class to hashes, one image each. `ood_x` is `ood/x`."""
    classes = tuple(sorted(train))
    made = []
    for key, contents in {"train": train, **domains}.items():
        name = key.replace("_", "/")
        items = tuple(
            Item(f"{name}/{folder}/{number}.png", classes.index(folder), sha)
            for folder, shas in contents.items()
            for number, sha in enumerate(shas)
        )
        made.append(Domain(name, "ood" if name.startswith("ood/") else name, items))
    return Dataset(Path("data"), "", classes, classes, (), allow_fewer, tuple(made), IngestReport())


def images(prefix, count):
    return [f"{prefix}{number}" for number in range(count)]


def shas(items):
    return [item.sha256 for item in items]


def by_class(task, name):
    return [item.sha256 for item in task.train if task.classes[item.label] == name]


TWO = {"fox": images("f", 20), "owl": images("o", 20)}
TEST = {"fox": ["tf"], "owl": ["to"]}


def test_every_class_gives_its_shots():
    task = sample_task(make(TWO, test=TEST), shots=8, seed=0)
    assert len(by_class(task, "fox")) == len(by_class(task, "owl")) == 8
    assert shas(task.test) == ["tf", "to"]
    assert task.notes == ()
    assert task.templates == OPENAI_80


def test_the_same_seed_draws_the_same_and_another_does_not():
    dataset = make(TWO)
    assert sample_task(dataset, 8, 1) == sample_task(dataset, 8, 1)
    assert set(shas(sample_task(dataset, 8, 1).train)) != set(
        shas(sample_task(dataset, 8, 2).train)
    )


def test_the_draw_is_this_one():
    """Pins a draw, because an old run must draw the same images again."""
    task = sample_task(make(TWO), shots=4, seed=0)
    assert by_class(task, "fox") == ["f14", "f0", "f17", "f11"]


def test_fewer_shots_are_a_prefix_of_more():
    dataset = make(TWO, test=TEST)
    most = sample_task(dataset, 20, 3)
    for shots in range(1, 20):
        task = sample_task(dataset, shots, 3)
        for name in dataset.classes:
            assert by_class(task, name) == by_class(most, name)[:shots]


def test_more_shots_only_take_test_images_away():
    dataset = make(TWO)
    tests = [set(shas(sample_task(dataset, shots, 3).test)) for shots in range(1, 20)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(tests))


def test_another_class_does_not_change_what_the_others_draw():
    small, large = make(TWO), make({**TWO, "bear": images("b", 20)})
    assert by_class(sample_task(small, 8, 0), "fox") == by_class(sample_task(large, 8, 0), "fox")


def test_file_names_and_their_order_do_not_change_the_draw():
    shuffled = images("f", 20)
    random.Random(0).shuffle(shuffled)
    renamed = make({**TWO, "fox": shuffled})
    assert by_class(sample_task(make(TWO), 8, 0), "fox") == by_class(
        sample_task(renamed, 8, 0), "fox"
    )


def test_without_val_and_test_the_rest_is_halved_and_test_gets_the_odd_one():
    task = sample_task(make({"fox": images("f", 13), "owl": images("o", 9)}), 8, 0)
    assert len(task.train) == 16
    assert len([sha for sha in shas(task.test) if sha[0] == "f"]) == 3
    assert len([sha for sha in shas(task.val) if sha[0] == "f"]) == 2
    assert len([sha for sha in shas(task.test) if sha[0] == "o"]) == 1


def test_with_a_test_folder_the_rest_is_val():
    task = sample_task(make(TWO, test=TEST), 8, 0)
    assert len(task.val) == 24


def test_with_a_val_folder_the_rest_is_test():
    task = sample_task(make(TWO, val={"fox": ["vf"]}), 8, 0)
    assert shas(task.val) == ["vf"]
    assert len(task.test) == 24


def test_a_val_folder_of_copies_is_replaced_by_what_is_left():
    task = sample_task(make(TWO, test=TEST, val={"fox": ["f1", "tf"]}), 8, 0)
    assert len(task.val) == 24
    assert "2 validation images are left out: also in train, test or an OOD domain." in task.notes


def test_no_val_left_is_said():
    task = sample_task(make(TWO, test=TEST), 20, 0)
    assert task.val == ()
    assert task.notes == ("No validation images are left: alpha cannot be chosen on validation.",)


def test_copies_of_measured_images_never_teach():
    train = {"fox": [*images("f", 8), "tf", "x"], "owl": images("o", 9)}
    dataset = make(train, test=TEST, ood_night={"fox": ["x"]}, val={"fox": ["tf", "f1", "vf"]})
    task = sample_task(dataset, 8, 0)
    assert not {"tf", "x"} & set(shas(task.train))
    assert shas(task.val) == ["vf"]
    assert shas(task.ood["ood/night"]) == ["x"]
    assert task.notes == (
        "2 training images are left out: also in test or an OOD domain.",
        "2 validation images are left out: also in train, test or an OOD domain.",
    )


def test_copies_within_train_count_once():
    dataset = make({"fox": ["a", "a", "b"], "owl": ["c", "d"]}, test=TEST)
    task = sample_task(dataset, 2, 0)
    assert sorted(by_class(task, "fox")) == ["a", "b"]
    assert "1 training image is left out: a copy of another one." in task.notes


def test_an_image_in_two_classes_teaches_neither():
    dataset = make({"fox": ["a", "b", "x"], "owl": ["c", "d", "x"]}, test=TEST)
    task = sample_task(dataset, 2, 0)
    assert "x" not in shas(task.train) + shas(task.val)
    assert "2 training images are left out: in two classes at once." in task.notes


SHORT = {
    "with a test folder": (
        make({"fox": images("f", 3), "owl": images("o", 9)}, test=TEST),
        "shots: class 'fox' has 3 images, 8 are needed. Lower the shots to 3, add images, "
        "or allow fewer shots to use what there is.",
    ),
    "without": (
        make({"fox": images("f", 3), "owl": images("o", 9)}),
        "shots: class 'fox' has 3 images, 8 are needed. Lower the shots to 2 (1 image is kept to "
        "test on), add images, or allow fewer shots to use what there is.",
    ),
    "just enough, none to test on": (
        make({"fox": images("f", 8), "owl": images("o", 9)}),
        "shots: class 'fox' has 8 images, which leaves none to test on. Lower the shots to 7 "
        "(1 image is kept to test on), add images, or allow fewer shots to use what there is.",
    ),
    "several classes": (
        make({"a": images("a", 5), "b": images("b", 2), "c": images("c", 5)}, test={"a": ["t"]}),
        "shots: class 'b' has 2 images, 8 are needed, and 2 more classes are short. Lower the "
        "shots to 2, add images, or allow fewer shots to use what there is.",
    ),
}


@pytest.mark.parametrize("case", SHORT)
def test_a_short_class_is_one_sentence_with_a_number_that_works(case):
    dataset, sentence = SHORT[case]
    with pytest.raises(UserError) as caught:
        sample_task(dataset, 8, 0)
    assert str(caught.value) == sentence
    works = int(sentence.partition("Lower the shots to ")[2].split()[0].rstrip(","))
    assert len(sample_task(dataset, works, 0).train) == works * len(dataset.classes)
    with pytest.raises(UserError):
        sample_task(dataset, works + 1, 0)


@pytest.mark.parametrize("case", SHORT)
def test_allow_fewer_uses_what_there_is_and_says_so(case):
    dataset, _ = SHORT[case]
    task = sample_task(dataset, 8, 0, allow_fewer=True)
    assert any(note.startswith("Classes with fewer than 8 shots use all") for note in task.notes)
    assert task.test


def test_the_data_set_may_allow_fewer_and_the_caller_has_the_last_word():
    dataset = make({"fox": images("f", 3), "owl": images("o", 9)}, allow_fewer=True)
    assert len(sample_task(dataset, 8, 0).train) == 2 + 8
    with pytest.raises(UserError, match="3 images, 8 are needed"):
        sample_task(dataset, 8, 0, allow_fewer=False)


@pytest.mark.parametrize("allow_fewer", [True, False])
def test_one_image_and_no_test_folder_is_hopeless(allow_fewer):
    dataset = make({"fox": ["f"], "owl": images("o", 9)})
    with pytest.raises(UserError, match="class 'fox' has 1 image and there is no test folder"):
        sample_task(dataset, 1, 0, allow_fewer)


def test_one_image_and_a_test_folder_is_one_shot():
    task = sample_task(make({"fox": ["f"], "owl": ["o"]}, test=TEST), 1, 0)
    assert shas(task.train) == ["f", "o"]


def test_a_class_that_is_all_copies_is_told():
    dataset = make({"fox": ["tf", "tf"], "owl": images("o", 9)}, test=TEST)
    with pytest.raises(UserError, match="class 'fox' has no image to learn from: all 2 are also"):
        sample_task(dataset, 1, 0, allow_fewer=True)


@pytest.mark.parametrize(("shots", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_numbers_out_of_range_are_one_sentence(shots, seed):
    with pytest.raises(UserError, match=r"got (0|-1)"):
        sample_task(make(TWO), shots, seed)


def random_dataset(draw):
    """Classes and domains with hashes from a small pool, so that there are many copies."""
    names = ["fox", "owl", "bear"][: draw.randint(2, 3)]
    domains = {"train": 30}
    for name in ("val", "test", "ood_a", "ood_b"):
        if draw.random() < 0.5:
            domains[name] = 10
    return make(
        **{
            domain: {
                name: [f"{draw.randrange(60)}" for _ in range(draw.randint(1, most))]
                for name in names
            }
            for domain, most in domains.items()
        }
    )


def test_no_image_is_in_two_parts_of_any_task():
    sampled = 0
    for seed in range(600):
        draw = random.Random(seed)
        dataset = random_dataset(draw)
        try:
            task = sample_task(dataset, draw.randint(1, 8), seed, allow_fewer=True)
        except UserError:
            continue
        sampled += 1
        measured = [task.test, *task.ood.values()]
        for part, others in (
            (task.train, [task.val, *measured]),
            (task.val, [task.train, *measured]),
        ):
            assert not set(shas(part)) & {sha for other in others for sha in shas(other)}
        assert len(set(shas(task.train))) == len(task.train)
        assert {item.label for item in task.train} == set(range(len(task.classes)))
        assert task.test
        if not dataset.items("test"):
            assert {item.label for item in task.test} == set(range(len(task.classes)))
    assert sampled > 150


THREE = {**TWO, "bear": images("b", 20)}


def test_an_unseen_class_gives_no_shots_and_is_measured_like_the_others():
    dataset = make(THREE)
    task = sample_task(dataset, 8, 0, unseen=("owl",))
    assert by_class(task, "owl") == []
    assert task.classes == ("bear", "fox", "owl")
    assert (task.unseen, task.seen) == (("owl",), (0, 1))
    measured = {item.sha256 for item in (*task.val, *task.test)}
    assert measured >= set(THREE["owl"])
    assert any("Unseen classes are not trained on" in note for note in task.notes)
    everything = sample_task(dataset, 8, 0)
    assert by_class(task, "fox") == by_class(everything, "fox")
    assert everything.seen == (0, 1, 2)


def test_an_unseen_class_may_be_short_of_images_or_have_none_to_train_on():
    task = sample_task(
        make({**TWO, "bear": []}, test={**TEST, "bear": ["tb"]}), 8, 0, None, ["bear"]
    )
    assert len(task.train) == 16
    assert "tb" in shas(task.test)


def test_wrong_unseen_classes_are_told_what_they_must_be():
    with pytest.raises(UserError, match=r"unseen: class: there is no 'bare'\. Did you mean 'bear'"):
        sample_task(make(THREE), 8, 0, unseen=("bare",))
    with pytest.raises(UserError, match="at least two classes must be trained on, and 2 of 3"):
        sample_task(make(THREE), 8, 0, unseen=("bear", "owl"))
