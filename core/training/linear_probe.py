"""The linear probe: logistic regression on unit features; the tower does not change."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor

from core.data.dataset import Item
from core.data.fewshot import FewShotTask
from core.models.clip import ClipModel
from core.models.heads import LinearHead

STRENGTHS = (-7.0, 2.0)
"""log10 of the smallest and the largest C of the grid."""
MOST_STRENGTHS = 100
FEWEST_STRENGTHS = 10
FULL_GRID_PRODUCTS = 100_000_000
"""Limit of N·C·D for the full grid of a hundred points, about four seconds of one core. Beyond the
limit the grid shrinks in proportion, down to ten points.
"""
ITERATIONS = 200
DEFAULT_STRENGTH = 0.1
"""C if nothing can be measured. Ours: the published recipe has no such case. On the demo data its
validation accuracy is within four points of the best C's at 1, 4 and 16 shots (three seeds).
"""
NO_VALIDATION = (
    f"No validation images: the linear probe's C is {DEFAULT_STRENGTH:g} instead of the best of "
    "its grid."
)


@dataclass(frozen=True)
class Probe:
    """Logits f̂·weightᵀ + bias of unit features; `strength` is the C that was chosen."""

    weight: Tensor
    """`(C, D)` in fp32."""
    bias: Tensor | None
    """`(C,)`, or None if it was fitted without a bias."""
    strength: float


def fit_probe(
    features: Tensor,
    labels: Tensor,
    classes: int,
    validation: tuple[Tensor, Tensor] | None = None,
    intercept: bool = True,
) -> Probe:
    """L2-regularised multinomial logistic regression on features (N, D) with labels (N,).

    The recipe of LP-FT's official code (Kumar et al. 2022, arXiv 2202.10054). Features are
    standardised by one scalar mean and one scalar standard deviation of the whole training matrix.
    C runs over logspace(−7, 2, 100) from small to large; each fit starts where the last one stopped
    and takes at most 200 iterations. The first C with the best validation accuracy wins. Then the
    scaling is folded back: W' = W/s and b' = b − (m/s)·W·1. Classes without images get zero rows.

    Ours: without an intercept the mean is not subtracted (there is nothing to fold it into).
    Without validation (features, labels), C is `DEFAULT_STRENGTH`. A grid that would take minutes
    is thinned.
    """
    mean = float(features.double().mean()) if intercept else 0.0
    std = float(features.double().std(correction=0)) or 1.0
    points = (features.double().numpy() - mean) / std
    present, targets = np.unique(labels.numpy(), return_inverse=True)
    if len(present) < 2:  # nothing to tell apart
        zeros = torch.zeros(classes, features.shape[1])
        return Probe(zeros, torch.zeros(classes) if intercept else None, DEFAULT_STRENGTH)

    from sklearn.linear_model import LogisticRegression  # slow to import, and few processes need it

    model = LogisticRegression(max_iter=ITERATIONS, warm_start=True, fit_intercept=intercept)
    best: Probe | None = None
    best_hits = -1
    grid = strengths(points.size * len(present)) if validation else [DEFAULT_STRENGTH]
    for strength in grid:
        with _calm():
            model.set_params(C=strength).fit(points, targets)
        rows, offsets = model.coef_, np.broadcast_to(model.intercept_, len(model.coef_))
        probe = _folded_back(rows, offsets, present, classes, mean, std, strength, intercept)
        hits = _hits(probe, validation) if validation else 0
        if hits > best_hits:
            best, best_hits = probe, hits
    assert best is not None
    return best


def strengths(products: int) -> list[float]:
    """The values of C to try, from small to large, for a fit of N·C·D = `products`."""
    share = min(1.0, FULL_GRID_PRODUCTS / products)
    count = max(FEWEST_STRENGTHS, round(MOST_STRENGTHS * share))
    return [float(c) for c in np.logspace(*STRENGTHS, count)]


def probed_head(clip: ClipModel, task: FewShotTask, fold_scale: bool) -> LinearHead:
    """The head that the probe fits to the task's training images (evaluation views), chosen on its
    validation images.

    A folded head takes weight and bias as they are. A unit head is fitted without a bias and holds
    weight/τ, so its logits are the probe's too.
    """

    def measured(items: Sequence[Item]) -> tuple[Tensor, Tensor]:
        labels = torch.tensor([item.label for item in items])
        return clip.evaluation_features(task.root, items), labels

    validation = measured(task.val) if task.val else None
    probe = fit_probe(*measured(task.train), len(task.classes), validation, intercept=fold_scale)
    head = LinearHead(probe.weight / clip.logit_scale, clip.logit_scale, fold_scale)
    if head.bias is not None and probe.bias is not None:
        head.load_state_dict({**head.state_dict(), "weight": probe.weight, "bias": probe.bias})
    return head


@contextmanager
def _calm() -> Iterator[None]:
    """Fits on one BLAS thread, without warnings about few iterations and few images a class."""
    from sklearn.exceptions import ConvergenceWarning

    # Products this small lose more by threads that wait for each other than they gain: two threads
    # took several times as long as one. The limit of iterations is part of the recipe.
    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes is greater")
        yield


def _folded_back(
    rows: NDArray[np.float64],
    offsets: NDArray[np.float64],
    present: NDArray[np.int64],
    classes: int,
    mean: float,
    std: float,
    strength: float,
    intercept: bool,
) -> Probe:
    """The probe for unscaled features, with a row for every class."""
    if len(present) == 2:  # two classes share one fitted row: half of it for each
        rows, offsets = np.vstack([-rows, rows]) / 2, np.concatenate([-offsets, offsets]) / 2
    weight = torch.zeros(classes, rows.shape[1], dtype=torch.float64)
    bias = torch.zeros(classes, dtype=torch.float64)
    weight[present] = torch.from_numpy(rows / std)
    bias[present] = torch.from_numpy(offsets - rows.sum(axis=1) * (mean / std))
    return Probe(weight.float(), bias.float() if intercept else None, strength)


def _hits(probe: Probe, validation: tuple[Tensor, Tensor]) -> int:
    features, labels = validation
    logits = features @ probe.weight.T
    if probe.bias is not None:
        logits = logits + probe.bias
    return int((logits.argmax(1) == labels).sum())
