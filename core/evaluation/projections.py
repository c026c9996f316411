"""The prototype plot: spurious prototypes in the plane, and the drift of training images between
them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.models.spurious import SpuriousPrototypes
from core.results.untrained import (
    PlacedCentre,
    PlacedClass,
    PlacedTemplate,
    PrototypeLook,
    Prototypes,
)

Points = NDArray[np.float64]
FEWEST_FOR_TSNE = 5
PERPLEXITY = 30.0


@dataclass(frozen=True)
class Plane:
    """The plane through `centre` (D,) along two `axes` (2, D). They show the share `explained` of
    the variance.
    """

    centre: Points
    axes: Points
    explained: float

    def places(self, points: Points) -> Points:
        """Projects points (N, D) into the plane, (N, 2)."""
        found: Points = (points - self.centre) @ self.axes.T
        return found


def fit_plane(points: Points) -> Plane:
    """The plane of PCA. Points (N, D) on a line have no second axis, and equal points have none:
    their coordinates along a missing axis are 0.
    """
    centre, axes = points.mean(0), np.zeros((2, points.shape[1]))
    if _are_equal(points):
        return Plane(centre, axes, explained=0.0)
    from sklearn.decomposition import PCA  # a second of imports that most processes do not need

    found = PCA(n_components=min(2, *points.shape), svd_solver="full").fit(points)
    axes[: len(found.components_)] = found.components_
    return Plane(centre, axes, float(found.explained_variance_ratio_.sum()))


def principal_plane(points: Points) -> tuple[Points, float]:
    """Coordinates (N, 2) by PCA, and the share of the variance that they show."""
    plane = fit_plane(points)
    return plane.places(points), plane.explained


def neighbour_plane(points: Points, seed: int) -> Points | None:
    """Coordinates (N, 2) by t-SNE; None for too few points, and for equal ones.

    It starts from PCA, which keeps large distances meaningful (Kobak and Berens 2019). It uses one
    thread: the same seed gives the same coordinates, and several threads wait for each other if the
    cores are shared (35 s instead of 3 for 660 points).
    """
    if len(points) < FEWEST_FOR_TSNE or _are_equal(points):
        return None
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    tsne = TSNE(n_components=2, init="pca", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):
        return np.asarray(tsne.fit_transform(points), dtype=np.float64)


def _are_equal(points: Points) -> bool:
    """True if the points differ only by rounding."""
    return float(np.ptp(points, axis=0).max()) <= 1e-12 * float(np.abs(points).max())


SHOWN_PER_CLASS = 8
NOTE = (
    "PCA projects templates and cluster centres into the plane. Each image is drawn at the average "
    "of the centres, weighted by its softmax over them. FD-Align holds these weights constant: "
    "the less the images drift, the better it worked."
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
        self._looks: list[PrototypeLook] = []
        self._first: Tensor | None = None
        placed = plane.places(contexts.double().numpy())
        self._templates = [
            PlacedTemplate(
                x=_round(x), y=_round(y), text=text, kept=kept, cluster=cluster if kept else None
            )
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
                means.append(PlacedClass(x=_round(x), y=_round(y), name=name))
        points = [
            (_round(x), _round(y), label)
            for (x, y), label in zip(places.tolist(), labels.tolist(), strict=True)
        ]
        self._looks.append(
            PrototypeLook(
                epoch=epoch,
                step=step,
                classes=means,
                points=points,
                **drift(self._first, features, self._centres),
            )
        )

    def go_back(self, step: int, earlier: Sequence[PrototypeLook] = ()) -> None:
        """Drop the looks after `step`, and add the looks up to it from an earlier attempt."""
        known = {look.step: look for look in (*earlier, *self._looks)}
        self._looks = [known[at] for at in sorted(known) if at <= step]

    @property
    def prototypes(self) -> Prototypes:
        """The data of the plot."""
        centres = [
            PlacedCentre(x=_round(x), y=_round(y), cluster=cluster)
            for cluster, (x, y) in enumerate(self._places.tolist())
        ]
        return Prototypes(
            note=NOTE, templates=self._templates, centres=centres, trail=[*self._looks]
        )


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
