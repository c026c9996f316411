"""The answers of a finished run to a photo. Imports no torch."""

from pydantic import Field, computed_field

from core.results.records import Json, Mixing


class Guess(Json):
    """One of the likeliest classes."""

    folder: str = Field(alias="class")
    """The class folder."""
    name: str
    probability: float


class Prediction(Json):
    """The likeliest classes of one image, under one mixing."""

    image: str
    alpha: float
    mixing: Mixing
    familiarity: float | None
    """g of the gate; None unless the mixing is steady."""
    tuned_share: float | None
    """v, the share of the tuned classifier; None unless the mixing is steady."""
    top: list[Guess]


class Familiarity(Json):
    """The similarity of an image to the training images, and the limit for an answer."""

    similarity: float
    """To the nearest training image: a cosine."""
    threshold: float
    accepted: float
    """Share of the in-distribution images that the threshold lets pass."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def abstain(self) -> bool:
        """The image is less like the training images than nearly all in-distribution ones."""
        return self.similarity < self.threshold


class RelevanceMap(Json):
    """The parts of a photo that a classifier's answer depends on."""

    kind: str
    """How it was found: `rollout`, for example."""
    label: int
    values: list[list[float]]


class Look(Json):
    """The familiarity of an image, and where α looked. Each is None if it is not known."""

    familiarity: Familiarity | None
    map: RelevanceMap | None


class GateAnswer(Json):
    """The shares of both models in the answer of a run with a gate."""

    familiarity: float | None
    tuned_share: float | None


class PhotoColumn(Json):
    """The likeliest classes as one classifier of the run has them."""

    label: str
    alpha: float
    top: list[Guess]


class PhotoAnswer(Look):
    """The answers of zero-shot, a mixing and the fine-tuned model to a photo."""

    gate: GateAnswer | None
    """None unless the mixing is steady."""
    columns: list[PhotoColumn]
