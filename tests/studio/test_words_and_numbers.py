"""The format of numbers, intervals and verdicts."""

from dataclasses import replace

import pytest

from core.results.paired import compare_hits, mean_change
from core.results.records import Mixing
from core.results.standing import FINE_TUNED, ZERO_SHOT
from jobs.progress import Progress
from studio.frame.markup import count, duration, percent, points, size, ticks
from studio.live import words
from studio.live.run_header import alarms, gains, run_header, share_done, tone
from studio.live.verdict import GainAndCost, early_verdict, paired_verdict, told, verdict
from tests.studio.conftest import NASTY, TUNED, ZERO, change, evaluation, point

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


GAIN = f"α = 0.80, steady: accuracy on your images rose from 60.0{SPACE}% to 75.0{SPACE}%"


def with_changes(record, **outcomes):
    """The same with other changes of the recommended mixing: `sketch=("worse", 1, 11)`."""
    found = {"test": record.changes["recommended"]["test"]}
    for name, (outcome, gained, lost) in outcomes.items():
        found[name if name == "test" else f"ood/{name}"] = change(50, gained, lost, outcome)
    means = {**record.mean_changes, "recommended": mean_change(found)}
    return record.model_copy(
        update={"changes": {**record.changes, "recommended": found}, "mean_changes": means}
    )


def test_the_verdict_follows_the_paired_test_image_by_image(steady_record):
    assert verdict(steady_record) == (
        f"{GAIN} (+15.0{SPACE}pp, n = 100); noto and sketch held; mean of 2 other domains "
        f"−1.0{SPACE}pp (held). The tuned weights alone (α = 1) would have changed the mean of 2 "
        f"other domains by −14.0{SPACE}pp."
    )


def test_the_verdict_names_each_domain_that_rose_or_fell_and_counts_the_rest(steady_record):
    record = with_changes(
        steady_record,
        noto=("better", 9, 1),
        sketch=("worse", 4, 11),
        night=("worse", 0, 20),
        rain=("held", 0, 1),
        fog=("held", 1, 0),
        snow=("held", 0, 0),
    )
    domains = {f"ood/{name}": 0.5 for name in ("night", "rain", "fog", "snow")}
    zero = {**{name: score.accuracy for name, score in ZERO.domains.items()}, **domains}
    found = GainAndCost(
        record.mixing,
        zero,
        {**zero, "test": 0.75},
        zero,
        record.changes["recommended"],
        record.mean_changes["recommended"],
    )
    assert (
        f"sketch fell (−14.0{SPACE}pp, n = 50), night fell clearly (−40.0{SPACE}pp, n = 50), "
        f"noto rose (+16.0{SPACE}pp, n = 50) and the other 3 held; mean of 6 other domains "
    ) in told(found)
    assert "alone" not in told(found), "it would have been no worse"


def test_one_other_domain_has_no_mean(steady_record):
    said = verdict(with_changes(steady_record, sketch=("held", 1, 2)))
    assert f"; sketch held (−2.0{SPACE}pp, n = 50). The tuned" in said
    assert f"would have changed sketch by −20.0{SPACE}pp." in said


def test_only_an_interval_below_two_points_is_a_clear_fall(steady_record):
    barely = with_changes(steady_record, test=("worse", 3, 10), sketch=("held", 0, 0))
    assert barely.changes["recommended"]["test"].high > -0.02
    assert "on your images fell from" in verdict(barely)
    clear = with_changes(steady_record, test=("worse", 0, 12), sketch=("held", 0, 0))
    assert "on your images fell clearly, from" in verdict(clear)


def test_the_verdict_that_keeps_zero_shot_says_what_tuning_shows(steady_record):
    sentence = verdict(steady_record.model_copy(update={"mixing": Mixing.steady(0.0)}))
    assert "no mixture beat zero-shot" in sentence
    assert f"+20.0{SPACE}pp on your images and −14.0{SPACE}pp on the mean of 2 other" in sentence


def test_the_verdict_without_ood_images_says_what_it_does_not_know(steady_record):
    changed = {"test": steady_record.changes["recommended"]["test"]}
    record = steady_record.model_copy(
        update={"changes": {"recommended": changed}, "mean_changes": {}}
    )
    assert verdict(record).startswith(GAIN)
    assert "is not known" in verdict(record)


