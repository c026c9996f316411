"""Computes a `Correction` with the text tower: estimates a run's spurious prototypes again."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from core.data.fewshot import FewShotTask
from core.evaluation.projections import Points, neighbour_plane, principal_plane
from core.methods.fd_align import FDAlign, spurious_prototypes
from core.models.clip import ClipModel
from core.models.prototypes import contexts_of
from core.results.correction import Clusters, Correction, TemplateClusters
from core.results.space import Places, PlaneName


def correct_templates(
    clip: ClipModel, task: FewShotTask, params: FDAlign.Params, excluded: Sequence[str]
) -> Correction:
    """All templates of the set in one plane, the correction with `params`, and the correction
    without the `excluded` ones, computed exactly as in a run with that setting.
    """
    whole = params.model_copy(update={"excluded_templates": ()})
    templates = whole.templates_for(task.templates)
    contexts = contexts_of(clip, task, templates).double().numpy()
    principal, explained = principal_plane(contexts)
    before = _estimate(clip, task, params, templates)
    after = None
    if set(excluded) != set(params.excluded_templates):
        fewer = params.model_copy(update={"excluded_templates": tuple(excluded)})
        after = _estimate(clip, task, fewer, templates)
    planes: dict[PlaneName, Points | None] = {
        "pca": principal,
        "tsne": neighbour_plane(contexts, task.seed),
    }
    return Correction(
        templates=list(templates),
        classes=len(task.seen),
        places={name: _rounded(found) for name, found in planes.items() if found is not None},
        explained=round(explained, 4),
        before=before,
        after=after,
        pairs=matched(before.clusters, after.clusters) if after else [],
    )


def matched(before: Clusters, after: Clusters) -> list[tuple[int, int]]:
    """Pairs of clusters that share the most templates; a pair shares at least one."""
    both = [
        (old, new)
        for old, new in zip(before, after, strict=True)
        if old is not None and new is not None
    ]
    if not both:
        return []
    shared = np.zeros((1 + max(old for old, _ in both), 1 + max(new for _, new in both)))
    for pair in both:
        shared[pair] += 1
    rows, columns = linear_sum_assignment(-shared)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if shared[i, j]]


def _estimate(
    clip: ClipModel, task: FewShotTask, params: FDAlign.Params, templates: Sequence[str]
) -> TemplateClusters:
    spurious = spurious_prototypes(clip, task, params)
    of = dict(zip(params.templates_for(task.templates), spurious.cluster, strict=True))
    found = [of.get(text, -1) for text in templates]
    return TemplateClusters(
        excluded=list(params.excluded_templates),
        clusters=[None if cluster < 0 else cluster for cluster in found],
    )


def _rounded(places: Points) -> Places:
    return [(x, y) for x, y in np.round(places, 5).tolist()]
