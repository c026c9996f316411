"""The paired test against hand-worked numbers and against its definition by brute force."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest

from core.errors import UserError
from core.results.paired import changes, compare_hits, holm, mcnemar, mean_change, pair, tango
from core.results.predictions import ClassifierAnswers, DomainPredictions, Predictions
from core.results.records import AccuracyChange
from tests.mutants import Mutant

Z2 = 1.959963984540054**2


def test_the_exact_test_equals_the_hand_worked_numbers():
    # 1 against 5: 2·(C(6,0) + C(6,1))/2⁶ = 14/64. 0 against 6: 2/64.
    assert mcnemar(1, 5) == pytest.approx(14 / 64)
    assert mcnemar(5, 1) == pytest.approx(14 / 64)
    assert mcnemar(0, 6) == pytest.approx(2 / 64)
    assert mcnemar(4, 4) == 1
    assert mcnemar(0, 0) == 1


def test_the_difference_is_of_the_second_from_the_first():
    found = compare_hits(both=5, only_first=1, only_second=13, neither=1)
    assert (found.n, found.difference) == (20, 0.6)
    assert 0 < found.low < 0.6 < found.high
    mirrored = compare_hits(both=5, only_first=13, only_second=1, neither=1)
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


def test_the_interval_without_discordant_images_is_the_hand_worked_one():
    # The likeliest loss for Δ < 0 is −Δ, so n·Δ² = z²·|Δ|·(1 − |Δ|) and |Δ| = z²/(n + z²).
    low, high = tango(0, 0, 14)
    assert (low, high) == pytest.approx((-Z2 / (14 + Z2), Z2 / (14 + Z2)))
    assert high == pytest.approx(0.21531, abs=1e-5)


def test_the_interval_of_many_images_is_the_textbook_one():
    # Ratings of a prime minister, Agresti, Categorical Data Analysis §10.1: 1600 people, 150 and 86
    # changed their mind; −0.04 ± 1.96·√((150 + 86) − 64²/1600)/1600.
    half = 1.96 * math.sqrt(236 - 64**2 / 1600) / 1600
    # That is Wald's; on so many people the score interval is the same to 0.05 points.
    assert tango(86, 150, 1600) == pytest.approx((-0.04 - half, -0.04 + half), abs=5e-4)


@pytest.mark.parametrize("counts", [(3, 1, 10), (7, 0, 14), (0, 4, 9), (5, 5, 30), (2, 9, 11)])
def test_the_ends_are_where_the_score_test_says_1_96(counts):
    check_score(*counts)


def check_score(gained: int, lost: int, n: int) -> None:
    """The score statistic at both ends; brute force maximises its constrained likelihood."""

    def minus_log_likelihood(q: float, delta: float) -> float:
        shares = ((gained, q + delta), (lost, q), (n - gained - lost, 1 - 2 * q - delta))
        return -sum(count * math.log(share) for count, share in shares if count)

    for sign, delta in zip((1, -1), tango(gained, lost, n), strict=True):
        if abs(delta) == 1:
            continue
        bounds = max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12
        best = minimize_scalar(
            minus_log_likelihood, bounds=bounds, args=(delta,), options={"xatol": 1e-11}
        )
        variance = n * (2 * best.x + delta - delta**2)
        z = (gained - lost - n * delta) / math.sqrt(variance)
        assert z == pytest.approx(sign * math.sqrt(Z2), rel=1e-3)


def test_the_score_of_a_few_discordant_images_is_right():
    check_score(3, 1, 10)


@pytest.mark.parametrize(("gained", "lost", "n"), [(5, 0, 5), (0, 5, 5), (1, 0, 1), (0, 0, 1)])
def test_the_interval_holds_the_difference_and_stays_inside(gained, lost, n):
    low, high = tango(gained, lost, n)
    assert -1 <= low <= (gained - lost) / n <= high <= 1
    assert low < high


def test_nothing_is_known_of_no_images():
    assert tango(0, 0, 0) == (-1, 1)
    assert compare_hits().verdict == "same-answers"


def test_five_discordant_images_never_tell_two_runs_apart_and_six_may():
    assert compare_hits(both=9, only_second=5).verdict == "cannot-tell"  # 2/32
    assert compare_hits(both=8, only_second=6).verdict == "better"  # 2/64
    assert compare_hits(both=8, only_first=6).verdict == "worse"
    assert compare_hits(both=8, only_first=6, only_second=6).verdict == "cannot-tell"
    assert compare_hits(both=8, neither=6).verdict == "same-answers"


def predictions(classes: str, **domains: str) -> Predictions:
    """Images written as `a+ b-`: an image of class a that is right, one of b that is wrong; the
    hash is its letter and place.
    """
    found = {}
    for name, images in domains.items():
        tokens = images.split()
        labels = np.array([classes.index(token[0]) for token in tokens], np.int32)
        wrong = np.array([token[-1] == "-" for token in tokens])
        hashes = [token[:-1].encode().ljust(32) for token in tokens]
        answers = ClassifierAnswers(
            (labels + wrong) % len(classes), np.ones(len(tokens), np.float32)
        )
        found[name.replace("ood_", "ood/")] = DomainPredictions(
            np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, 32),
            labels,
            {"zero-shot": answers, "fine-tuned": answers},
        )
    return Predictions(tuple(classes), found)


def test_images_are_matched_by_hash_and_class_name_whatever_their_order():
    first = predictions("ab", test="a1+ a2+ a3- b1-")
    second = predictions("ba", test="b1+ a2- a1+ a9+")  # other class numbers, another order
    paired = pair(first, second)
    assert "test" in paired
    found = paired["test"]
    assert (found.both, found.only_first, found.only_second, found.neither) == (1, 1, 1, 0)


def test_the_same_file_under_another_class_is_another_image():
    first, second = predictions("ab", test="a1+ b2+"), predictions("ba", test="a1+ b2-")
    assert pair(first, second)["test"].n == 2
    renamed = predictions("cd", test="c1+ d2-")
    assert pair(first, renamed) == {}


def test_an_image_that_lies_there_twice_counts_once():
    twice = predictions("ab", test="a1+ a1+ b1-")
    assert pair(twice, twice)["test"].n == 2


def test_pooled_means_the_test_images_and_all_ood_images_but_not_validation():
    first = predictions("ab", val="a1+", test="a2+ b2-", ood_x="a3+ a4-", ood_y="b3-")
    second = predictions("ab", val="a1-", test="a2+ b2+", ood_x="a3- a4-", ood_y="b3+", ood_z="a5+")
    found = pair(first, second)
    assert list(found) == ["val", "test", "ood/x", "ood/y", "id", "ood"]
    assert (found["id"].n, found["id"].only_first, found["id"].only_second) == (2, 0, 1)
    ood = found["ood"]
    assert (ood.n, ood.only_first, ood.only_second, ood.neither) == (3, 1, 1, 1)


def test_the_domains_of_a_pairing_are_corrected_together_and_what_is_pooled_by_itself():
    right = " ".join(f"a{n}+" for n in range(6))
    wrong = right.replace("+", "-")
    eight = right + " b6+ b7+"
    first = predictions("ab", val=wrong, test=eight.replace("+", "-"), ood_x=wrong, ood_y=right)
    second = predictions("ab", val=right, test=eight, ood_x=right, ood_y=right)
    found = pair(first, second)
    # Test: 2/2⁸ of three tests. x: 2/2⁶ of the two that are left; alone it would be better.
    assert (found["test"].p, found["test"].p_holm) == (2 / 2**8, 3 * 2 / 2**8)
    assert (found["ood/x"].p, found["ood/x"].p_holm) == (2 / 2**6, 2 * 2 / 2**6)
    assert (found["test"].verdict, found["ood/x"].verdict) == ("better", "cannot-tell")
    assert found["val"].p_holm == found["val"].p, "validation is no test of the family"
    assert found["id"] == found["test"]
    assert (found["ood"].n, found["ood"].p_holm) == (12, 2 / 2**6)
    assert found["ood"].verdict == "better"


def test_each_run_stands_for_itself_by_the_end_that_is_asked_for():
    first = predictions("ab", test="a1+ a2+ b3-")
    other = predictions("ab", test="a1- a2- b3+").domains["test"].answers["fine-tuned"]
    domain = first.domains["test"]
    answers = {**domain.answers, "recommended": other}
    second = Predictions(first.classes, {"test": replace(domain, answers=answers)})
    assert pair(first, second)["test"].only_second == 0
    found = pair(first, second, ("fine-tuned", "recommended"))["test"]
    assert (found.only_first, found.only_second) == (2, 1)
    with pytest.raises(UserError, match="before 'recommended' was kept"):
        pair(first, second, ("recommended", "recommended"))


MUTANTS = [
    Mutant(
        "core.results.paired",
        "min(1.0, 2 * tail)",
        "tail",
        test_the_exact_test_equals_the_hand_worked_numbers,
    ),
    Mutant(
        "core.results.paired",
        "tango(only_second, only_first, n)",
        "tango(only_first, only_second, n)",
        test_the_difference_is_of_the_second_from_the_first,
    ),
    Mutant(
        "core.results.paired",
        "8 * n * lost * delta",
        "4 * n * lost * delta",
        test_the_score_of_a_few_discordant_images_is_right,
    ),
    Mutant(
        "core.results.paired",
        "+ delta * (1 - delta)\n        return",
        "\n        return",
        test_the_interval_without_discordant_images_is_the_hand_worked_one,
    ),
    Mutant(
        "core.results.paired",
        "if excess(middle) > 0",
        "if excess(middle) < 0",
        test_the_interval_without_discordant_images_is_the_hand_worked_one,
    ),
    Mutant(
        "core.results.paired",
        "self.p_holm >= SIGNIFICANT",
        "self.low <= 0 <= self.high",
        test_five_discordant_images_never_tell_two_runs_apart_and_six_may,
    ),
    Mutant(
        "core.results.paired",
        'inside = ["test"] if "test" in found else',
        "inside =",
        test_pooled_means_the_test_images_and_all_ood_images_but_not_validation,
    ),
    Mutant(
        "core.results.paired",
        "predictions.classes[label]",
        "str(label)",
        test_images_are_matched_by_hash_and_class_name_whatever_their_order,
    ),
    Mutant(
        "core.results.paired",
        'for name, one in found.items() if name != "val"',
        "for name, one in found.items()",
        test_the_domains_of_a_pairing_are_corrected_together_and_what_is_pooled_by_itself,
    ),
    Mutant(
        "core.results.paired",
        "_hits(second, name, ends[1])",
        "_hits(second, name, ends[0])",
        test_each_run_stands_for_itself_by_the_end_that_is_asked_for,
    ),
]


@pytest.mark.parametrize("counts", [(0, 0), (0, 1), (3, 3), (2, 9), (40, 61), (900, 1100), (0, 60)])
def test_both_tests_are_those_of_scipy_without_its_import(counts):
    first, second = counts
    total = first + second
    known = binomtest(first, total).pvalue if total else 1.0
    assert mcnemar(first, second) == pytest.approx(known, rel=1e-12)


def test_comparing_runs_imports_no_scipy():
    program = "import sys, core.results.comparison; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_changes_are_corrected_for_the_number_of_domains():
    def hits(*values):
        return np.array(values, dtype=bool)

    before = {"val": hits(0), "test": hits(*[0] * 8), "ood/x": hits(*[1] * 6), "ood/y": hits(1, 0)}
    after = {"val": hits(1), "test": hits(*[1] * 8), "ood/x": hits(*[0] * 6), "ood/y": hits(1, 0)}
    found = changes(before, after)
    assert found.keys() == {"test", "ood/x", "ood/y"}
    assert (found["test"].p, found["test"].p_holm) == (2 / 2**8, 3 * 2 / 2**8)
    assert (found["ood/x"].p, found["ood/x"].p_holm) == (2 / 2**6, 2 * 2 / 2**6)
    assert [one.outcome for one in found.values()] == ["better", "held", "held"]
    assert (found["test"].gained, found["test"].lost, found["test"].difference) == (8, 0, 1.0)


def test_holm_never_lets_a_later_p_be_smaller():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "c": 0.06, "b": 0.06}
    )


def test_the_mean_change_adds_the_domains_intervals_squared():
    def change(difference, low, high):
        return AccuracyChange(
            n=10, gained=0, lost=0, difference=difference, low=low, high=high, p=1, p_holm=1,
            outcome="held",
        )  # fmt: skip

    mean = mean_change(
        {
            "test": change(9, 9, 9),
            "ood/x": change(0.1, 0.07, 0.13),
            "ood/y": change(0.3, 0.26, 0.34),
        }
    )
    assert (mean.domains, mean.difference) == (2, pytest.approx(0.2))
    assert (mean.low, mean.high) == (pytest.approx(0.175), pytest.approx(0.225))
    assert mean.outcome == "better"
    assert mean_change({"test": change(0, 0, 0)}) is None
