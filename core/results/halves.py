"""α chosen on one half of a domain's images and reported on the other.

Imports neither torch nor scipy, so that the page may ask.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.results.grid import Grid, best
from core.results.intervals import wilson
from core.results.paired import changes
from core.results.records import Change, MixingKind
from core.results.standing import Share


@dataclass(frozen=True)
class Halved:
    """An α that saw images of the domain, and what the others of that domain say of it."""

    alpha: float
    chosen_on: int
    """Images that chose α."""
    reported: Share
    """Accuracy on those that did not."""
    zero_shot: Share
    """The same of zero-shot."""
    change: Change
    """Against zero-shot on these images; one test, so there is nothing to correct for."""


def chosen_on_half(
    grid: Grid, kind: MixingKind, domain: str, sha256: NDArray[np.uint8]
) -> Halved | None:
    """α by the rule of validation (`core.results.grid.best`) on one half of a domain's images.

    `sha256` `(N, 32)` are the hashes of their files, in the order of the grid. Those with an even
    one choose, so that an image is on the same side in every run, and so are copies of it. None
    where a side has no image, or the domain was not measured at every α.
    """
    chooses = sha256[:, -1] % 2 == 0
    if not grid.has(kind, domain) or chooses.all() or not chooses.any():
        return None
    alpha = best(kind, grid.alphas, grid.log_likelihoods(kind, domain)[:, chooses])
    before = grid.of("wise", 0.0, domain).hits[~chooses]
    after = grid.of(kind, alpha, domain).hits[~chooses]
    return Halved(
        alpha=alpha,
        chosen_on=int(chooses.sum()),
        reported=_share(after),
        zero_shot=_share(before),
        change=changes({"half": before}, {"half": after})["half"],
    )


def _share(hits: NDArray[np.bool_]) -> Share:
    correct, n = int(hits.sum()), len(hits)
    return Share(n, correct / n, *wilson(correct, n))
