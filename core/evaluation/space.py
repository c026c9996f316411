"""Builds a `FeatureSpace` from the features of two towers."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from core.data.dataset import Item
from core.evaluation.projections import Points, neighbour_plane, principal_plane
from core.results.space import ENDS, By, End, FeatureSpace, Grouping, ImageGroup, Places, PlaneName

MOST_IMAGES = 600
"""Most images in the plot: more points cannot be told apart, and t-SNE of twice as many takes
seconds.
"""


def map_features(
    alpha: float,
    names: Sequence[str],
    domains: Mapping[str, Sequence[Item]],
    features: Mapping[End, Points],
    measured: int,
    seed: int,
) -> FeatureSpace:
    """Both ends in one plane, from unit features (N, D) in the order of `domains`.

    The plane is computed for both together, so images that training did not move stay in place.
    """
    both = np.concatenate([features[end] for end in ENDS])
    principal, explained = principal_plane(both)
    planes: dict[PlaneName, Points | None] = {
        "tsne": neighbour_plane(both, seed),
        "pca": principal,
    }
    labels = [item.label for items in domains.values() for item in items]
    domain = [i for i, items in enumerate(domains.values()) for _ in items]
    groups: dict[By, tuple[Sequence[int], Sequence[str]]] = {
        "class": (labels, names),
        "domain": (domain, list(domains)),
    }
    return FeatureSpace(
        alpha=alpha,
        measured=measured,
        names=list(names),
        labels=labels,
        domains=list(domains),
        domain=domain,
        places={name: _by_end(found) for name, found in planes.items() if found is not None},
        explained=round(explained, 4),
        grouped={
            by: {end: grouping(features[end], *of) for end in ENDS} for by, of in groups.items()
        },
    )


def spread(domains: Mapping[str, Sequence[Item]], most: int) -> dict[str, Sequence[Item]]:
    """About `most` of the images: every domain is cut by the same share, evenly over its
    classes.
    """
    total = sum(len(items) for items in domains.values())
    if total <= most:
        return dict(domains)
    kept: dict[str, Sequence[Item]] = {}
    for name, items in domains.items():
        count = max(1, most * len(items) // total)
        by_class = sorted(items, key=lambda item: item.label)
        kept[name] = [by_class[i * len(items) // count] for i in range(count)]
    return kept


def grouping(features: Points, of: Sequence[int], names: Sequence[str]) -> Grouping:
    """The distances between groups of unit features (N, D), by cosine. `of` is the group of each,
    as an index into `names`.

    An image's silhouette (Rousseeuw 1987) is (b - a) / max(a, b): a is its mean distance to its own
    group, b the mean distance to the nearest other group.
    """
    group = np.array(of)
    present = np.unique(group)
    silhouettes = _silhouettes(features, group, len(present))
    nearest = _nearest(np.stack([features[group == one].mean(0) for one in present]))
    return Grouping(
        separation=None if silhouettes is None else _mean(silhouettes),
        groups=[
            ImageGroup(
                index=int(one),
                name=names[one],
                n=int((group == one).sum()),
                separation=None if silhouettes is None else _mean(silhouettes[group == one]),
                nearest=None if other is None else names[present[other]],
            )
            for one, other in zip(present, nearest, strict=True)
        ],
    )


def _silhouettes(
    features: Points, group: NDArray[np.integer], groups: int
) -> NDArray[np.float64] | None:
    if not 2 <= groups < len(group):
        return None
    from sklearn.metrics import silhouette_samples  # as in `planes`

    found: NDArray[np.float64] = silhouette_samples(features, group, metric="cosine")
    return found


def _nearest(means: Points) -> list[int | None]:
    """For each of the group means (G, D), the other group with the most similar direction."""
    if len(means) < 2:
        return [None] * len(means)
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return [int(other) for other in similarity.argmax(1)]


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()), 4)


def _by_end(places: Points) -> dict[End, Places]:
    halves = np.split(np.round(places, 4), len(ENDS))
    return {end: [(x, y) for x, y in half.tolist()] for end, half in zip(ENDS, halves, strict=True)}
