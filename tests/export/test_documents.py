"""The model card and the report: true to the record, and safe to open."""

import re
from html.parser import HTMLParser

import pytest

from core.errors import UserError
from core.events import Stage, Step
from core.export.documents import write_document
from core.results.intervals import wilson
from core.results.records import (
    AccuracyChange,
    DomainScore,
    Evaluation,
    HandSetMixing,
    Mixing,
    RunConfig,
    RunRecord,
    Selection,
    WisePoint,
)
from core.results.runs import EventLog, RunFolder

EVIL = '<img src=x onerror=alert(1)>|[a](javascript:b)"'
LEAK = "Leaks were allowed: 3 images are in both training and test data."
COUNTS = {"val": 40, "test": 100, "ood/sketch": 50}


def evaluation(**right):
    domains = {}
    for (name, n), correct in zip(COUNTS.items(), right.values(), strict=True):
        low, high = wilson(correct, n)
        share = correct / n
        domains[name] = DomainScore(
            n=n, correct=correct, accuracy=share, low=low, high=high, ece=0, nll=1, macro=share
        )
    return Evaluation(
        domains=domains, id=domains["test"].accuracy, ood=domains["ood/sketch"].accuracy
    )


ZERO, TUNED = evaluation(v=20, t=60, o=30), evaluation(v=32, t=80, o=20)
MIXED = WisePoint(
    alpha=0.3, id=0.7, ood=0.62, domains={"val": 0.6, "test": 0.7, "ood/sketch": 0.62}
)


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path / "ft-1")
    config = RunConfig(data="/home/ann/private/birds", method="ft", shots=4)
    folder.create(config)
    log = EventLog(folder)
    for event in (Stage("training"), *(Step(i, 9, 1, 1, 2.0 / i) for i in range(1, 10))):
        log.append(event)
    log.close()
    RunRecord(
        run_id="ft-1",
        config=config.model_dump(mode="json"),
        classes=["a", "b"],
        evaluations={"zero-shot": ZERO, "fine-tuned": TUNED},
        wise=[
            WisePoint(
                alpha=0,
                id=0.6,
                ood=0.6,
                domains={n: s.accuracy for n, s in ZERO.domains.items()},
            ),
            MIXED,
        ],
        selection=Selection(checkpoint="last", alpha=0.3, alpha_chosen_on="val"),
        timing={},
        environment={"evenkeel": "0.1.0", "device": "cpu"},
        files={},
        data={"names": ["red fox", EVIL], "counts": {"train": 8}, "notes": [LEAK]},
    ).write(folder.record_path)
    return folder


def text_of(run, kind, out, alpha=0.3):
    exported = write_document(kind, run, Mixing.wise(alpha), out)
    assert not exported.verified
    (path,) = exported.folder.iterdir()
    return path.read_text("utf-8")


@pytest.mark.parametrize("kind", ["card", "report"])
def test_it_holds_every_number_with_its_interval_and_how_alpha_was_chosen(run, tmp_path, kind):
    text = text_of(run, kind, tmp_path / "out")
    for scores in (ZERO.domains, TUNED.domains):
        for score in scores.values():
            assert f"{100 * score.accuracy:.1f} % ({100 * score.low:.1f}–" in text
    low, high = wilson(31, 50)  # 0.62 of 50 at α
    assert f"62.0 % ({100 * low:.1f}–{100 * high:.1f})" in text
    assert "chosen on validation images" in text
    assert LEAK in text
    assert "The smallest measured domain has 50 images" in text


@pytest.mark.parametrize("kind", ["card", "report"])
def test_it_tells_nothing_of_the_machine(run, tmp_path, kind):
    text = text_of(run, kind, tmp_path / "out")
    assert "birds" in text
    assert "/home/ann" not in text


def test_an_alpha_by_hand_is_called_so_and_has_no_invented_numbers(run, tmp_path):
    text = text_of(run, "card", tmp_path / "out", alpha=0.42)
    assert "α = 0.42 was set by hand (the run itself recommends α = 0.3)" in text
    assert "| domain | n | zero-shot | fine-tuned |" in text
    assert "This mixing was not measured" in text


@pytest.mark.parametrize("kind", ["card", "report"])
def test_an_alpha_by_hand_that_was_measured_stands_with_its_own_numbers(run, tmp_path, kind):
    fell = AccuracyChange(
        n=50, gained=1, lost=9, difference=-0.16, low=-0.28, high=-0.04, p=0.02, p_holm=0.04,
        outcome="worse",
    )  # fmt: skip
    measured = evaluation(v=30, t=77, o=22)
    run.keep_by_hand(
        HandSetMixing(mixing=Mixing.wise(0.42), evaluation=measured, changes={"o": fell})
    )
    text = text_of(run, kind, tmp_path / "out", alpha=0.42)
    assert "77.0 %" in text
    assert "This mixing was not measured" not in text
    assert "−16.0" in text
    assert "worse" in text


@pytest.mark.parametrize("kind", ["card", "report"])
def test_a_domain_without_some_classes_has_its_second_number_and_what_it_is(run, tmp_path, kind):
    record, own = run.record(), {"classes_all": 2, "classes_present": 1, "accuracy_own": 0.9375}
    for evaluation in record.evaluations.values():
        domains = evaluation.domains
        domains["ood/sketch"] = domains["ood/sketch"].model_copy(update=own)
    record.write(run.record_path)
    text = text_of(run, kind, tmp_path / "out", alpha=1.0)
    assert "40.0 % (27.6–53.8), own 93.8 %" in text
    assert "ood/sketch has 1 of the 2 classes." in text.replace("\\", "")
    assert text.count("own ") == 2, "zero-shot and fine-tuned, and no other domain"


class Elements(HTMLParser):
    """Every element and what it would load."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [v for k, v in attrs if k in {"src", "href", "srcset", "data", "action"}]


def test_the_report_asks_for_no_other_file_and_runs_nothing(run, tmp_path):
    text = text_of(run, "report", tmp_path / "out")
    found = Elements()
    found.feed(text)
    assert found.addresses == []
    assert found.tags.isdisjoint({"script", "link", "img", "iframe", "object", "base"})
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_the_report_draws_accuracies_frontier_and_loss(run, tmp_path):
    text = text_of(run, "report", tmp_path / "out")
    labels = re.findall(r'role="img" aria-label="([^"]+)"', text)
    assert [label.split()[0] for label in labels] == ["Accuracy", "ID", "Training"]
    assert text.count("<circle") == 3 * 3 + 2  # domains × classifiers, and points of the frontier
    assert "nan" not in text


def test_names_in_the_card_stay_names(run, tmp_path):
    text = text_of(run, "card", tmp_path / "out")
    assert "alert" in text, "the name is shown"
    assert not re.search(r"(?<!\\)<img|(?<!\\)\]\(", text)


@pytest.mark.parametrize("kind", ["card", "report"])
def test_an_alpha_out_of_range_is_refused(run, tmp_path, kind):
    with pytest.raises(UserError, match="alpha must be from 0"):
        write_document(kind, run, Mixing.wise(1.5), tmp_path / "out")
