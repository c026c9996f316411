"""The recommended method is looked up in what was measured, and says on what it rests."""

import pytest

from core.data.demo import write_demo
from core.data.ingest import open_dataset
from studio.train.recommending import drafted, nearest, recommend, situation_of
from studio.train.trade_offs import Situation, read
from studio.workspace.background import Answer
from tests.mutants import Mutant
from tests.studio.conftest import evaluation, zero_shot
from tests.studio.test_trade_offs import HERE, dataset, payload, row

SPACE = "\u202f"


def chosen(*rows, **situation) -> str:
    """The recommendation after these rows."""
    return recommend(HERE, read(payload(dataset(*rows, **situation)))).method


def test_the_best_id_change_wins_among_those_that_lose_nothing_elsewhere():
    kept = row("kd", 0.05, 0.0)
    assert chosen(row("ft", 0.10, 0.0), kept) == "ft"
    assert chosen(row("ft", 0.10, -0.02), kept) == "kd", "−3 to −1 points is below zero-shot"
    assert chosen(row("ft", 0.10, -0.008), kept) == "kd", "held, but more than half a point lower"
    assert chosen(row("ft", 0.10, -0.004), kept) == "ft"
    assert chosen(row("zero-shot", 0.0, 0.0), row("lp", -0.05, 0.0)) == "lp", "that is the ruler"


def test_a_significant_loss_is_out_however_little_it_is():
    sharp = row("ft", 0.10, -0.003, recommended_ood_low=-0.005, recommended_ood_high=-0.001)
    assert chosen(sharp, row("kd", 0.05, 0.0)) == "kd"


def test_what_the_interval_cannot_tell_apart_goes_to_the_cheaper_then_to_plain():
    cost = [
        {"label": "flyp", "step_seconds": 0.9},
        {"label": "ft", "step_seconds": 0.6},
        {"label": "kd", "step_seconds": 0.5},
        {"label": "lp-sgd", "step_seconds": 0.01},
    ]
    best, plain, kd = row("flyp", 0.105, 0.0), row("ft", 0.1, 0.0), row("kd", 0.102, 0.0)
    assert chosen(best, plain, kd, cost=cost) == "ft", "its step costs what kd's does"
    assert chosen(best, kd, cost=cost) == "kd"
    assert chosen(best, plain, row("lp-sgd", 0.096, 0.0), cost=cost) == "lp-sgd"
    assert chosen(best, plain, row("lp-sgd", 0.094, 0.0), cost=cost) == "ft", "no tie: out of it"


def test_without_domains_the_id_change_alone_decides():
    assert chosen(row("ft", 0.05, None), row("kd", 0.10, None), ood_domains=0) == "kd"


def test_the_same_family_comes_before_shots_and_these_go_with_zero_shot():
    sets = read(
        payload(
            dataset(title="few", images=20),
            dataset(title="hard", zero_shot_id=0.2),
            dataset(title="clip", family="clip"),
        )
    )
    assert sets == (), "a data set without methods says nothing"
    ft = row("ft", 0.1, 0.0)
    sets = read(
        payload(
            dataset(ft, title="few", images=20),
            dataset(ft, title="hard", zero_shot_id=0.2),
            dataset(ft, title="clip", family="clip"),
        )
    )
    assert nearest(Situation(2, 2, "small"), sets).title == "few"
    assert nearest(Situation(12, 2, "small", 0.25), sets).title == "hard"
    assert nearest(Situation(2, 2, "clip", 0.25), sets).title == "clip"
    assert nearest(HERE, ()) is None


def test_the_reason_names_the_images_the_gain_and_what_happened_elsewhere():
    found = recommend(HERE, read(payload(dataset(row("ft", 0.143, -0.002)))))
    assert found.reason.replace(SPACE, " ") == (
        "12 images a class, 2 other domains: on our data set “Quick demo” it gained on such images "
        "(+14.3 pp, +13.3 to +15.3) and held elsewhere (−0.2 pp, −1.2 to +0.8)."
    )
    assert [one.method for one in found.rows] == ["ft"]
    assert found.evidence.title == "Quick demo"


@pytest.mark.parametrize(
    "here",
    [
        Situation(12, 2, "clip", 0.6),
        Situation(2, 2, "small", 0.6),
        Situation(12, 2, "small", 0.95),
    ],
)
def test_what_was_not_measured_is_said_plainly(here):
    known = read(payload(dataset(row("kd", 0.1, 0.0))))
    found = recommend(here, known)
    assert (found.method, found.evidence, found.rows) == ("ft", None, ())
    assert "our benchmark has nothing like this" in found.reason


def test_results_from_before_recommendations_recommend_nothing():
    older = {
        "schema": 2,
        "experiments": {
            "methods": [
                {
                    "label": "coop",
                    "shots": 16,
                    "seeds": 3,
                    "id": 0.7,
                    "id_change": 0.1,
                    "ood_change": 0.0,
                    "domain_changes": {"test": 0.1, "ood/noto": 0.0},
                    "step_seconds": 0.0,
                }
            ]
        },
    }
    found = recommend(HERE, read(older))
    assert (found.method, found.evidence) == ("ft", None)


@pytest.fixture
def demo(studio, mine, monkeypatch):
    """The demo on the shelf; zero-shot is not measured."""
    write_demo(studio.data_store.folder / "demo")
    monkeypatch.setattr(type(mine.answers), "zero_shot", lambda *_: Answer("waiting"))
    return "demo"


def test_the_situation_is_read_from_the_images_the_model_and_zero_shot(mine, demo, monkeypatch):
    counts = open_dataset(mine.data.path(demo)).counts()["train"].values()
    found = situation_of(mine, demo)
    assert found.per_class == pytest.approx(sum(min(16, n) for n in counts) / len(counts))
    assert (found.family, found.zero_shot_id) == ("small", None)
    assert found.ood_domains == 2
    measured = zero_shot(evaluation(test=60))
    monkeypatch.setattr(type(mine.answers), "zero_shot", lambda *_: Answer("ready", measured))
    mine.keep(demo, model="ViT-B-32/laion2b_s34b_b79k")
    assert situation_of(mine, demo).family == "clip"
    assert situation_of(mine, demo).zero_shot_id == 0.6


def test_the_recommended_method_is_preselected_until_one_is_chosen(mine, demo, monkeypatch):
    known = read(payload(dataset(row("kd", 0.1, 0.0), images=12 * 10)))
    monkeypatch.setattr("studio.train.recommending.benchmarks", lambda: known)
    assert drafted(mine, demo)["method"] == "kd"
    mine.keep(demo, fields={"shots": "8"})
    assert drafted(mine, demo)["method"] == "kd"
    assert drafted(mine, demo)["fields"] == {"shots": "8"}
    mine.keep(demo, method="lp")
    assert drafted(mine, demo)["method"] == "lp"


MUTANTS = [
    Mutant(
        "studio.train.recommending",
        "if name != RULER and one.id and not _falls(one.ood)",
        "if name != RULER and one.id",
        test_a_significant_loss_is_out_however_little_it_is,
    ),
    Mutant(
        "studio.train.recommending",
        "one.ood >= highest - MOST_LOST",
        "one.ood >= highest - 1",
        test_the_best_id_change_wins_among_those_that_lose_nothing_elsewhere,
    ),
    Mutant(
        "studio.train.recommending",
        "one.of.step_seconds <= price",
        "one.of.step_seconds < 1e9",
        test_what_the_interval_cannot_tell_apart_goes_to_the_cheaper_then_to_plain,
    ),
]