def told_early(record):
    """The event of a run's verdict, and the looks that came before and after it."""
    ends = {name: one.model_dump()["domains"] for name, one in record.evaluations.items()}
    event = {
        "mixing": record.mixing.model_dump(),
        "domains": ends["recommended"],
        "changes": {n: one.model_dump() for n, one in record.changes["recommended"].items()},
        "mean_change": record.mean_changes["recommended"].model_dump(),
    }
    said = [
        {"label": "zero-shot", "step": 0, "alpha": None, "domains": ends["zero-shot"]},
        {"label": "fine-tuned", "step": 9, "alpha": None, "domains": ends["fine-tuned"]},
        {"label": "alpha", "step": 0, "alpha": 0.5, "domains": ends["zero-shot"]},
    ]
    return event, said


def test_a_run_that_goes_on_has_the_verdict_of_its_record(steady_record):
    assert early_verdict(*told_early(steady_record)) == verdict(steady_record)


def test_once_a_run_recommends_something_its_gains_are_of_that(steady_record):
    event, said = told_early(steady_record)
    assert gains(said)["ood/sketch"].now["accuracy"] == TUNED.domains["ood/sketch"].accuracy
    rows = gains(said, event)
    assert [(key, row.now["accuracy"], row.tone) for key, row in rows.items()] == [
        ("test", 0.75, "good"),
        ("val", 0.75, "even"),
        ("ood/noto", 0.58, "even"),
        ("ood/sketch", 0.5, "even"),
    ]
    assert rows["test"].step == 9


def test_the_header_of_a_running_run_has_the_verdict_and_no_alarm(steady_record, mine, run):
    event, said = told_early(steady_record)
    job = replace(mine.runs.job(run.run_id), state="running")
    progress = Progress(phase="wise", step=3, steps=21, recommended=event, evaluations=said)
    header = run_header(job, "A run", progress, None)
    assert header["verdict"] == verdict(steady_record)
    assert "still measures" in header["going_on"]
    assert header["warnings"] == []
    assert header["line"] == "measuring the frontier · 3 of 21"
    assert [(k["value"], k["tone"]) for k in header["kpis"][-2:]] == [
        (f"+15.0{SPACE}pp", "good"),
        (f"−1.0{SPACE}pp", ""),
    ]
    before = run_header(job, "A run", replace(progress, recommended=None), None)
    assert before["verdict"] == ""
    assert len(before["warnings"]) == 1


def test_every_phase_has_its_words_and_its_share_of_the_whole():
    phases = [phase for phase in words.Live.phases if phase]
    assert phases[:3] == ["data", "zero-shot", "training"]
    shares = [share_done(Progress(phase=name)) for name in phases]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    ends = [share_done(Progress(phase=name, step=4, steps=4)) for name in phases]
    assert ends[:-1] == shares[1:], "a phase ends where the next begins"
    middle = share_done(Progress(phase="choosing", step=2, steps=4))
    at = phases.index("choosing")
    assert shares[at] < middle < shares[at + 1]


def test_the_verdict_of_an_older_run_names_what_was_gained_and_what_fell(record):
    sentence = verdict(record)
    assert f"60.0{SPACE}% to 66.0{SPACE}%" in sentence
    assert "n = 100" in sentence
    assert f"the mean of 2 other domains by −14.0{SPACE}pp" in sentence
    tuned = record.model_copy(update={"mixing": FINE_TUNED})
    assert "sketch fell below the interval of zero-shot." in verdict(tuned)


def test_the_verdict_of_an_older_run_without_ood_images(record):
    zero = evaluation(val=24, test=60)
    grid = [point(0.3).model_copy(update={"ood": None})]
    changed = {"evaluations": {"zero-shot": zero, "fine-tuned": zero}, "wise": grid}
    assert "is not known" in verdict(record.model_copy(update=changed))


def test_the_verdict_of_an_older_run_at_alpha_zero_is_to_keep_zero_shot(record):
    sentence = verdict(record.model_copy(update={"mixing": ZERO_SHOT}))
    assert "no mixture beat zero-shot" in sentence
    assert f"+20.0{SPACE}pp on your images and −14.0{SPACE}pp" in sentence


def test_progress_of_a_run_never_goes_back(mine, run):
    assert share_done(mine.runs.progress(run.run_id)) == 1.0
