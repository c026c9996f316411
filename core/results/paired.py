"""Compares two classifiers on the same images, by the images that only one of them gets right.

Imports no torch, and no scipy: importing scipy alone takes most of a second.
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
from core.results.records import AccuracyChange, MeanChange, Outcome

SIGNIFICANT = 0.05
Verdict = Literal["better", "worse", "cannot-tell", "same-answers"]
_HALVINGS = 60
"""Bisection steps. Starting from a width of 2, this is finer than a float can resolve."""
Image = tuple[bytes, str]
"""Identifies the same image in two runs: the hash of its file and the name of its class."""


@dataclass(frozen=True)
class PairedComparison:
    """The comparison of a second classifier with a first, on the n images that both answered."""

    n: int
    both: int
    """Images that both get right."""
    only_first: int
    only_second: int
    neither: int
    p: float
    """P-value of the exact two-sided McNemar test: the probability of a split at least this uneven
    if both classifiers are equally good."""
    p_holm: float
    """The p-value corrected for the number of tests in the family (Holm 1979)."""
    difference: float
    """Accuracy of the second minus that of the first."""
    low: float
    """Lower end of Tango's 95 % score interval of the difference."""
    high: float

    @property
    def verdict(self) -> Verdict:
        """The conclusion about the second classifier, from the corrected exact test. On few
        discordant images that test is stricter than the interval; with fewer than six it can never
        find a difference.
        """
        if not self.only_first + self.only_second:
            return "same-answers"
        if self.p_holm >= SIGNIFICANT:
            return "cannot-tell"
        return "better" if self.only_second > self.only_first else "worse"


def compare_hits(
    both: int = 0, only_first: int = 0, only_second: int = 0, neither: int = 0
) -> PairedComparison:
    """The paired comparison of four counts, as the only test of its family."""
    n = both + only_first + only_second + neither
    low, high = tango(only_second, only_first, n)
    p = mcnemar(only_first, only_second)
    return PairedComparison(
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
"""(N,): True for each image of a domain that was answered correctly."""


def changes(before: Mapping[str, Hits], after: Mapping[str, Hits]) -> dict[str, AccuracyChange]:
    """The change from `before` (zero-shot) to `after` on the same images, by domain.

    All domains except validation form one family of tests; Holm corrects their p-values.
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
        name: AccuracyChange(
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


def mean_change(found: Mapping[str, AccuracyChange]) -> MeanChange | None:
    """The unweighted mean of the changes of the OOD domains; None without any.

    For the interval, the squared distances of the domains' limits are added, like variances
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
) -> dict[str, PairedComparison]:
    """Compares one end of `second` with one of `first`: by domain, and pooled as `id` and `ood`.

    Only images that both runs measured in a domain count. They are matched by the hash of the file
    and the name of the class; an image that lies there twice counts once. `id` is `test`, or all
    domains that are not OOD if one run has no test. A domain without common images is left out.

    All domains except validation form one family, corrected by Holm. A pool of several domains is a
    test of its own; a pool of one domain is that domain's test.
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


def _outcome(paired: PairedComparison, corrected: float) -> Outcome:
    if corrected >= SIGNIFICANT:
        return "held"
    return "better" if paired.only_second > paired.only_first else "worse"


def _lowest(gained: int, lost: int, n: int, z: float) -> float:
    """The smallest Δ that the score test does not reject."""
    if lost == n:
        return -1.0

    def excess(delta: float) -> float:
        """The observed difference minus nΔ minus `z` standard errors, in images."""
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
