"""The result of spurious prototype correction: as the run did it, and with templates excluded.

Imports neither torch nor scikit-learn, so that the page can read it.
"""

from core.results.records import Json
from core.results.space import Places, PlaneName

Clusters = list[int | None]
"""The cluster of each template; None for an outlier or an excluded template."""


class TemplateClusters(Json):
    """The clusters that one correction finds among the templates that are not excluded."""

    excluded: list[str]
    clusters: Clusters

    @property
    def kept(self) -> int:
        """The number of templates that are in a cluster."""
        return sum(cluster is not None for cluster in self.clusters)

    @property
    def centres(self) -> int:
        """The number of clusters."""
        return len({cluster for cluster in self.clusters if cluster is not None})


class Correction(Json):
    """The templates of a run in the plane, with the run's correction and a second one."""

    templates: list[str]
    classes: int
    """The number of classes; a template's place is the mean over them."""
    places: dict[PlaneName, Places]
    explained: float
    """Fraction of the variance that the PCA plane shows."""
    before: TemplateClusters
    after: TemplateClusters | None
    """The second correction; None if it would be the same as the run's."""
    pairs: list[tuple[int, int]]
    """Pairs of clusters, before and after, that share the most templates."""
