"""The shots curve: the accuracy of a few images per class without training, on features alone."""

import statistics
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from core.models.clip import unit
from core.results.untrained import ShotsCurvePoint

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
