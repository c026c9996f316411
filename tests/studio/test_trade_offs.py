"""The cards say what the benchmark measured, with a word that its interval allows, and no more."""

import json

import pytest

from core.embedded import assets
from core.methods import METHODS, catalogue
from core.methods.base import FAMILIES
from studio.train import words
from studio.train.method_cards import method_cards
from studio.train.trade_offs import Situation, Span, benchmarks, read, step_costs

HERE = Situation(per_class=12, ood_domains=2, family="small", zero_shot_id=0.6)


def row(label: str, own: float, other: float | None, half: float | None = 0.01, **more):
    """A row as the benchmark writes it; the tuned weights gain and lose twice as much."""
    found = {
        "label": label,
        "shots": 16,
        "seeds": 3,
        "id": 0.6 + 2 * own,
        "id_change": 2 * own,
        "ood_change": None if other is None else 2 * other,
        "recommended_id_change": own,
        "recommended_ood_change": other,
        "step_seconds": 0.0,
    }
    for name in ("id", "ood", "recommended_id", "recommended_ood"):
        change = found[f"{name}_change"]
        known = half is not None and change is not None
        found[f"{name}_low"] = change - half if known else None
        found[f"{name}_high"] = change + half if known else None
    return found | more


def dataset(*rows, **situation):
    """One data set of the benchmark's file."""
    found = {
        "shots": 16,
        "images": 120,
        "classes": 10,
        "zero_shot_id": 0.6,
        "model": "embedded",
        "family": "small",
        "ood_domains": 2,
    }
    experiments = {"methods": list(rows), "cost": situation.pop("cost", [])}
    title = situation.pop("title", "Quick demo")
    return {"title": title, "situation": found | situation, "experiments": experiments}


def payload(*datasets):
    """The benchmark's file."""
    return {"schema": 3, "datasets": {str(i): one for i, one in enumerate(datasets)}}


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.001, 0.02, "rose"),
        (0.0, 0.02, "held"),
        (-0.04, 0.0, "held"),
        (-0.03, -0.001, "fell"),
        (-0.05, -0.02, "fell"),
        (-0.05, -0.021, "fell-clearly"),
        (None, None, None),
    ],
)
def test_the_interval_decides_on_the_word(low, high, word):
    assert Span(-0.01, low, high).word == word


def test_the_shipped_benchmark_is_read_whatever_its_schema():
    found = json.loads((assets() / "benchmark.json").read_text())
    known = benchmarks()
    assert known
    for one in known:
        assert set(one.methods) <= set(METHODS)
        assert one.situation.family in ("small", "clip")
        assert one.methods["ft"].tuned_id.change > 0
    if found["schema"] == 2:
        assert {one.id for one in known[0].methods.values()} == {None}
        assert known[0].situation.zero_shot_id == pytest.approx(0.616, abs=5e-4)
    assert step_costs()["ft"] == 1


def test_only_the_shots_of_a_data_set_are_read_and_its_own_images_counted():
    [found] = read(payload(dataset(row("ft", 0.1, 0), row("lp", 0.9, 0, shots=1))))
    assert list(found.methods) == ["ft"]
    assert found.situation == Situation(12.0, 2, "small", 0.6)


def test_a_card_says_what_a_click_gives_and_what_the_tuned_weights_alone_do():
    known = read(payload(dataset(row("ft", 0.143, -0.002), row("lp", 0.01, -0.03))))
    page = " ".join(method_cards(catalogue(), "ft", HERE, known).replace("\u202f", " ").split())
    assert "ID rose (+14.3 pp, +13.3 to +15.3)" in page
    assert '<span class="ek-even">OOD held (−0.2 pp, −1.2 to +0.8)</span>' in page
    assert "ID rose (+28.6 pp, +27.6 to +29.6)" in page
    assert '<span class="ek-bad">OOD fell (−3.0 pp, −4.0 to −2.0)</span>' in page
    assert '<span class="ek-bad">OOD fell clearly (−6.0 pp, −7.0 to −5.0)</span>' in page
    assert page.count(f"{words.Train.clicked}:") == page.count(f"{words.Train.tuned_alone}:") == 2
    assert "zero-shot 60.0 %" in page
    assert words.Train.measured_elsewhere not in page


def test_without_intervals_a_card_claims_nothing_but_the_change():
    known = read(payload(dataset(row("ft", 0.1, -0.03, half=None))))
    page = method_cards(catalogue(), "ft", HERE, known)
    assert "OOD −3.0" in page
    assert "fell" not in page.replace(words.Train.measured_intervals, "")
    assert "In brackets" not in page


def test_one_line_is_enough_where_the_tuned_weights_are_what_is_recommended():
    same = row("lp", 0.1, 0.0)
    same |= {
        name.removeprefix("recommended_"): value
        for name, value in same.items()
        if name.startswith("recommended_")
    }
    page = method_cards(catalogue(), "ft", HERE, read(payload(dataset(same))))
    assert page.count(words.Train.clicked) == 1
    assert words.Train.tuned_alone not in page


def test_numbers_from_elsewhere_are_called_so():
    known = read(payload(dataset(row("ft", 0.1, 0.0))))
    clip = Situation(per_class=12, ood_domains=2, family="clip")
    page = method_cards(catalogue(), "ft", clip, known)
    assert words.Train.measured_elsewhere in page
    assert "our benchmark has nothing like this" in page


def test_every_method_has_a_card_and_the_family_of_the_chosen_one_is_open():
    html = method_cards(catalogue(), "ft", HERE)
    assert html.count('role="radio"') == len(METHODS)
    assert set(words.Train.families) == set(FAMILIES)
    assert html.count("<details") > html.count(" open>") == 1
    assert "●" not in html


def test_the_recommended_card_stands_first_is_marked_and_says_why_whatever_is_chosen():
    known = read(payload(dataset(row("ft", 0.1, 0.0), row("car-ft", 0.05, 0.0))))
    page = method_cards(catalogue(), "ft", HERE, known)
    assert page.index('data-key="ft"') < page.index('data-key="car-ft"')
    assert page.count("ek-tag") == page.count('aria-describedby="ek-advice"') == 1
    assert "12 images a class, 2 other domains" in page
    assert words.Train.take_it not in page
    other = method_cards(catalogue(), "lp", HERE, known)
    assert words.Train.take_it in other
    assert "12 images a class, 2 other domains" in other
