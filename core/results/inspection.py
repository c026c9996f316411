"""What zero-shot, a mixing and tuned weights said of every image, and how sure they may be.

Imports neither torch nor scipy, so that the page may read it.
"""

from core.results.calibration import ReliabilityBin
from core.results.records import Json, Mixing

COLUMNS = ("zero-shot", "alpha", "fine-tuned")


class Calibration(Json):
    """Reliability on one domain."""

    ece: float
    """A fraction, over the same bins."""
    bins: list[ReliabilityBin]


class Answered(Json):
    """What one classifier said of the N images of a domain."""

    predicted: list[int]
    """Index of the likeliest class."""
    confidence: list[float]
    """Its softmax probability."""
    plain: Calibration
    scaled: Calibration | None
    """With the temperature; None where there are no validation images to fit it on."""


class InspectedDomain(Json):
    """The N images of a domain."""

    sha256: list[str]
    labels: list[int]
    answers: dict[str, Answered]
    """By `COLUMNS`."""


class Inspection(Json):
    """A finished run under one mixing, image by image."""

    alpha: float
    mixing: Mixing
    """What the column `alpha` is of."""
    classes: list[str]
    names: list[str]
    temperatures: dict[str, float]
    """By `COLUMNS`, fitted on `val`; empty without one."""
    domains: dict[str, InspectedDomain]
