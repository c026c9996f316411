"""Spurious prototype correction (SPC) of FD-Align: drops outlier templates and merges similar
ones.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

KEPT = 60
CENTRES = 20


@dataclass(frozen=True)
class SpuriousPrototypes:
    """`centres` (K, D), and for every template whether it was kept and its cluster (-1 if
    dropped).
    """

    centres: Tensor
    kept: tuple[bool, ...]
    cluster: tuple[int, ...]


def uncorrected(contexts: Tensor) -> SpuriousPrototypes:
    """Every template is its own prototype."""
    count = len(contexts)
    return SpuriousPrototypes(contexts, (True,) * count, tuple(range(count)))


def survivors_of(count: int, kept: int) -> int:
    """The number of `count` templates that the isolation forest keeps: `kept`, at most three
    quarters.
    """
    return min(kept, max(1, round(0.75 * count)))


def correct(
    contexts: Tensor, seed: int, kept: int | None = KEPT, centres: int | None = CENTRES
) -> SpuriousPrototypes:
    """Isolation forest, then k-means, on context prototypes (M, D). FD-Align (arXiv 2310.15105)
    §3.3.

    The forest keeps the `kept` templates that look least like outliers. K-means merges them into
    `centres` cluster centres, which are *not* normalised again. This is the official code, except
    that it is seeded (there the forest is random) and k-means starts ten times (the default of the
    scikit-learn that it used). `kept` None skips the forest and `centres` None skips k-means: the
    official code's variants without one of them. For short template lists, where the official 60
    and 20 would fail, both numbers shrink: the forest keeps at most three quarters of the
    templates, and there are at most as many clusters as different prototypes.
    """
    count = len(contexts)
    points = contexts.double().numpy()
    survivors = np.arange(count)
    if kept is not None and count > 1:
        from sklearn.ensemble import IsolationForest  # takes a second, and few runs need it

        scores = IsolationForest(random_state=seed).fit(points).decision_function(points)
        order = np.argsort(-scores, kind="stable")
        survivors = np.sort(order[: survivors_of(count, kept)])
    labels, merged = np.arange(len(survivors)), points[survivors]
    if centres is not None and centres < len(survivors):
        from sklearn.cluster import KMeans

        centres = min(centres, len(np.unique(merged, axis=0)))
        kmeans = KMeans(n_clusters=centres, n_init=10, random_state=seed).fit(merged)
        labels, merged = kmeans.labels_, kmeans.cluster_centers_
    cluster = np.full(count, -1)
    cluster[survivors] = labels
    return SpuriousPrototypes(
        centres=torch.from_numpy(merged).to(contexts.dtype),
        kept=tuple(bool(label >= 0) for label in cluster),
        cluster=tuple(int(label) for label in cluster),
    )
