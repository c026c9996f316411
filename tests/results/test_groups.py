"""The worst class and the worst group, picked by hand."""

from core.evaluation.evaluate import summarise
from core.results.groups import worst_class, worst_group
from core.results.records import DomainScore
from tests.mutants import Mutant


def score(**per_class: tuple[int, int]) -> DomainScore:
    right, n = (sum(column) for column in zip(*per_class.values(), strict=True))
    rest = {"low": 0, "high": 1, "ece": 0, "nll": 0, "macro": 0}
    return DomainScore(n=n, correct=right, accuracy=right / n, per_class=per_class, **rest)


def test_the_worst_class_has_the_lowest_share_and_not_the_fewest_right():
    # 3/10 is the lowest share; 1/2 has fewer right, and more wrong are 4/12.
    worst = worst_class({"fox": (3, 10), "owl": (1, 2), "otter": (4, 12), "none": (0, 0)})
    assert worst is not None
    assert (worst.name, worst.correct, worst.n, worst.accuracy) == ("fox", 3, 10, 0.3)


def test_of_equally_bad_classes_the_one_with_more_images_is_named():
    worst = worst_class({"fox": (1, 2), "owl": (5, 10), "otter": (2, 4)})
    assert worst is not None
    assert worst.name == "owl"


def test_nothing_is_the_worst_of_nothing():
    assert worst_class({}) is None
    assert worst_class({"fox": (0, 0)}) is None
    assert worst_group({}) is None


def test_the_worst_group_is_a_class_in_a_domain():
    # Over both domains the owl has 11/20 and the fox 10/20; the owl at night alone has 2/10.
    domains = {
        "test": score(fox=(5, 10), owl=(9, 10)),
        "ood/night": score(fox=(5, 10), owl=(2, 10)),
    }
    worst = worst_group(domains)
    assert worst is not None
    assert (worst.domain, worst.name, worst.correct, worst.n) == ("ood/night", "owl", 2, 10)


def test_of_equally_bad_groups_the_one_with_more_images_is_named():
    worst = worst_group({"test": score(fox=(0, 2)), "ood/night": score(fox=(0, 5))})
    assert worst is not None
    assert worst.domain == "ood/night"


def test_validation_images_have_no_part_in_the_worst_group_of_an_evaluation():
    test, val = score(fox=(1, 2), owl=(2, 2)), score(fox=(0, 2))
    evaluation = summarise({"val": val, "test": test})
    assert evaluation.worst_group is not None
    assert evaluation.worst_group.domain == "test"
    assert (evaluation.id, evaluation.ood) == (0.75, None)


MUTANTS = [
    Mutant(
        "core.results.groups",
        "(one[1] / one[2], -one[2])",
        "(one[1], -one[2])",
        test_the_worst_class_has_the_lowest_share_and_not_the_fewest_right,
    ),
    Mutant(
        "core.results.groups",
        "min(seen,",
        "max(seen,",
        test_the_worst_class_has_the_lowest_share_and_not_the_fewest_right,
    ),
    Mutant(
        "core.results.groups",
        "(one[1] / one[2], -one[2])",
        "(one[1] / one[2], one[2])",
        test_of_equally_bad_classes_the_one_with_more_images_is_named,
    ),
    Mutant(
        "core.results.groups",
        "min(groups,",
        "max(groups,",
        test_the_worst_group_is_a_class_in_a_domain,
    ),
    Mutant(
        "core.results.groups",
        "(group[1].accuracy, -group[1].n)",
        "(group[1].accuracy, group[1].n)",
        test_of_equally_bad_groups_the_one_with_more_images_is_named,
    ),
    Mutant(
        "core.evaluation.evaluate",
        "worst_group({**measured, **ood})",
        "worst_group(scores)",
        test_validation_images_have_no_part_in_the_worst_group_of_an_evaluation,
    ),
]
