"""A few lines of a log say the same of where a run is as all of it."""

import json
from dataclasses import replace
from itertools import count

import pytest

from core.events import (
    Advanced,
    Evaluated,
    Measuring,
    Recommended,
    Resumed,
    Saved,
    Stage,
    Step,
    Warned,
)
from core.results.records import AccuracyChange, DomainScore, Mixing
from core.results.runs import RunFolder
from jobs.progress import WINDOW, read_brief, read_progress

SCORE = DomainScore(n=4, correct=3, accuracy=0.75, low=0.3, high=0.95, ece=0.1, nll=0.6, macro=0.7)


def steps(first, last, of=100):
    for number in range(first, last + 1):
        rate, use = 10.0 * number, {"memory_bytes": 1000 * number, "busy": number / 1000}
        yield Step(number, of, 1 + number // 10, 10, 1 / number, {}, 0.1, 1.0, rate, **use)
        if number % 4 == 0:
            yield Measuring(number)


def looks(*labels):
    for number, label in enumerate(labels):
        yield Evaluated(label, number, {"test": SCORE}, 0.5 if label == "alpha" else None)


CHANGE = AccuracyChange(
    n=4, gained=1, lost=0, difference=0.25, low=-0.3, high=0.7, p=1.0, p_holm=1.0, outcome="held"
)
VERDICT = Recommended(Mixing.steady(0.7), {"test": SCORE}, {"test": CHANGE}, None)
TRAINING = [Stage("data"), Stage("zero-shot"), *looks("zero-shot"), Stage("training")]
FINISHED = [
    *TRAINING,
    *steps(1, 100),
    *looks("training", "fine-tuned"),
    Stage("choosing"),
    *(Advanced(number, 21) for number in range(1, 22)),
    VERDICT,
    Stage("wise"),
    *looks("alpha", "alpha"),
    Stage("done"),
    Saved("record", "record.json"),
]
STORIES = {
    "nothing yet": [],
    "one line": [Stage("data")],
    "before the first step": TRAINING,
    "the first step": [*TRAINING, *steps(1, 1)],
    "few steps": [*TRAINING, *steps(1, 7)],
    "many steps": [*TRAINING, *steps(1, 90)],
    "a look between steps": [*TRAINING, *steps(1, 40), *looks("training"), *steps(41, 43)],
    "another phase that steps": [*TRAINING, *steps(1, 100), Stage("wise"), *steps(1, 3, of=21)],
    "from a checkpoint": [*TRAINING, *steps(1, 9), Resumed(4, 100, 1, 10, 0), *steps(5, 6)],
    "a sentence like an event": [*TRAINING, *steps(1, 9), Warned('"kind": "stage", x')],
    "choosing": [*TRAINING, *steps(1, 9), Stage("choosing"), Advanced(1, 21), Advanced(2, 21)],
    "the verdict before the end": [*TRAINING, *steps(1, 9), VERDICT, Stage("wise"), Advanced(1, 3)],
    "a verdict of before": [*TRAINING, *steps(1, 9), VERDICT, Resumed(4, 9, 1, 1, 0), *steps(5, 6)],
    "finished": FINISHED,
}


def written(folder, events):
    """A log; the clock goes on by less and less."""
    lines = (
        json.dumps({"time": 1000 + number**0.5, **event.to_json()}) + "\n"
        for number, event in zip(count(), events, strict=False)
    )
    folder.events_path.write_text("".join(lines))
    return folder


def standing(progress):
    """Of all that a run said, what a brief is to tell, and the looks that the drawer shows."""
    seen = [one for one in progress.evaluations if one["label"] != "alpha"]
    empty = {"losses": [], "updates": [], "terms": {}, "warnings": [], "log": []}
    first_and_newest = [one for one in seen if one in (seen[0], seen[-1])]
    return replace(progress, seq=0, started=None, evaluations=first_and_newest, **empty)


@pytest.mark.parametrize("story", STORIES)
def test_a_brief_agrees_with_all_that_the_run_said(tmp_path, story):
    folder = written(RunFolder(tmp_path), STORIES[story])
    found = read_brief(folder)
    alphas = [one for one in found.evaluations if one["label"] == "alpha"]
    others = [one for one in found.evaluations if one not in alphas]
    assert replace(found, evaluations=others) == standing(read_progress(folder))


def test_a_brief_of_no_log_is_empty(tmp_path):
    assert read_brief(RunFolder(tmp_path)) == read_progress(RunFolder(tmp_path))


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path):
    folder = written(RunFolder(tmp_path), [*TRAINING, *steps(1, 7)])
    whole = read_brief(folder)
    with open(folder.events_path, "a") as file:
        file.write('{"kind": "step", "step": 8')
    assert read_brief(folder) == whole


def test_a_brief_reads_no_more_lines_of_a_longer_log(tmp_path, monkeypatch):
    parsed = []

    def parse(line, **_):
        parsed.append(line)
        return json.loads(line)

    monkeypatch.setattr("jobs.progress.log.from_json", parse)
    for n in (100, 2000):
        folder = RunFolder(tmp_path / str(n))
        folder.path.mkdir()
        parsed.clear()
        read_brief(written(folder, [*TRAINING, *steps(1, n, of=n)]))
        assert WINDOW < len(parsed) < 2 * WINDOW


def test_a_log_that_did_not_change_is_not_read_again(tmp_path, monkeypatch):
    folder = written(RunFolder(tmp_path), FINISHED)
    first = read_brief(folder)
    monkeypatch.setattr(
        "jobs.progress.log.from_json", lambda _line, **_more: pytest.fail("parsed again")
    )
    assert read_brief(folder) is first
