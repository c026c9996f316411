import json
from itertools import pairwise

import pytest

from core.events import Evaluated, Saved, Stage, Step, Warned
from core.records import DomainScore
from core.runs import EventLog, RunFolder
from jobs.progress import Progress, fold, read_progress

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
        "zero-shot: test 75.0%",
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
    monkeypatch.setattr("jobs.progress.MOST_POINTS", 16)
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
    monkeypatch.setattr("jobs.progress.MOST_POINTS", 64)
    kept = [
        len(fold(entries([Stage("training"), *map(step, range(1, n))])).losses)
        for n in (64, 500, 4000)
    ]
    assert kept[0] == 63, "a short one is whole"
    assert max(kept) <= 65
