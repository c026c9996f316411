"""Draws the choice of a method: cards by family, with our benchmark's results for each."""

from collections.abc import Mapping, Sequence
from typing import Any

from studio.frame.markup import count, decimal, percent, points, render
from studio.train import words
from studio.train.recommending import (
    RULER,
    Recommendation,
    interval,
    is_similar,
    nearest,
    recommend,
)
from studio.train.trade_offs import Benchmark, Situation, Span, TradeOff, benchmarks

w = words.Train
_TONES = {"rose": "good", "held": "even", "fell": "bad", "fell-clearly": "bad"}


def method_cards(
    methods: Sequence[Mapping[str, Any]],
    chosen: str,
    situation: Situation,
    measured: Sequence[Benchmark] | None = None,
) -> str:
    """One radio group over all methods. The family of the chosen method is open, and the
    recommended method comes first in its family.
    """
    known = benchmarks() if measured is None else measured
    advice, shown = recommend(situation, known), nearest(situation, known)
    found = shown.methods if shown else {}
    families = []
    for family, (title, text) in w.families.items():
        members = [
            _card(method, found.get(method["name"]), advice)
            for method in methods
            if method["family"] == family
        ]
        if members:
            members.sort(key=lambda card: not card["recommended"])
            names = ", ".join(str(card["title"]) for card in members)
            has_chosen = any(card["name"] == chosen for card in members)
            families.append(
                {"title": title, "text": text, "names": names, "open": has_chosen, "cards": members}
            )
    title = next((m["title"] for m in methods if m["name"] == advice.method), advice.method)
    return render(
        "train/method_cards.html",
        families=families,
        chosen=chosen,
        recommended=advice.method,
        advice=w.recommendation.format(title=title),
        reason=advice.reason,
        note=_note(situation, shown) if shown else "",
    )


def _card(
    method: Mapping[str, Any], found: TradeOff | None, advice: Recommendation
) -> dict[str, object]:
    card = {key: method[key] for key in ("name", "title", "summary", "paper")}
    return {
        **card,
        "recommended": method["name"] == advice.method,
        "measured": _measured(found) if found and method["name"] != RULER else [],
    }


def _measured(found: TradeOff) -> list[tuple[str, list[tuple[str, str]]]]:
    """The results of the recommended mixing, and those of the fine-tuned weights alone if they
    differ.
    """
    sides = [(w.clicked, found.id, found.ood)] if found.id else []
    if (found.tuned_id, found.tuned_ood) != (found.id, found.ood):
        sides.append((w.tuned_alone, found.tuned_id, found.tuned_ood))
    return [
        (title, [_moved("ID", own), *([_moved("OOD", ood)] if ood else [])])
        for title, own, ood in sides
    ]


def _moved(role: str, span: Span) -> tuple[str, str]:
    """The tone of a change, and its words."""
    word = span.word
    text = w.moved[word or "unknown"].format(
        role=role, change=points(span.change), interval=interval(span)
    )
    return (_TONES[word] if word else "even", text)


def _note(situation: Situation, shown: Benchmark) -> str:
    there = shown.situation
    intervals = any(one.id and one.id.word for one in shown.methods.values())
    note = w.measured_note.format(
        where=shown.title,
        images=decimal(round(there.per_class), None),
        domains=count(there.ood_domains, *w.other_domains) if there.ood_domains else w.no_ood,
        zero=percent(there.zero_shot_id),
        intervals=w.measured_intervals if intervals else "",
    )
    return note if is_similar(situation, there) else f"{w.measured_elsewhere} {note}"
