"""Draws one card per class: its images, one of every OOD domain, and its zero-shot accuracy."""

from typing import Any

from core.results.intervals import wilson
from core.results.untrained import ZeroShotScores
from studio.data import words
from studio.frame.domains import domain_styles
from studio.frame.markup import count, render
from studio.workspace.data_store import Opened

THUMBS = 6
FEW = 8
"""Classes with fewer training images are marked, because their interval is wide."""


def class_grid(opened: Opened, zero_shot: ZeroShotScores | None, waiting: bool, most: int) -> str:
    """The first cards of a data set. `zero_shot` is the evaluator's answer once it is there."""
    dataset = opened.dataset
    domains = {domain.name: domain for domain in dataset.domains}
    ood = [style for style in domain_styles(domains) if style.role == "ood"]
    by_class = {name: _by_label(domain.items) for name, domain in domains.items()}
    train = by_class.get("train", {})
    scores = zero_shot.id_per_class if zero_shot else {}
    classes = []
    named = zip(dataset.classes[:most], dataset.names[:most], strict=True)
    for label, (folder, name) in enumerate(named):
        own = train.get(label, [])
        each = max(1, THUMBS // max(1, len(ood)))
        others = [
            (style.title, by_class[style.key].get(label, [])[:each]) for style in ood[:THUMBS]
        ]
        classes.append(
            {
                "folder": folder,
                "name": name,
                "count": count(len(own), *words.Numbers.images),
                "few": len(own) < FEW,
                "thumbs": own[:THUMBS],
                "ood": [(title, images) for title, images in others if images],
                "score": _score(scores.get(folder)),
            }
        )
    return render(
        "data/class_grid.html",
        data_id=opened.data_id,
        classes=classes,
        total=len(dataset.classes),
        ood=ood,
        id_title=words.Domains.id_role,
        waiting=waiting,
    )


def _by_label(items: Any) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for item in items:
        found.setdefault(item.label, []).append(item.sha256)
    return found


def _score(counted: Any) -> dict[str, float] | None:
    if not counted or not counted[1]:
        return None
    correct, n = counted
    low, high = wilson(correct, n)
    return {"correct": correct, "n": n, "accuracy": correct / n, "low": low, "high": high}
