"""The prototype plot: spurious prototypes in the plane, and the drift of training images between
them.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from core.evaluation.planes import fit_plane
from core.models.spurious import SpuriousPrototypes

SHOWN_PER_CLASS = 8
NOTE = (
    "Templates and cluster centres are projected by PCA. An image lies at the average of the "
    "centres, weighted by its softmax over them. FD-Align keeps this distribution constant. "
    "No drift means that it succeeded."
)


class PrototypeTrail:
    """The positions of the training images between the spurious prototypes, over several looks."""

    def __init__(
        self,
        contexts: Tensor,
        templates: Sequence[str],
        spurious: SpuriousPrototypes,
        logit_scale: float,
        classes: Sequence[str],
    ) -> None:
        """`contexts` are the unit context prototypes (M, D) before correction."""
        plane = fit_plane(contexts.double().numpy())
        self._centres = spurious.centres * logit_scale
        centres = plane.places(spurious.centres.double().numpy())
        self._places = torch.from_numpy(centres).float()  # (K, 2)
        self._classes = classes
        self._looks: list[dict[str, Any]] = []
        self._first: Tensor | None = None
        placed = plane.places(contexts.double().numpy())
        self._templates = [
            {"text": text, "x": _round(x), "y": _round(y), "kept": kept, "cluster": cluster}
            for text, (x, y), kept, cluster in zip(
                templates, placed, spurious.kept, spurious.cluster, strict=True
            )
        ]

    def look(self, epoch: int, step: int, features: Tensor, labels: Tensor) -> None:
        """Add one look at unit training features (N, D) with their labels (N,).

        The first look is at the frozen tower. The drift of every look is measured from it.
        """
        self._first = features if self._first is None else self._first
        shares = torch.softmax(features @ self._centres.T, dim=1)  # (N, K)
        places = shares @ self._places  # (N, 2)
        means = []
        for index, name in enumerate(self._classes):
            members = places[labels == index]
            if len(members):
                x, y = members.mean(0).tolist()
                means.append({"name": name, "x": _round(x), "y": _round(y)})
        points = [
            [_round(x), _round(y), label]
            for (x, y), label in zip(places.tolist(), labels.tolist(), strict=True)
        ]
        self._looks.append(
            {
                "epoch": epoch,
                "step": step,
                "classes": means,
                "points": points,
                **drift(self._first, features, self._centres),
            }
        )

    def go_back(self, step: int, earlier: Sequence[dict[str, Any]] = ()) -> None:
        """Drop the looks after `step`, and add the looks up to it from an earlier attempt."""
        known = {look["step"]: look for look in (*earlier, *self._looks)}
        self._looks = [known[at] for at in sorted(known) if at <= step]

    def to_json(self) -> dict[str, Any]:
        """The data of the plot."""
        centres = [
            {"x": _round(x), "y": _round(y), "cluster": cluster}
            for cluster, (x, y) in enumerate(self._places.tolist())
        ]
        return {
            "note": NOTE,
            "templates": [
                {**row, "cluster": row["cluster"] if row["kept"] else None}
                for row in self._templates
            ],
            "centres": centres,
            "trail": self._looks,
        }


def drift(first: Tensor, features: Tensor, centres: Tensor) -> dict[str, float]:
    """The drift of unit features (N, D) from the `first`: `moved`, the mean length of the change,
    and `divergence`, the mean KL(P₀‖P_t) over centres (K, D) that include τ, in nats.

    FD-Align (arXiv 2310.15105, Eq. 5) limits the second.
    """
    before, now = (torch.log_softmax(each @ centres.T, dim=1) for each in (first, features))
    divergence = (before.exp() * (before - now)).sum(1).mean()
    moved = (features - first).norm(dim=1).mean()
    return {"moved": _round(float(moved)), "divergence": _round(float(divergence))}


def shown_items(labels: Sequence[int]) -> list[int]:
    """Positions of the first few images of every class: enough for a plot."""
    seen: dict[int, int] = {}
    shown = []
    for position, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= SHOWN_PER_CLASS:
            shown.append(position)
    return shown


def _round(value: float) -> float:
    return round(float(value), 5)
