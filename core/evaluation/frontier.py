"""The ID/OOD frontier: every domain measured at every mixing weight, and the choice of one."""

from collections.abc import Generator, Iterable, Sequence

from core.data.fewshot import FewShotTask
from core.evaluation.evaluate import evaluate
from core.events import Evaluated, Event
from core.interpolation.wise import WiseMixer
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.records import Evaluation, Selection, WisePoint

DEFAULT_ALPHA = 0.5
"""WiSE-FT's recommendation where nothing can be measured (arXiv 2109.01903 §4)."""


def measure_frontier(
    ends: tuple[Evaluation, Evaluation],
    classifiers: tuple[Classifier, Classifier],
    clip: ClipModel,
    task: FewShotTask,
    alphas: Iterable[float],
) -> Generator[Event, None, list[WisePoint]]:
    """Measure zero-shot and tuned weights mixed by each α.

    The ends are the evaluations that the run already has: at α 0 and 1 mixing gives their weights
    to the bit.
    """
    mixer = WiseMixer(*classifiers)
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
    accuracies = {name: score.accuracy for name, score in evaluation.domains.items()}
    return WisePoint(
        alpha=alpha,
        id=evaluation.id,
        ood=evaluation.ood,
        val=accuracies.get("val"),
        domains=accuracies,
    )


def choose_alpha(points: Sequence[WisePoint], checkpoint: str) -> Selection:
    """The α with the best validation accuracy; of equals the smallest, which stays closest to zero-
    shot.

    Test and out-of-distribution numbers are never looked at. Without validation images α is the
    default.
    """
    measured = [(point.val, -point.alpha) for point in points if point.val is not None]
    if not measured:
        return Selection(checkpoint=checkpoint, alpha=DEFAULT_ALPHA, alpha_chosen_on="default")
    return Selection(checkpoint=checkpoint, alpha=-max(measured)[1], alpha_chosen_on="val")
