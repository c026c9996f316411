"""What spurious prototype correction makes of the templates, and what it would make of fewer.

Imports neither torch nor scikit-learn, so that the page may read it.
"""

from core.results.records import Json
from core.results.space import Places, PlaneName

Clusters = list[int | None]
"""Of each template; None for one that has no part: left out as odd, or excluded."""


class Estimate(Json):
    """One correction of the M templates that are not excluded."""

    excluded: list[str]
    clusters: Clusters

    @property
    def kept(self) -> int:
        """How many templates are in a cluster."""
        return sum(cluster is not None for cluster in self.clusters)

    @property
    def centres(self) -> int:
        """How many clusters there are."""
        return len({cluster for cluster in self.clusters if cluster is not None})


class Correction(Json):
    """The templates of a run in the plane, corrected as the run did and with others excluded."""

    templates: list[str]
    classes: int
    """A template's place is the mean over so many classes."""
    places: dict[PlaneName, Places]
    explained: float
    """Share of the variance that the plane of PCA shows."""
    before: Estimate
    after: Estimate | None
    """None when nothing else was asked for than what the run did."""
    pairs: list[tuple[int, int]]
    """Clusters before and after that share most templates."""
