"""Projects points of many dimensions into the plane: by PCA, and by t-SNE."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

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
