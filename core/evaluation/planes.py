"""Points of many dimensions put into the plane: by PCA, and by t-SNE."""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Points = NDArray[np.float64]
FEWEST_FOR_TSNE = 5
PERPLEXITY = 30.0


def principal_plane(points: Points) -> tuple[Points, float]:
    """Places (N, 2) by PCA, and the share of the variance that they show."""
    from sklearn.decomposition import PCA  # a second of imports that most processes do not need

    plane = PCA(n_components=2, svd_solver="full").fit(points)
    return plane.transform(points), float(np.nan_to_num(plane.explained_variance_ratio_).sum())


def neighbour_plane(points: Points, seed: int) -> Points | None:
    """Places (N, 2) by t-SNE; None for too few points.

    It starts from PCA, which keeps large distances meaningful (Kobak and Berens 2019). On one
    thread: the same seed gives the same places, and several wait for each other where the cores
    are shared (35 s instead of 3 for 660 points).
    """
    if len(points) < FEWEST_FOR_TSNE:
        return None
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, (len(points) - 1) / 3)
    tsne = TSNE(n_components=2, init="pca", perplexity=perplexity, random_state=seed)
    with threadpool_limits(1):
        return np.asarray(tsne.fit_transform(points), dtype=np.float64)
