"""Chooses α on one half of a domain's images and reports the accuracy on the other half.

Imports neither torch nor scipy, so that the page can use it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.results.grid import Grid, best
from core.results.intervals import wilson
from core.results.paired import changes
from core.results.records import AccuracyChange, MixingKind
from core.results.standing import MeasuredAccuracy


@dataclass(frozen=True)
class HalfChoice:
    """An α that was chosen on half of a domain, and its accuracy on the other half."""

    alpha: float
    chosen_on: int
    """The number of images that chose α."""
    reported: MeasuredAccuracy
    """Accuracy on the other images."""
    zero_shot: MeasuredAccuracy
    """Accuracy of zero-shot on the same images."""
    change: AccuracyChange
    """Change from zero-shot on these images. It is one test, so there is nothing to correct."""


def chosen_on_half(
    grid: Grid, kind: MixingKind, domain: str, sha256: NDArray[np.uint8]
) -> HalfChoice | None:
    """α by the rule of validation (`core.results.grid.best`) on one half of a domain's images.

    `sha256` `(N, 32)` are the hashes of their files, in the order of the grid. Images with an even
    hash choose; so an image and its copies are on the same side in every run. None if one side has
    no image, or the domain was not measured at every α.
    """
    chooses = sha256[:, -1] % 2 == 0
    if not grid.has(kind, domain) or chooses.all() or not chooses.any():
        return None
    alpha = best(kind, grid.alphas, grid.log_likelihoods(kind, domain)[:, chooses])
    before = grid.of("wise", 0.0, domain).hits[~chooses]
    after = grid.of(kind, alpha, domain).hits[~chooses]
    return HalfChoice(
        alpha=alpha,
        chosen_on=int(chooses.sum()),
        reported=_share(after),
        zero_shot=_share(before),
        change=changes({"half": before}, {"half": after})["half"],
    )


def _share(hits: NDArray[np.bool_]) -> MeasuredAccuracy:
    correct, n = int(hits.sum()), len(hits)
    return MeasuredAccuracy(n, correct / n, *wilson(correct, n))
