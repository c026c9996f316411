"""Where the images lie before and after training: in the plane, and how far apart in the space.

Imports neither torch nor scikit-learn, so that the page may read it.
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


class Group(Json):
    """The images of one class or domain, measured in the whole space, not in the plane."""

    index: int
    """Among the classes or the domains."""
    name: str
    """A class's display name, or a domain such as `ood/sketch`."""
    n: int
    separation: float | None
    """Mean silhouette of its images, from -1 to 1 (0 of a single one); None without another
    group.
    """
    nearest: str | None
    """The group whose mean points most nearly the same way; None when there is no other."""


class Grouping(Json):
    """The same images grouped by class, or by domain."""

    separation: float | None
    """Mean silhouette of all images."""
    groups: list[Group]


class FeatureSpace(Json):
    """The images of a run as zero-shot CLIP and as α see them."""

    alpha: float
    measured: int
    """Images that the run measured, of which these are all or an even part."""
    names: list[str]
    """How the classes are called."""
    labels: list[int]
    """Class of each image that is shown."""
    domains: list[str]
    domain: list[int]
    """Domain of each image that is shown."""
    places: dict[PlaneName, dict[End, Places]]
    """Each image in a plane that both ends share; no `tsne` for too few images."""
    explained: float
    """Share of the variance that the plane of PCA shows."""
    grouped: dict[By, dict[End, Grouping]]
