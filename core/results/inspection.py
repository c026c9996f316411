"""The answers of zero-shot, a mixing and fine-tuned to every image, with their calibration.

Imports neither torch nor scipy, so that the page can read it.
"""

from core.results.calibration import ReliabilityBin
from core.results.records import Json, Mixing

COLUMNS = ("zero-shot", "alpha", "fine-tuned")


class Calibration(Json):
    """Reliability on one domain."""

    ece: float
    """Expected calibration error over the same bins, a fraction."""
    bins: list[ReliabilityBin]


class InspectedAnswers(Json):
    """The answers of one classifier to the N images of a domain, with their calibration."""

    predicted: list[int]
    """Index of the likeliest class."""
    confidence: list[float]
    """Its softmax probability."""
    plain: Calibration
    scaled: Calibration | None
    """Calibration with the temperature; None without validation images to fit it."""


class InspectedDomain(Json):
    """The N images of a domain, with the answers of each column."""

    sha256: list[str]
    labels: list[int]
    answers: dict[str, InspectedAnswers]
    """By `COLUMNS`."""


class Inspection(Json):
    """A finished run under one mixing, image by image."""

    alpha: float
    mixing: Mixing
    """The mixing of the column `alpha`."""
    classes: list[str]
    names: list[str]
    temperatures: dict[str, float]
    """By `COLUMNS`, fitted on `val`; empty without one."""
    domains: dict[str, InspectedDomain]
