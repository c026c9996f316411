"""Two classifiers on the same images: what the images that only one of them gets right can tell.

Imports no torch, and no scipy, which alone takes most of a second.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.results.intervals import Z95
from core.results.predictions import Predictions
from core.results.records import Change, MeanChange, Outcome

SIGNIFICANT = 0.05
Verdict = Literal["better", "worse", "cannot-tell", "same-answers"]
_HALVINGS = 60
"""From an interval of 2 on, more than a float can tell apart."""
Image = tuple[bytes, str]
"""What makes an image the same in two runs: the hash of its file and the name of its class."""


@dataclass(frozen=True)
class Paired:
    """How a second classifier did against a first on the n images that both were measured on."""

    n: int
    both: int
    """Images that both get right."""
    only_first: int
    only_second: int
    neither: int
    p: float
    """Exact two-sided McNemar test: how likely so uneven a split is if both are equally good."""
    p_holm: float
    """The same, corrected for the number of tests that belong together (Holm 1979)."""
    difference: float
    """Accuracy of the second minus that of the first."""
    low: float
    """Lower end of Tango's 95 % score interval of the difference."""
    high: float

    @property
    def verdict(self) -> Verdict:
        """What these images say of the second. Follows the corrected exact test, which on few
        discordant images is stricter than the interval; with fewer than six it can tell nothing.
        """
        if not self.only_first + self.only_second:
            return "same-answers"
        if self.p_holm >= SIGNIFICANT:
            return "cannot-tell"
        return "better" if self.only_second > self.only_first else "worse"


def compare_hits(
    both: int = 0, only_first: int = 0, only_second: int = 0, neither: int = 0
) -> Paired:
    """The paired comparison of four counts, as the only test of its family."""
    n = both + only_first + only_second + neither
    low, high = tango(only_second, only_first, n)
    p = mcnemar(only_first, only_second)
    return Paired(
        n=n,
        both=both,
        only_first=only_first,
        only_second=only_second,
        neither=neither,
        p=p,
        p_holm=p,
        difference=(only_second - only_first) / n if n else 0.0,
        low=low,
        high=high,
    )


Hits = NDArray[np.bool_]
"""(N,) whether each image of a domain was right."""


def changes(before: Mapping[str, Hits], after: Mapping[str, Hits]) -> dict[str, Change]:
    """`after` against `before` (zero-shot) on the same images, by domain.

    Every domain but validation is one test of a family: their p-values are corrected by Holm.
    """
    found = {
        name: compare_hits(
            both=int((hits & after[name]).sum()),
            only_first=int((hits & ~after[name]).sum()),
            only_second=int((~hits & after[name]).sum()),
            neither=int((~hits & ~after[name]).sum()),
        )
        for name, hits in before.items()
        if name != "val"
    }
    corrected = holm({name: paired.p for name, paired in found.items()})
    return {
        name: Change(
            n=paired.n,
            gained=paired.only_second,
            lost=paired.only_first,
            difference=paired.difference,
            low=paired.low,
            high=paired.high,
            p=paired.p,
            p_holm=corrected[name],
            outcome=_outcome(paired, corrected[name]),
        )
        for name, paired in found.items()
    }


