"""Spurious prototype correction (SPC) of FD-Align: drop the odd templates, merge the alike ones."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

KEPT = 60
CENTRES = 20


@dataclass(frozen=True)
class SpuriousPrototypes:
    """`centres` (K, D), and what became of every template: kept or not, and its cluster (-1 if
    dropped).
    """

    centres: Tensor
    kept: tuple[bool, ...]
    cluster: tuple[int, ...]


def uncorrected(contexts: Tensor) -> SpuriousPrototypes:
    """Every template is its own prototype."""
    count = len(contexts)
    return SpuriousPrototypes(contexts, (True,) * count, tuple(range(count)))


def correct(
    contexts: Tensor, seed: int, kept: int = KEPT, centres: int = CENTRES
) -> SpuriousPrototypes:
    """Isolation forest, then k-means, on context prototypes (M, D). FD-Align (arXiv 2310.15105)
    §3.3.

    The forest keeps the `kept` templates that look least like outliers; k-means merges them into
    `centres` cluster centres, which are *not* normalised again. As in the official code, but seeded
    (it leaves the forest to chance) and with ten k-means starts (its scikit-learn's default).
    `kept` = M skips the forest, `centres` = `kept` skips k-means. Short template lists shrink both
    numbers, where the official 60 and 20 would fail: at most three quarters of the templates are
    kept.
    """
    from sklearn.cluster import KMeans  # a second of imports that most processes do not need
    from sklearn.ensemble import IsolationForest

    count = len(contexts)
    points = contexts.double().numpy()
    survivors = np.arange(count)
    if kept < count or count <= KEPT:
        scores = IsolationForest(random_state=seed).fit(points).decision_function(points)
        kept = min(kept, max(1, round(0.75 * count)))
        survivors = np.sort(np.argsort(-scores, kind="stable")[:kept])
    if centres >= len(survivors):
        labels, merged = np.arange(len(survivors)), points[survivors]
    else:
        kmeans = KMeans(n_clusters=centres, n_init=10, random_state=seed).fit(points[survivors])
        labels, merged = kmeans.labels_, kmeans.cluster_centers_
    cluster = np.full(count, -1)
    cluster[survivors] = labels
    return SpuriousPrototypes(
        centres=torch.from_numpy(merged).to(contexts.dtype),
        kept=tuple(bool(label >= 0) for label in cluster),
        cluster=tuple(int(label) for label in cluster),
    )
