"""The ID/OOD frontier: every domain measured at every mixing weight, and the choice of one."""

from collections.abc import Generator, Iterable, Sequence

from core.data.fewshot import FewShotTask
from core.evaluation.evaluate import evaluate
from core.events import Evaluated, Event
from core.interpolation.wise import between
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.records import Evaluation, Selection, WisePoint

DEFAULT_ALPHA = 0.5
"""WiSE-FT's recommendation where nothing can be measured (arXiv 2109.01903 §4)."""


def measure_frontier(
    ends: tuple[Evaluation, Evaluation],
    classifiers: tuple[Classifier, Classifier | Ensemble],
    clip: ClipModel,
    task: FewShotTask,
    alphas: Iterable[float],
) -> Generator[Event, None, list[WisePoint]]:
    """Measure zero-shot and tuned weights mixed by each α.

    The ends are the evaluations that the run already has: at α 0 and 1 mixing gives their weights
    to the bit.
    """
    mixer = between(*classifiers)
    points = []
    for alpha in sorted({0.0, 1.0, *alphas}):
        if alpha in (0.0, 1.0):
            evaluation = ends[int(alpha)]
        else:
            evaluation = evaluate(mixer.at(alpha), clip, task)
        points.append(wise_point(alpha, evaluation))
        yield Evaluated("alpha", 0, evaluation.domains, alpha)
    return points


def wise_point(alpha: float, evaluation: Evaluation) -> WisePoint:
    """The part of an evaluation that the frontier keeps."""
    val = evaluation.domains.get("val")
    return WisePoint(
        alpha=alpha,
        id=evaluation.id,
        ood=evaluation.ood,
        val=val.accuracy if val else None,
        val_nll=val.nll if val else None,
        domains={name: score.accuracy for name, score in evaluation.domains.items()},
    )


def choose_alpha(points: Sequence[WisePoint], checkpoint: str) -> Selection:
    """The α with the best validation accuracy; of equals the one with the lowest validation NLL.

    A few dozen images leave many mixtures with equal accuracy; the likelihood tells them apart.
    Test and out-of-distribution numbers are never looked at. Without validation images α is the
    default.
    """
    measured = [p for p in points if p.val is not None and p.val_nll is not None]
    if not measured:
        return Selection(checkpoint=checkpoint, alpha=DEFAULT_ALPHA, alpha_chosen_on="default")
    best = min(measured, key=lambda point: (-(point.val or 0), point.val_nll or 0, point.alpha))
    return Selection(checkpoint=checkpoint, alpha=best.alpha, alpha_chosen_on="val")
