"""The features of the images before and after training: places in the plane, and distances.

Imports neither torch nor scikit-learn, so that the page can read it.
"""

from typing import Literal, get_args

from core.results.records import Json

End = Literal["zero-shot", "alpha"]
By = Literal["class", "domain"]
PlaneName = Literal["tsne", "pca"]
ENDS: tuple[End, ...] = get_args(End)
GROUPED_BY: tuple[By, ...] = get_args(By)
PLANES: tuple[PlaneName, ...] = get_args(PlaneName)
Places = list[tuple[float, float]]


class ImageGroup(Json):
    """The images of one class or domain, measured in the full feature space, not in the plane."""

    index: int
    """Index into the classes or the domains."""
    name: str
    """A class's display name, or a domain such as `ood/sketch`."""
    n: int
    separation: float | None
    """Mean silhouette of its images, from -1 to 1 (0 for a single image); None without another
    group.
    """
    nearest: str | None
    """The group with the most similar mean direction; None if there is no other group."""


class Grouping(Json):
    """The same images grouped by class, or by domain."""

    separation: float | None
    """Mean silhouette of all images."""
    groups: list[ImageGroup]


class FeatureSpace(Json):
    """The features of a run's images, by zero-shot CLIP and by the weights at α."""

    alpha: float
    measured: int
    """The number of images that the run measured; all of them, or an even sample, are shown."""
    names: list[str]
    """Display names of the classes."""
    labels: list[int]
    """Class of each image that is shown."""
    domains: list[str]
    domain: list[int]
    """Domain of each image that is shown."""
    places: dict[PlaneName, dict[End, Places]]
    """The place of each image, in one plane for both ends; no `tsne` for too few images."""
    explained: float
    """Fraction of the variance that the PCA plane shows."""
    grouped: dict[By, dict[End, Grouping]]
