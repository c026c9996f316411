"""How the studio writes numbers, intervals and verdicts."""

import pytest

from core.evaluation.paired import compare_hits
from core.records import Selection
from studio.components.run_header import alarms, gains, share_done, tone
from studio.markup import count, duration, percent, points, size, ticks
from studio.verdict import paired_verdict, verdict
from tests.studio.conftest import NASTY, TUNED, ZERO, evaluation, point

SPACE = "\u202f"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (percent(0.6464), f"64.6{SPACE}%"),
        (percent(None), "–"),
        (points(0.0321), f"+3.2{SPACE}pp"),
        (points(-0.0321), f"−3.2{SPACE}pp"),
        (points(0.0001), f"±0.0{SPACE}pp"),
        (duration(31.4), "0:31"),
        (duration(3725), f"1{SPACE}h 02{SPACE}min"),
        (duration(None), "–"),
        (size(851), f"851{SPACE}B"),
        (size(9_100_000), f"9.1{SPACE}MB"),
        (size(577_000_000), f"577{SPACE}MB"),
        (count(1, "image"), "1 image"),
        (count(1682, "image"), f"1{SPACE}682 images"),
        (count(2, "class", "classes"), "2 classes"),
    ],
)
def test_numbers_are_written_for_people(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((8, 1, 2, 3), "14 images cannot separate these two runs."),
        ((8, 0, 6, 0), "6 images more right of 14."),
        ((8, 6, 0, 0), "6 images fewer right of 14."),
        ((8, 0, 0, 6), "Both get the same ones right of 14 images."),
    ],
)
def test_two_runs_are_told_apart_only_by_enough_images(counts, sentence):
    assert paired_verdict(compare_hits(*counts)) == sentence


def test_backticks_become_code_and_nothing_else_does():
    assert ticks(f"`lr` {NASTY}") == ("<code>lr</code> &lt;img src=x onerror=alert(1)&gt;")


def test_a_change_counts_only_outside_the_interval_of_zero_shot():
    zero = ZERO.domains["test"].model_dump()
    assert tone(zero, zero["high"] + 0.01) == "good"
    assert tone(zero, zero["low"] - 0.01) == "bad"
    assert tone(zero, 0.62) == "even"


def looked(label, step, found):
    domains = {name: s.model_dump() for name, s in found.domains.items()}
    return {"label": label, "step": step, "alpha": None, "domains": domains}


def test_an_alarm_names_the_domain_that_fell_and_only_that():
    along = [looked("zero-shot", 0, ZERO), looked("training", 5, TUNED)]
    said = alarms(along)
    assert len(said) == 1
    assert "sketch" in said[0]
    assert "−20.0" in said[0]
    assert gains([]) == {}


def test_the_verdict_names_what_was_gained_and_what_fell(record):
    sentence = verdict(record)
    assert f"60.0{SPACE}% to 66.0{SPACE}%" in sentence
    assert "n = 100" in sentence
    assert f"α = 1) would have made that −14.0{SPACE}pp" in sentence


def test_the_verdict_names_a_domain_below_its_interval(record):
    chosen = Selection(checkpoint="last", alpha=1.0, alpha_chosen_on="val")
    assert "sketch fell clearly" in verdict(record.model_copy(update={"selection": chosen}))


def test_the_verdict_without_ood_images_says_what_it_does_not_know(record):
    zero = evaluation(val=24, test=60)
    grid = [point(0.3).model_copy(update={"ood": None})]
    changed = {"evaluations": {"zero-shot": zero, "fine-tuned": zero}, "wise": grid}
    assert "nobody can say" in verdict(record.model_copy(update=changed))


def test_the_verdict_of_alpha_zero_is_to_keep_zero_shot(record):
    chosen = Selection(checkpoint="last", alpha=0.0, alpha_chosen_on="val")
    sentence = verdict(record.model_copy(update={"selection": chosen}))
    assert "no mixture beat zero-shot" in sentence
    assert f"+20.0{SPACE}pp on your images and −14.0{SPACE}pp" in sentence


def test_progress_of_a_run_never_goes_back(mine, run):
    assert share_done(mine.runs.progress(run.run_id)) == 1.0
