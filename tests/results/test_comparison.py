"""Comparison of runs, from folders with numbers for which results can be computed by hand."""

import json
import math

import numpy as np
import pytest

from core.errors import UserError
from core.results.comparison import compare_runs, differences, end_of, gap_correlation
from core.results.intervals import mean_interval
from core.results.predictions import ClassifierAnswers, DomainPredictions, Predictions
from core.results.records import (
    AccuracyChange,
    DomainScore,
    Drift,
    Evaluation,
    GroupScore,
    MeanChange,
    Mixing,
    RunConfig,
    RunRecord,
    Selection,
    WisePoint,
)
from core.results.runs import RunFolder
from tests.mutants import Mutant


def compared(runs, baselines=()):
    """The document that `evenkeel compare --json` prints."""
    return compare_runs(runs, baselines).model_dump(mode="json", by_alias=True)


def score(correct: int, n: int = 20, half: float = 0.1) -> DomainScore:
    share = correct / n
    rest = {"low": share - half, "high": share + 2 * half, "ece": 0, "nll": 0, "macro": share}
    return DomainScore(n=n, correct=correct, accuracy=share, **rest)


def record(name: str, test: int, night: int, snow: int, **more) -> RunRecord:
    """A run with this number of 20 images right in each domain."""
    domains = {"test": score(test), "ood/night": score(night), "ood/snow": score(snow)}
    evaluation = Evaluation(
        domains=domains,
        id=test / 20,
        ood=(night + snow) / 40,
        worst_group=GroupScore(domain="ood/snow", name="fox", correct=1, n=5, accuracy=0.2),
    )
    gap, ends = more.pop("gap", None), more.pop("ends", {})
    extra = {key: more.pop(key) for key in ("mixing", "changes", "mean_changes") if key in more}
    drift = {} if gap is None else {key: Drift(energy_gap=gap, distortion=0.1) for key in domains}
    config = RunConfig(data="x", **{"method": "ft", "params": {"lr": 1e-4}, **more})
    return RunRecord(
        run_id=name,
        config=config.model_dump(mode="json"),
        classes=["fox", "owl"],
        evaluations={"zero-shot": evaluation, "fine-tuned": evaluation, **ends},
        wise=[WisePoint(alpha=0.5, id=0.9, ood=0.8, domains={})],
        selection=Selection(checkpoint="last", alpha=0.5, alpha_chosen_on="val"),
        timing={"train_seconds": 10.0, "steps": 5.0},
        environment={"device_name": "cpu"},
        files={},
        drift=drift,
        **extra,
    )


@pytest.fixture
def written(tmp_path):
    """Writes a run whose fine-tuned weights get the first images of every domain right."""

    def write(
        name: str, test: int, night: int, snow: int, predictions=True, recommended=None, **more
    ) -> RunFolder:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir(parents=True)
        if recommended:
            more["ends"] = {"recommended": record("r", *recommended).evaluations["fine-tuned"]}
        record(folder.run_id, test, night, snow, **more).write(folder.record_path)
        if predictions:
            found = {"test": test, "ood/night": night, "ood/snow": snow}
            kept = dict(zip(found, recommended or (), strict=False))
            domains = {key: domain(key, right, kept.get(key)) for key, right in found.items()}
            Predictions(("fox", "owl"), domains).write(folder.predictions_path)
        return folder

    return write


def domain(name: str, right: int, recommended: int | None = None) -> DomainPredictions:
    hashes = b"".join(f"{name} {n}".encode().ljust(32) for n in range(20))

    def said(count: int) -> ClassifierAnswers:
        found = np.where(np.arange(20) < count, 0, 1).astype(np.int32)
        return ClassifierAnswers(found, np.ones(20, np.float32))

    answers = {"zero-shot": said(right), "fine-tuned": said(right)}
    if recommended is not None:
        answers["recommended"] = said(recommended)
    return DomainPredictions(
        np.frombuffer(hashes, np.uint8).reshape(20, 32), np.zeros(20, np.int32), answers
    )


def test_the_first_run_is_compared_against_on_the_images_of_both(written):
    found = compared([written("a", 10, 10, 10), written("b", 18, 9, 10)])
    [paired] = found["paired"]
    assert paired["domains"]["test"]["only_second"] == 8
    assert paired["domains"]["test"]["p"] == pytest.approx(2 / 2**8)  # 8 against none
    assert paired["domains"]["test"]["p_holm"] == pytest.approx(3 * 2 / 2**8)
    assert paired["domains"]["test"]["verdict"] == "better"
    assert paired["domains"]["ood/night"]["verdict"] == "cannot-tell"
    assert paired["domains"]["ood/snow"]["verdict"] == "same-answers"
    assert paired["domains"]["ood"]["n"] == 40
    assert json.loads(json.dumps(found)) == found


CHANGE = AccuracyChange(
    n=20, gained=4, lost=0, difference=0.2, low=0.0, high=0.4, p=0.125, p_holm=0.375, outcome="held"
)
MEAN = MeanChange(domains=2, difference=0.1, low=0.01, high=0.2, outcome="better")


def test_runs_are_compared_at_what_they_recommend(written):
    new = {
        "recommended": (18, 12, 10),
        "mixing": Mixing.steady(0.7),
        "changes": {"recommended": {"test": CHANGE}, "fine-tuned": {}},
        "mean_changes": {"recommended": MEAN},
    }
    found = compared([written("a", 10, 5, 5, **new), written("b", 10, 10, 10, **new)])
    one = found["runs"][0]
    assert (one["end"], one["mixing"]) == ("recommended", {"kind": "steady", "alpha": 0.7})
    assert (one["id"]["accuracy"], one["ood"]["accuracy"]) == (0.9, 22 / 40)
    assert one["fine_tuned"] == {"id": 0.5, "ood": 0.25}
    assert one["changes"] == {"test": CHANGE.model_dump()}
    assert one["mean_change"] == MEAN.model_dump()
    assert one["relative_accuracy"] == pytest.approx(22 / 40 / 0.9)
    assert found["paired"][0]["domains"]["test"]["verdict"] == "same-answers", "18 of 20 in both"
    assert found["notes"] == []
    assert json.loads(json.dumps(found)) == found


