"""Measurements on a data set before any training: zero-shot CLIP, the shots curve, a
cross-validated head, and the spurious prototypes of some prompts. Imports no torch.
"""

import statistics
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from core.params import Params
from core.results.records import AccuracyChange, Evaluation, Json

Counted = tuple[int, int]
"""How many of a class are right, and of how many."""

# Zero-shot ----------------------------------------------------------------------------------------


class Doubt(Json):
    """An image whose label zero-shot CLIP contradicts with confidence."""

    path: str
    domain: str
    label: str
    """The class folder."""
    says: str
    """The class folder that CLIP is sure of."""
    confidence: float


class NamesAsRead(Json):
    """The parts of class names that a text tower cannot see."""

    length: int
    """L, the most tokens that it reads of a prompt."""
    alike: tuple[tuple[str, ...], ...] = ()
    """Names that are the same tokens in every prompt."""
    alike_in_long: tuple[tuple[str, ...], ...] = ()
    """The same in the template that leaves least room."""
    cut: tuple[str, ...] = ()
    """Names whose end is not read in that template."""


class ZeroShotScores(Json):
    """The zero-shot score of every image of a data set."""

    classes: list[str]
    """How the classes are called in the prompts."""
    folders: list[str]
    model: str
    activation: str
    templates: list[str]
    evaluation: Evaluation
    hits: dict[str, bool]
    """SHA-256 of every in-distribution image to whether it was answered rightly."""
    id_per_class: dict[str, Counted]
    """By class folder, over train, val and test."""
    doubts: list[Doubt]
    """The surest first."""
    names_read: NamesAsRead
    notes: list[str]
    seconds: float


# The shots curve ----------------------------------------------------------------------------------


class ShotsPlan(Params):
    """The points of the curve, and the number of draws of each."""

    shots: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 4, 8, 16)
    """Images a class."""
    seeds: Annotated[int, Field(ge=1)] = 5
    """How many draws of the images: seeds 0, 1, … as `train --seed` draws them."""


@dataclass(frozen=True)
class ShotsCurvePoint:
    """One head at one number of shots: accuracy over seeds, fractions of 1."""

    head: str
    """`zero-shot`, `prototypes` (images alone), or `mixed` (see `mixed_head`)."""
    shots: int
    mean: float
    std: float | None
    """Sample standard deviation over seeds; None for one."""
    accuracies: tuple[float, ...]


@dataclass(frozen=True)
class ChangeEstimate:
    """A change of accuracy with its 95 % interval, fractions of 1."""

    mean: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """The interval leaves out no change at all."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Gain:
    """One class on one side (`id` or `ood`), with all the shots there are."""

    n: int
    """Its measured images."""
    accuracy: float
    low: float
    high: float
    """Upper end of the 95 % Wilson interval of the accuracy."""
    brought: ChangeEstimate
    """By the newer half of its images: right answers won, less those that other classes lost by
    it, as a share of its own measured images."""
    expected: ChangeEstimate
    """From as many images again (see `share_of_the_last`)."""


@dataclass(frozen=True)
class ClassAdvice:
    """The accuracy of one class, and the gain to expect from more labelled images of it."""

    name: str
    """The class folder."""
    images: int
    """Its shots, and how many more are spoken of."""
    newer: int
    """How many of the shots are the newer half."""
    gains: dict[str, Gain]
    """By side; a side without measured images of the class is not there."""

    @property
    def worth(self) -> float:
        """The rank of the class: the expected gain, every side counting alike."""
        return statistics.fmean(gain.expected.mean for gain in self.gains.values())


class UntrainedCurve(Json):
    """Accuracy by number of shots without training, and what to label next."""

    schema_version: int = Field(1, alias="schema")
    encoder: str
    """The model, or the run, whose features are measured."""
    alpha: float | None
    """Of a run."""
    plan: ShotsPlan
    sizes: dict[str, int]
    """Images by domain."""
    domains: dict[str, list[ShotsCurvePoint]]
    advice: list[ClassAdvice]
    """The class most worth labelling first."""
    notes: list[str]


# Cross-validation ---------------------------------------------------------------------------------


class Share(Json):
    """The number of right answers, with the 95 % Wilson interval of the accuracy."""

    n: int
    correct: int
    accuracy: float
    low: float
    high: float


class CrossValidation(Share):
    """A method on frozen features, over all in-distribution images in folds."""

    schema_version: int = Field(1, alias="schema")
    method: str
    model: str
    folds: int
    zero_shot: Share
    change: AccuracyChange
    """Against zero-shot on the same images."""
    per_class: dict[str, Counted]
    """By class folder."""
    notes: list[str]
    seconds: float


# Spurious prototypes ------------------------------------------------------------------------------


class Placed(Json):
    """A point of the plane."""

    x: float
    y: float


class PlacedTemplate(Placed):
    """A template in the plane."""

    text: str
    kept: bool
    """It is not left out as odd."""
    cluster: int | None
    """None for one that is left out."""


class PlacedCentre(Placed):
    """The centre of a cluster of templates."""

    cluster: int


class PlacedClass(Placed):
    """The mean of a class's images."""

    name: str


class PrototypeLook(Json):
    """The positions of the training images between the centres, at one step of a training."""

    epoch: int
    step: int
    classes: list[PlacedClass]
    points: list[tuple[float, float, int]]
    """x, y and label of each image that is shown."""
    moved: float | None = None
    """Mean length of the change of the features since the first look; None in older runs."""
    divergence: float | None = None
    """Mean KL(P₀‖P_t) over the centres, in nats; None in older runs."""


class Prototypes(Json):
    """The spurious prototypes of some templates in the plane, and the images between them."""

    note: str = ""
    templates: list[PlacedTemplate]
    centres: list[PlacedCentre]
    trail: list[PrototypeLook]
    """The oldest look first."""
