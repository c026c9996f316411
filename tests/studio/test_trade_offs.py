"""Dots come from the benchmark and say no more than it."""

import json

from core.embedded import assets
from core.methods import METHODS, catalogue
from core.methods.base import FAMILIES
from studio import words
from studio.components.method_cards import method_cards
from studio.trade_offs import measured, trade_offs


def row(label: str, id: float, ood: float | None, shots: int = 16):
    return {"label": label, "shots": shots, "seeds": 3, "id_change": id, "ood_change": ood}


def test_gains_are_shares_of_the_best_and_losses_of_the_worst():
    found = trade_offs(
        [
            row("best", 0.09, -0.06),
            row("third", 0.03, -0.02),
            row("no gain", -0.01, 0.01),
            row("few shots", 0.5, -0.5, shots=1),
            row("no domains", 0.09, None),
        ]
    )
    dots = {name: (one.id_dots, one.ood_dots) for name, one in found.items()}
    assert dots == {"best": (3, 0), "third": (1, 2), "no gain": (0, 3)}


def test_what_is_shown_is_what_the_shipped_benchmark_holds():
    rows = json.loads((assets() / "benchmark.json").read_text())["experiments"]["methods"]
    known = measured()
    assert set(known) <= set(METHODS)
    for one in rows:
        if one["shots"] == 16:
            assert known[one["label"]].id_change == one["id_change"]


def test_every_method_has_a_card_and_the_family_of_the_chosen_one_is_open():
    html = method_cards(catalogue(), "ft")
    assert html.count('role="radio"') == len(METHODS)
    assert set(words.Train.families) == set(FAMILIES)
    assert html.count("<details") > html.count(" open>") == 1
