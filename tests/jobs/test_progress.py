import json
import math
from itertools import pairwise

import pytest

from core.events import Advanced, Evaluated, Measuring, Resumed, Saved, Stage, Step, Warned
from core.results.records import DomainScore
from core.results.runs import EventLog, RunFolder
from jobs.progress import WINDOW, Progress, curves, fold, read_progress

SCORE = DomainScore(n=4, correct=3, accuracy=0.75, low=0.3, high=0.95, ece=0.1, nll=0.6, macro=0.7)


def step(number: int, loss: float = 1.0) -> Step:
    return Step(
        step=number,
        steps=4,
        epoch=(number + 1) // 2,
        epochs=2,
        loss=loss,
        terms={"ce": loss / 2},
        lr=0.1 * number,
        grad_norm=loss,
        images_per_second=10.0 * number,
    )


STORY = [
    Stage("data", "/images"),
    Warned("class 'fox' is small"),
    Stage("zero-shot"),
    Evaluated("zero-shot", 0, {"test": SCORE}),
    Stage("training"),
    step(1, 4.0),
    step(2, 2.0),
    step(3, 1.0),
]


def entries(events, seconds=2.0):
    return [
        {"seq": seq, "time": 1000.0 + seconds * seq, **event.to_json()}
        for seq, event in enumerate(events, start=1)
    ]


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def test_the_fold_of_nothing_is_an_empty_progress():
    assert fold([]) == Progress()


def test_the_fold_tells_where_the_run_is():
    progress = fold(entries(STORY))
    assert (progress.seq, progress.phase) == (8, "training")
    assert (progress.step, progress.steps, progress.epoch, progress.epochs) == (3, 4, 2, 2)
    assert progress.losses == [[1, 4.0], [2, 2.0], [3, 1.0]]
    assert progress.terms == {"ce": [[1, 2.0], [2, 1.0], [3, 0.5]]}
    assert progress.updates == [[1, 0.1, 4.0], [2, 0.2, 2.0], [3, pytest.approx(0.3), 1.0]]
    assert progress.warnings == ["class 'fox' is small"]
    assert progress.started == 1002.0
    assert progress.images_per_second == 20.0  # the mean of 10, 20 and 30


def test_the_time_left_is_the_steps_left_at_the_pace_of_the_last_steps():
    assert fold(entries(STORY, seconds=2.0)).eta_seconds == 2.0  # one step left
    assert fold(entries(STORY[:6])).eta_seconds is None  # one step tells no pace


def test_evaluations_keep_all_that_was_measured():
    progress = fold(entries(STORY))
    assert progress.evaluations == [
        {
            "label": "zero-shot",
            "step": 0,
            "alpha": None,
            "domains": {"test": SCORE.model_dump()},
        }
    ]


def test_steps_of_other_phases_are_no_losses():
    progress = fold(entries([*STORY, Stage("wise"), step(1, 9.0)]))
    assert progress.phase == "wise"
    assert progress.losses == [[1, 4.0], [2, 2.0], [3, 1.0]]


def test_the_log_is_made_of_sentences():
    log = fold(entries([*STORY, Saved("weights", "w.safetensors")])).log
    sentences = [line[10:] for line in log]
    assert sentences == [
        "data: /images",
        "warning: class 'fox' is small",
        "zero-shot",
        "zero-shot: test 75.0 %",
        "training",
        "epoch 1/2: mean loss 3.0000",
        "epoch 2/2: mean loss 1.0000",
        "saved weights (w.safetensors)",
    ]


def test_reading_while_it_is_written_equals_folding_it_at_the_end(folder):
    log = EventLog(folder)
    for event in STORY:
        log.append(event)
        read_progress(folder)
    log.close()
    assert read_progress(folder) == fold(folder.events())


def long_story(steps=200, per_epoch=60):
    """Steps of other phases too, looks between them, and numbers that are none."""
    yield from [
        Stage("zero-shot"),
        *(Step(n, 9, 0, 0, 0.0) for n in range(1, 9)),
        Stage("training"),
    ]
    for number in range(1, steps + 1):
        loss = math.nan if number in (1, 77) else 1 / number
        epoch, terms = 1 + number // per_epoch, {"ce": 2 * loss, "kl": 0.1} if number > 3 else {}
        yield Step(number, steps, epoch, 9, loss, terms, 0.1, loss, 7.0 + number, number, 0.5)
        if number % 50 == 0:
            yield Measuring(number)
            yield Evaluated("training", number, {"test": SCORE})
    yield from [Saved("weights", "w"), Resumed(150, steps, 3, 9, 0)]
    yield from [step(number) for number in range(151, 155)]
    yield from [Stage("wise"), *(Step(n, 40, 1, 1, 0.0) for n in range(1, 40))]


