"""The choice of a method: cards by family, with what our benchmark measured of each."""

from collections.abc import Mapping, Sequence
from typing import Any

from studio import words
from studio.markup import points, render
from studio.trade_offs import MOST, TradeOff, measured


def method_cards(methods: Sequence[Mapping[str, Any]], chosen: str) -> str:
    """One radio group over all methods. The family of the chosen one is open."""
    known = measured()
    families = []
    for family, (title, text) in words.Train.families.items():
        members = [_card(method, known) for method in methods if method["family"] == family]
        if members:
            names = ", ".join(str(card["title"]) for card in members)
            has_chosen = any(card["name"] == chosen for card in members)
            families.append(
                {"title": title, "text": text, "names": names, "open": has_chosen, "cards": members}
            )
    return render("method_cards.html", families=families, chosen=chosen)


def method_cards_waiting(error: str) -> str:
    """The same place while the list of methods is not there, and why."""
    return render("method_cards_waiting.html", error=error)


def _card(method: Mapping[str, Any], known: Mapping[str, TradeOff]) -> dict[str, Any]:
    card = {key: method[key] for key in ("name", "title", "summary", "paper")}
    return {**card, "dots": _dots(known.get(method["name"]))}


def _dots(found: TradeOff | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "rows": [("ID", _row(found.id_dots)), ("OOD", _row(found.ood_dots))],
        "sentence": words.Train.measured.format(
            id=points(found.id_change), ood=points(found.ood_change), seeds=found.seeds
        ),
    }


def _row(dots: int) -> str:
    return "●" * dots + "○" * (MOST - dots)
