"""The shots curve, and the class to label next: accuracy of few images per class without training.

Both are measured with a training-free head (`mixed_head`) on fixed features. So they are estimates
for methods that train, and only for images like the present ones.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.clip import unit
from core.results.intervals import Z95, wilson
from core.results.untrained import ChangeEstimate, ClassAdvice, Gain, ShotsCurvePoint

HEADS = ("zero-shot", "prototypes", "mixed")


def first_shots(labels: Tensor, shots: int) -> Tensor:
    """Indices of the first `shots` images of every class, in the given order."""
    chosen = [
        (labels == label).nonzero().flatten()[:shots] for label in sorted(set(labels.tolist()))
    ]
    return torch.cat(chosen)


def image_prototypes(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Unit mean of each class's unit features, `(C, D)`; zero for a class without images."""
    sums = torch.zeros(classes, features.shape[1]).index_add_(0, labels, features)
    return unit(sums)


def mixed_head(zero_shot: Tensor, prototypes: Tensor) -> Tensor:
    """Unit `(C, D)`: the text and the image prototype of a class in equal parts, unit before and
    after.

    The simplest few-shot classifier that starts from zero-shot. Nothing is fitted or chosen on
    validation images, so it is a lower limit for methods and not a competitor. A class without
    images keeps its text prototype.
    """
    return unit(zero_shot + prototypes)


def heads_accuracy(
    zero_shot: Tensor, shots: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]
) -> dict[str, float]:
    """The accuracy on `test` of each head, from (unit features (N, D), labels (N,)) of both."""
    prototypes = image_prototypes(*shots, len(zero_shot))
    heads = (zero_shot, prototypes, mixed_head(zero_shot, prototypes))
    features, labels = test
    return {
        name: float(((features @ head.T).argmax(1) == labels).double().mean())
        for name, head in zip(HEADS, heads, strict=True)
    }


def curve(accuracies: Mapping[int, Sequence[Mapping[str, float]]]) -> list[ShotsCurvePoint]:
    """The points of the curve, from the accuracies by number of shots and head, one mapping per
    seed.
    """
    points = []
    for head in HEADS:
        for shots, seeds in accuracies.items():
            values = [one[head] for one in seeds]
            std = statistics.stdev(values) if len(values) > 1 else None
            points.append(
                ShotsCurvePoint(head, shots, statistics.fmean(values), std, tuple(values))
            )
    return points


FEWEST = 2
"""The fewest images of a class, so that half of them can be held back."""


class Draw(NamedTuple):
    """One draw of the shots and the images it is measured on: unit features (N, D) and labels
    (N,).
    """

    shots: tuple[Tensor, Tensor]
    """Shots class by class in the order of the draw: the last ones are the newest."""
    sides: Mapping[str, tuple[Tensor, Tensor]]


class _DrawResult(NamedTuple):
    """The result of one draw for one class on one side."""

    right: int
    n: int
    net: float
    """Images gained minus images lost by the newer half, as a share of n."""
    variance: float
    """The variance of `net` from the limited number of images."""


def what_to_label(
    zero_shot: Tensor, draws: Sequence[Draw], classes: Sequence[str]
) -> list[ClassAdvice]:
    """The classes with two shots or more, the most valuable to label first."""
    counts = draws[0].shots[1].bincount(minlength=len(classes)).tolist()
    seen = [_look(zero_shot, draw) for draw in draws]
    found = []
    for label, (name, images) in enumerate(zip(classes, counts, strict=True)):
        if images < FEWEST:
            continue
        by_side = {
            side: [one[side, label] for one in seen if (side, label) in one]
            for side in draws[0].sides
        }
        gains = {side: _gain(told, images) for side, told in by_side.items() if told}
        if gains:
            found.append(ClassAdvice(name, images, images - images // 2, gains))
    return sorted(found, key=lambda advice: (-advice.worth, advice.name))


def share_of_the_last(before: int, now: int, later: int) -> float:
    """The change from `now` to `later` images as a share of that from `before` to `now`.

    The variance of a mean of n images is proportional to 1/n, and so is the error it causes, if
    small. So a doubling brings half of what the last doubling brought.
    """
    return (1 / now - 1 / later) / (1 / before - 1 / now)


def net_wins(logits: Tensor, older: Tensor, truth: Tensor, label: int) -> Tensor:
    """The effect on each image (N,): 1 where the column `label` of `logits` makes the answer right
    and the same column of `older` makes it wrong, -1 in the opposite case, else 0. All other
    columns stay the same.
    """
    best = logits.topk(2)
    is_best = best.indices[:, 0] == label
    rival = torch.where(is_best, best.indices[:, 1], best.indices[:, 0])
    beats = torch.where(is_best, best.values[:, 1], best.values[:, 0])
    now, then = (
        torch.where(columns[:, label] > beats, label, rival) == truth for columns in (logits, older)
    )
    return now.double() - then.double()


def _look(zero_shot: Tensor, draw: Draw) -> dict[tuple[str, int], _DrawResult]:
    """The results by side and class, for classes with images on that side."""
    features, labels = draw.shots
    whole, older = (
        mixed_head(zero_shot, image_prototypes(features[kept], labels[kept], len(zero_shot)))
        for kept in (torch.arange(len(labels)), _older_half(labels))
    )
    found = {}
    for side, (measured, truth) in draw.sides.items():
        logits, before = measured @ whole.T, measured @ older.T
        right = logits.argmax(1) == truth
        for label in sorted(set(truth.tolist())):
            own = truth == label
            n, wins = int(own.sum()), net_wins(logits, before, truth, label)
            variance = len(wins) * float(wins.var(correction=0)) / n**2
            found[side, label] = _DrawResult(
                int(right[own].sum()), n, float(wins.sum()) / n, variance
            )
    return found


def _older_half(labels: Tensor) -> Tensor:
    """Indices of the first half of every class; the smaller half if the number is odd."""
    own = [(labels == label).nonzero().flatten() for label in sorted(set(labels.tolist()))]
    return torch.cat([indices[: len(indices) // 2] for indices in own])


def _gain(told: Sequence[_DrawResult], images: int) -> Gain:
    """The result over all draws. They share images, so averaging reduces only the variance between
    draws.
    """
    n = round(statistics.fmean(one.n for one in told))
    accuracy = statistics.fmean(one.right / one.n for one in told)
    nets = [one.net for one in told]
    variance = statistics.fmean(one.variance for one in told)
    if len(nets) > 1:
        variance += statistics.variance(nets) / len(nets)
    mean, half = statistics.fmean(nets), Z95 * math.sqrt(variance)
    share = share_of_the_last(images // 2, images, 2 * images)
    low, high = wilson(accuracy * n, n)
    return Gain(
        n, accuracy, low, high,
        brought=ChangeEstimate(mean, mean - half, mean + half),
        expected=ChangeEstimate(share * mean, share * (mean - half), share * (mean + half)),
    )  # fmt: skip