def test_the_end_that_is_compared_is_the_recommended_one_where_it_was_kept():
    old = record("old", 1, 1, 1)
    new = record("new", 1, 1, 1, ends={"recommended": old.evaluations["fine-tuned"]})
    assert (end_of(old), end_of(new)) == ("fine-tuned", "recommended")


def test_a_run_that_kept_no_recommendation_stands_by_its_tuned_weights_and_is_named(written):
    found = compared([written("old", 16, 9, 9), written("new", 1, 1, 1, recommended=(9, 9, 9))])
    old, new = found["runs"]
    assert (old["end"], old["mixing"]) == ("fine-tuned", {"kind": "wise", "alpha": 1.0})
    assert (new["end"], old["changes"], old["mean_change"]) == ("recommended", {}, None)
    assert found["paired"][0]["domains"]["test"]["only_first"] == 7
    [note] = found["notes"]
    assert note.endswith("(α = 1): old.")


def test_the_interval_of_a_mean_adds_the_squared_distances():
    # Distances 0.1 below and 0.2 above, twice: √2·0.1/2 and √2·0.2/2.
    both = [(one.accuracy, one.low, one.high) for one in (score(10), score(12))]
    low, high = mean_interval(both)
    assert low == pytest.approx(0.55 - math.sqrt(2) * 0.05)
    assert high == pytest.approx(0.55 + math.sqrt(2) * 0.1)
    assert mean_interval(both[:1]) == pytest.approx((0.4, 0.7))


def test_only_settings_that_differ_are_listed():
    one = record("a", 1, 1, 1)
    other = record("b", 1, 1, 1, method="fd-align", seed=3, params={"lr": 1e-4, "weight": 20})
    assert differences([one, other]) == {
        "method": ["ft", "fd-align"],
        "seed": [0, 3],
        "params.weight": [None, 20],
    }


def test_effective_robustness_is_over_the_line_of_the_baselines(written):
    # Odds ID 1, 4 and 9 and OOD a third of them: on one line, logit OOD = logit ID − ln 3.
    baselines = [written(f"plain/{n}", 10 + n, 5, 5) for n in range(2)]
    with pytest.raises(UserError, match="at least 3 runs"):
        compare_runs([baselines[0], baselines[1]], baselines)
    with pytest.raises(UserError, match="two or more runs"):
        compare_runs(baselines[:1])
    line = [written("l/1", 10, 5, 5), written("l/2", 15, 10, 10), written("l/3", 5, 2, 3)]
    found = compared([line[0], written("above", 10, 9, 9)], line)
    fit = found["baselines"]
    assert fit["models"] == 3
    assert fit["runs"] == ["1", "2", "3"]
    at_half = 1 / (1 + math.exp(-fit["intercept"]))  # logit of an ID accuracy of 0.5 is 0
    assert [row["effective_robustness"] for row in found["runs"]] == pytest.approx(
        [0.25 - at_half, 0.45 - at_half]
    )


def test_the_gap_goes_with_the_relative_accuracy_over_three_runs_or_more():
    # Relative accuracies 1, 0.5 and 0 at gaps 1, 2 and 3: a straight line down.
    runs = [record(str(gap), 20, 30 - 10 * gap, 10, gap=gap) for gap in (1, 2, 3)]
    assert gap_correlation(runs)["ood/night"] == pytest.approx(-1)
    assert gap_correlation(runs)["ood/snow"] is None  # no spread
    assert gap_correlation(runs[:2]) == {}


def test_what_older_runs_lack_is_said_and_the_rest_is_shown(written):
    found = compared([written("a", 10, 10, 10), written("b", 12, 9, 10, predictions=False)])
    assert found["paired"][0]["domains"] == {}
    assert "missing or damaged" in found["paired"][0]["problem"]
    assert [row["drift_ood"] for row in found["runs"]] == [None, None]
    assert [row["id"]["accuracy"] for row in found["runs"]] == [0.5, 0.6]


def test_runs_of_one_name_are_told_apart_by_their_folders(written):
    one, other = written("x/run", 10, 10, 10), written("y/run", 10, 10, 10)
    assert [row["name"] for row in compared([one, other])["runs"]] == [
        str(one.path),
        str(other.path),
    ]


def test_costs_are_relative_to_the_run_of_ft(written):
    found = compared([written("a", 1, 1, 1, method="fd-align"), written("b", 1, 1, 1)])
    assert [row["cost"] for row in found["runs"]] == [{"per_step": 1.0, "total": 1.0}] * 2


MUTANTS = [
    Mutant(
        "core.results.comparison",
        "return RECOMMENDED if RECOMMENDED in record.evaluations else FINE_TUNED",
        "return FINE_TUNED",
        test_the_end_that_is_compared_is_the_recommended_one_where_it_was_kept,
    ),
    Mutant(
        "core.results.intervals",
        "math.hypot(*(share - low for share, low, _ in shares))",
        "sum((share - low for share, low, _ in shares))",
        test_the_interval_of_a_mean_adds_the_squared_distances,
    ),
    Mutant(
        "core.results.comparison",
        "FEWEST_CORRELATED = 3",
        "FEWEST_CORRELATED = 2",
        test_the_gap_goes_with_the_relative_accuracy_over_three_runs_or_more,
    ),
]
