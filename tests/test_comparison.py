"""Runs side by side, from folders whose numbers are chosen so that cells can be worked out."""

import json
import math

import numpy as np
import pytest

from core.comparison import compare_runs, differences, gap_correlation
from core.errors import UserError
from core.evaluation.predictions import Answers, DomainPredictions, Predictions
from core.evaluation.standing import mean_interval
from core.records import (
    DomainScore,
    Drift,
    Evaluation,
    GroupScore,
    RunConfig,
    RunRecord,
    Selection,
    WisePoint,
)
from core.runs import RunFolder
from tests.mutants import Mutant


def score(correct: int, n: int = 20, half: float = 0.1) -> DomainScore:
    share = correct / n
    rest = {"low": share - half, "high": share + 2 * half, "ece": 0, "nll": 0, "macro": share}
    return DomainScore(n=n, correct=correct, accuracy=share, **rest)


def record(name: str, test: int, night: int, snow: int, **more) -> RunRecord:
    """A run with so many of 20 right in each domain."""
    domains = {"test": score(test), "ood/night": score(night), "ood/snow": score(snow)}
    evaluation = Evaluation(
        domains=domains,
        id=test / 20,
        ood=(night + snow) / 40,
        worst_group=GroupScore(domain="ood/snow", name="fox", correct=1, n=5, accuracy=0.2),
    )
    gap = more.pop("gap", None)
    drift = {} if gap is None else {key: Drift(energy_gap=gap, distortion=0.1) for key in domains}
    config = RunConfig(data="x", **{"method": "ft", "params": {"lr": 1e-4}, **more})
    return RunRecord(
        run_id=name,
        config=config.model_dump(mode="json"),
        classes=["fox", "owl"],
        evaluations={"zero-shot": evaluation, "fine-tuned": evaluation},
        wise=[WisePoint(alpha=0.5, id=0.9, ood=0.8, domains={})],
        selection=Selection(checkpoint="last", alpha=0.5, alpha_chosen_on="val"),
        timing={"train_seconds": 10.0, "steps": 5.0},
        environment={"device_name": "cpu"},
        files={},
        drift=drift,
    )


@pytest.fixture
def written(tmp_path):
    """Writes a run whose fine-tuned weights get the first images of every domain right."""

    def write(name: str, test: int, night: int, snow: int, predictions=True, **more) -> RunFolder:
        folder = RunFolder(tmp_path / name)
        folder.path.mkdir(parents=True)
        record(folder.run_id, test, night, snow, **more).write(folder.record_path)
        if predictions:
            found = {"test": test, "ood/night": night, "ood/snow": snow}
            domains = {key: domain(key, right) for key, right in found.items()}
            Predictions(("fox", "owl"), domains).write(folder.predictions_path)
        return folder

    return write


def domain(name: str, right: int) -> DomainPredictions:
    hashes = b"".join(f"{name} {n}".encode().ljust(32) for n in range(20))
    said = Answers(np.where(np.arange(20) < right, 0, 1).astype(np.int32), np.ones(20, np.float32))
    return DomainPredictions(
        np.frombuffer(hashes, np.uint8).reshape(20, 32),
        np.zeros(20, np.int32),
        {"zero-shot": said, "fine-tuned": said},
    )


def test_the_first_run_is_compared_against_on_the_images_of_both(written):
    found = compare_runs([written("a", 10, 10, 10), written("b", 16, 9, 10)])
    [paired] = found["paired"]
    assert paired["domains"]["test"]["only_second"] == 6
    assert paired["domains"]["test"]["verdict"] == "better"  # 6 against none: p = 2/64
    assert paired["domains"]["test"]["p"] == pytest.approx(2 / 64)
    assert paired["domains"]["ood/night"]["verdict"] == "cannot-tell"
    assert paired["domains"]["ood/snow"]["verdict"] == "same-answers"
    assert paired["domains"]["ood"]["n"] == 40
    assert json.loads(json.dumps(found)) == found


def test_the_interval_of_a_mean_adds_the_squared_distances():
    # Distances 0.1 below and 0.2 above, twice: √2·0.1/2 and √2·0.2/2.
    low, high = mean_interval([score(10), score(12)])
    assert low == pytest.approx(0.55 - math.sqrt(2) * 0.05)
    assert high == pytest.approx(0.55 + math.sqrt(2) * 0.1)
    assert mean_interval([score(10)]) == pytest.approx((0.4, 0.7))


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
    found = compare_runs([line[0], written("above", 10, 9, 9)], line)
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
    found = compare_runs([written("a", 10, 10, 10), written("b", 12, 9, 10, predictions=False)])
    assert found["paired"][0]["domains"] == {}
    assert "missing or damaged" in found["paired"][0]["problem"]
    assert [row["drift_ood"] for row in found["runs"]] == [None, None]
    assert [row["id"]["accuracy"] for row in found["runs"]] == [0.5, 0.6]


def test_runs_of_one_name_are_told_apart_by_their_folders(written):
    one, other = written("x/run", 10, 10, 10), written("y/run", 10, 10, 10)
    assert [row["name"] for row in compare_runs([one, other])["runs"]] == [
        str(one.path),
        str(other.path),
    ]


def test_costs_are_relative_to_the_run_of_ft(written):
    found = compare_runs([written("a", 1, 1, 1, method="fd-align"), written("b", 1, 1, 1)])
    assert [row["cost"] for row in found["runs"]] == [{"per_step": 1.0, "total": 1.0}] * 2


MUTANTS = [
    Mutant(
        "core.evaluation.standing",
        "math.hypot(*(score.accuracy - score.low for score in scores))",
        "sum((score.accuracy - score.low for score in scores))",
        test_the_interval_of_a_mean_adds_the_squared_distances,
    ),
    Mutant(
        "core.comparison",
        "FEWEST_CORRELATED = 3",
        "FEWEST_CORRELATED = 2",
        test_the_gap_goes_with_the_relative_accuracy_over_three_runs_or_more,
    ),
]