def write(folder, lines):
    with open(folder.events_path, "a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("most", [16, 8192])
@pytest.mark.parametrize("at_once", [1, 7, 45, 1000])
def test_lines_that_are_looked_at_tell_the_same_as_all_events(folder, monkeypatch, most, at_once):
    monkeypatch.setattr(curves, "MOST_POINTS", most)
    lines = [{"time": 1000 + seq**0.5, **e.to_json()} for seq, e in enumerate(long_story())]
    for start in range(0, len(lines), at_once):
        write(folder, lines[start : start + at_once])
        assert repr(read_progress(folder)) == repr(fold(folder.events()))  # NaN is not NaN


def test_steps_in_words_of_another_order_tell_the_same(folder):
    lines = [{**e.to_json(), "time": 1000.0 + seq} for seq, e in enumerate(long_story())]
    write(folder, lines)
    assert repr(read_progress(folder)) == repr(fold(folder.events()))


def test_few_steps_of_a_long_log_are_parsed(folder, monkeypatch):
    monkeypatch.setattr(curves, "MOST_POINTS", 64)
    parsed = []

    def parse(line, **_):
        parsed.append(line)
        return json.loads(line)

    monkeypatch.setattr("jobs.progress.log.from_json", parse)
    write(folder, [{"time": 1.0, **e.to_json()} for e in long_story(5000, per_epoch=1000)])
    others = sum(event["kind"] != "step" for event in folder.events())
    read_progress(folder)
    assert len(parsed) < 2 * others + 64 + 2 * WINDOW < 600


def test_after_gives_only_what_is_new(folder):
    log = EventLog(folder)
    for event in STORY[:6]:
        log.append(event)
    seen = read_progress(folder)
    assert seen.losses == [[1, 4.0]]
    for event in STORY[6:]:
        log.append(event)
    log.close()
    new = read_progress(folder, after=seen.seq)
    assert new.losses == [[2, 2.0], [3, 1.0]]
    assert new.terms == {"ce": [[2, 1.0], [3, 0.5]]}
    assert new.warnings == new.evaluations == []
    assert (new.seq, new.step, new.phase) == (8, 3, "training")
    assert read_progress(folder, after=new.seq).losses == []


def test_a_line_that_is_still_being_written_is_left_for_later(folder):
    line = json.dumps({"time": 1.0, **Stage("data").to_json()}) + "\n"
    with open(folder.events_path, "w") as file:
        file.write(line[:20])
        file.flush()
        assert read_progress(folder).seq == 0
        file.write(line[20:])
    assert read_progress(folder).phase == "data"


def test_a_new_attempt_begins_a_new_story(folder):
    log = EventLog(folder)
    for event in STORY:
        log.append(event)
    log.close()
    assert read_progress(folder).seq == 8
    folder.events_path.unlink()
    assert read_progress(folder) == Progress()
    log = EventLog(folder)
    log.append(STORY[0])
    log.close()
    assert read_progress(folder).seq == 1
    assert read_progress(folder).losses == []


def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends(monkeypatch):
    monkeypatch.setattr("jobs.progress.curves.MOST_POINTS", 16)
    events = [Stage("training"), *(step(number, 1 / number) for number in range(1, 1003))]
    whole = [[number, 1 / number] for number in range(1, 1003)]
    progress = fold(entries(events))
    kept = [at for at, _ in progress.losses]
    assert 8 <= len(kept) <= 17
    assert (kept[0], kept[-1]) == (1, 1002)
    assert len({after - before for before, after in pairwise(kept[1:-1])}) == 1
    assert all(point in whole for point in progress.losses)
    assert [at for at, *_ in progress.updates] == kept == [at for at, _ in progress.terms["ce"]]
    assert progress.log == fold(entries(events)).log, "what is said in words counts every step"


def test_what_is_kept_of_a_curve_does_not_grow_with_its_steps(monkeypatch):
    monkeypatch.setattr("jobs.progress.curves.MOST_POINTS", 64)
    kept = [
        len(fold(entries([Stage("training"), *map(step, range(1, n))])).losses)
        for n in (64, 500, 4000)
    ]
    assert kept[0] == 63, "a short one is whole"
    assert max(kept) <= 65


def test_the_first_part_of_a_phase_tells_what_is_left():
    story = entries([Stage("drift"), Advanced(1, 4)])
    timed = [{**entry, "time": 10.0 * number} for number, entry in enumerate(story)]
    assert fold(timed).eta_seconds == 30.0