def mean_change(found: Mapping[str, Change]) -> MeanChange | None:
    """The unweighted mean of the changes of the OOD domains; None without any.

    The distances of the domains' limits from their differences add up squared, as variances do
    (Zou and Donner 2008, Statistics in Medicine 27:1693–1702).
    """
    ood = [change for name, change in found.items() if name.startswith("ood/")]
    if not ood:
        return None
    middle = sum(change.difference for change in ood) / len(ood)
    low = middle - math.hypot(*(one.difference - one.low for one in ood)) / len(ood)
    high = middle + math.hypot(*(one.high - one.difference for one in ood)) / len(ood)
    outcome: Outcome = "better" if low > 0 else "worse" if high < 0 else "held"
    return MeanChange(domains=len(ood), difference=middle, low=low, high=high, outcome=outcome)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down correction (1979): the family-wise error stays below the level."""
    corrected, highest = {}, 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = highest
    return corrected


def mcnemar(only_first: int, only_second: int) -> float:
    """P-value of the exact two-sided McNemar test: are the discordant images split like coins?

    McNemar 1947 with the binomial distribution; 1 where no image is discordant.
    """
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    chance, tail = math.comb(discordant, fewer) / 2**discordant, 0.0
    for heads in range(fewer, -1, -1):
        tail += chance
        chance *= heads / (discordant - heads + 1)
    return min(1.0, 2 * tail)


def tango(gained: int, lost: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Tango's score interval of the paired difference (gained − lost)/n; (−1, 1) for no images.

    All Δ that the score test does not reject: |gained − lost − nΔ| ≤ z·√(n(2q + Δ(1 − Δ))), where q
    is the likeliest probability of a loss given Δ. Tango 1998, Statistics in Medicine 17:891–908.
    It keeps its level on a dozen images, where the interval of Wald does not.
    """
    if not n:
        return -1.0, 1.0
    return _lowest(gained, lost, n, z), -_lowest(lost, gained, n, z)


def pair(
    first: Predictions, second: Predictions, ends: tuple[str, str] = ("fine-tuned", "fine-tuned")
) -> dict[str, Paired]:
    """One end of `second` against one of `first`, by domain, and pooled over images as `id` and
    `ood`.

    Only images count that both runs measured in that domain, matched by the hash of the file and
    the name of the class; one that lies there twice counts once. `id` is `test`, or all that is not
    out-of-distribution where one of the two has no test. A domain without such images is left out.

    Every domain but validation is one test of a family, corrected by Holm. What is pooled from
    several domains is one test by itself; of one domain it is that domain's.
    """
    counts = {
        name: _counts(_hits(first, name, ends[0]), _hits(second, name, ends[1]))
        for name in first.domains
        if name in second.domains
    }
    found = {name: compare_hits(**each) for name, each in counts.items() if each.total()}
    corrected = holm({name: one.p for name, one in found.items() if name != "val"})
    found |= {name: replace(found[name], p_holm=p) for name, p in corrected.items()}
    ood = [name for name in found if name.startswith("ood/")]
    inside = ["test"] if "test" in found else [name for name in found if name not in ood]
    for pooled, names in (("id", inside), ("ood", ood)):
        if len(names) == 1:
            found[pooled] = found[names[0]]
        elif names:
            found[pooled] = compare_hits(**sum((counts[name] for name in names), Counter()))
    return found


def _outcome(paired: Paired, corrected: float) -> Outcome:
    if corrected >= SIGNIFICANT:
        return "held"
    return "better" if paired.only_second > paired.only_first else "worse"


def _lowest(gained: int, lost: int, n: int, z: float) -> float:
    """The smallest Δ that the score test does not reject."""
    if lost == n:
        return -1.0

    def excess(delta: float) -> float:
        """How much further than `z` standard errors Δ lies below what was seen, in images."""
        b = (2 * n - gained + lost) * delta - gained - lost
        root = math.sqrt(max(0.0, b * b + 8 * n * lost * delta * (1 - delta)))
        variance = 2 * (root - b) / (4 * n) + delta * (1 - delta)
        return gained - lost - n * delta - z * math.sqrt(n * max(0.0, variance))

    low, high = -1.0, (gained - lost) / n
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return high


def _hits(predictions: Predictions, domain: str, end: str) -> dict[Image, bool]:
    found = predictions.domains[domain]
    hits = found.hits(end)
    return {
        (bytes(sha256), predictions.classes[label]): bool(hit)
        for sha256, label, hit in zip(found.sha256, found.labels, hits, strict=True)
    }


def _counts(first: Mapping[Image, bool], second: Mapping[Image, bool]) -> Counter[str]:
    """The four counts by name, over the images of both."""
    names = {
        (True, True): "both",
        (True, False): "only_first",
        (False, True): "only_second",
        (False, False): "neither",
    }
    return Counter(names[first[image], second[image]] for image in first.keys() & second.keys())
