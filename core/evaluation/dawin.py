"""DaWin: a mixing weight for every image, from the certainty of both ends of a run.

A mixture of Beta distributions, fitted by EM, draws the weights of a domain together.

Transductive: the coefficients of a domain depend on all of its images at once, and a user with one
image has no others. So it is a reference for comparison, not a way to combine runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.errors import UserError
from core.evaluation.evaluate import DetailedEvaluation, labels_of, measure, measure_outputs
from core.interpolation.wise import WiseMixer
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.temperature import fit_temperature
from core.results.records import Evaluation

STARTS = 3
"""Number of k-means starts; the result with the highest likelihood counts."""
MOST_ITERATIONS = 1000
ENOUGH = 1e-4
"""EM ends when an iteration gains less mean log-likelihood than this."""
EDGE = 1e-6
"""Values are kept this far from 0 and 1, where the density has no logarithm."""
LEAST_VARIANCE = 1e-8
"""Lower limit of a variance: equal numbers give a sharp peak, not an infinite one."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BetaMixture:
    """K components: their shares, and the parameters a and b of their densities, all `(K,)`."""

    share: Floats
    a: Floats
    b: Floats

    @property
    def means(self) -> Floats:
        """`(K,)`: a/(a + b)."""
        return self.a / (self.a + self.b)

    def log_density(self, values: Floats) -> Floats:
        """`(N, K)`: log of share times density, of values `(N,)`."""
        x = np.clip(values, EDGE, 1 - EDGE)[:, None]
        density = (self.a - 1) * np.log(x) + (self.b - 1) * np.log1p(-x) - betaln(self.a, self.b)
        found: Floats = np.log(self.share) + density
        return found

    def likeliest(self, values: Floats) -> NDArray[np.intp]:
        """The most probable component of each value: `(N,)`."""
        return self.log_density(values).argmax(1)


def fit_beta_mixture(values: Floats, components: int, seed: int) -> BetaMixture:
    """The mixture for values `(N,)`, with at most `components` components and at most one per
    distinct value.

    Every M-step matches moments (`by_moments`), as in DaWin (arXiv 2410.03782).
    """
    from sklearn.cluster import KMeans  # a second of imports that most processes do not need

    values = np.clip(np.asarray(values, dtype=np.float64), EDGE, 1 - EDGE)
    count = min(components, len(np.unique(values)))
    ends = []
    for start in range(STARTS):
        found = KMeans(count, n_init=1, random_state=seed + start).fit_predict(values[:, None])
        ends.append(_climb(values, np.eye(count)[found]))
    return max(ends, key=lambda end: end[1])[0]


def by_moments(values: Floats, responsibilities: Floats) -> BetaMixture:
    """Components with the weighted means and variances of values `(N,)`; weights are `(N, K)`.

    a + b = m(1 − m)/v − 1, a = m(a + b). v is at most m(1 − m)/4, so that a + b is at least 3.
    """
    counts = responsibilities.sum(0) + 10 * np.finfo(np.float64).eps
    mean = responsibilities.T @ values / counts
    spread = (values[:, None] - mean) ** 2
    variance = (responsibilities * spread).sum(0) / counts
    widest = mean * (1 - mean)
    variance = np.clip(variance, LEAST_VARIANCE, np.maximum(widest / 4, LEAST_VARIANCE))
    total = np.maximum(widest / variance - 1, 1e-3)
    return BetaMixture(counts / counts.sum(), total * mean, total * (1 - mean))


def _climb(values: Floats, responsibilities: Floats) -> tuple[BetaMixture, float]:
    """EM from these responsibilities; returns the mixture and its last mean log-likelihood."""
    mixture, before = by_moments(values, responsibilities), -np.inf
    for _ in range(MOST_ITERATIONS):
        joint = mixture.log_density(values)
        each = logsumexp(joint, axis=1)
        mixture = by_moments(values, np.exp(joint - each[:, None]))
        reached = float(each.mean())
        if abs(reached - before) < ENOUGH:
            break
        before = reached
    return mixture, reached


COMPONENTS = 3
"""Clusters of coefficients per domain, as published: each has its own merged model."""
FEWEST = 30
"""Fewest images for a mixture: with fewer, all get the mean coefficient. Our number."""


@dataclass(frozen=True)
class Cluster:
    """The images of a domain that one merged model answers."""

    coefficient: float
    """λ: the share of the fine-tuned weights in that model."""
    n: int


@dataclass(frozen=True)
class DaWin:
    """The result of DaWin for a run."""

    measured: DetailedEvaluation
    """The measurement on every domain, image by image; its features are `(N, 0)`."""
    clusters: Mapping[str, tuple[Cluster, ...]]
    """Clusters by domain, ascending in λ; domains without images are left out."""
    temperatures: tuple[float, float]
    """The temperatures of zero-shot and of the fine-tuned classifier."""

    @property
    def evaluation(self) -> Evaluation:
        """The scores alone."""
        return self.measured.evaluation


def dawin(
    classifiers: tuple[Classifier, Classifier | Ensemble],
    clip: ClipModel,
    task: FewShotTask,
    ends: tuple[DetailedEvaluation, DetailedEvaluation] | None = None,
) -> DaWin:
    """DaWin, arXiv 2410.03782, between zero-shot and a fine-tuned classifier; nothing is trained.

    Transductive: it uses the whole unlabelled domain before it answers for any image, so accuracy
    depends on which images are measured together. In every domain, a Beta mixture clusters the
    coefficients (`coefficients`). One model answers each cluster: all of its weights are mixed at
    the mean of the cluster's component. `ends` are the measurements of both on all domains. A
    `UserError` for an ensemble, which has no weights to mix.

    Differences from the official code: temperatures are the likeliest on validation images (1
    without any) instead of constants by backbone, domains of fewer than `FEWEST` images are one
    cluster, and logits stay in the order of the images.
    """
    zero_shot, tuned = classifiers
    if isinstance(tuned, Ensemble):
        raise UserError(
            "dawin: it mixes weights, and an ensemble has no single set of them. "
            "Name the run that it was made of."
        )
    start, end = ends or (measure(zero_shot, clip, task), measure(tuned, clip, task))
    temperatures = _temperatures(start, end)
    mixer = WiseMixer(zero_shot, tuned)
    before, after = start.by_domain(start.logits), end.by_domain(end.logits)
    features = start.by_domain(start.features)
    logits, clusters = [], {}
    for name, items in start.domains.items():
        uncertainties = [
            entropies(z, t) for z, t in zip((before[name], after[name]), temperatures, strict=True)
        ]
        means, of = clustered(coefficients(*uncertainties).numpy(), task.seed)
        rows, found = torch.empty_like(before[name]), []
        for number, mean in enumerate(means):
            here = np.flatnonzero(of == number).tolist()
            mixed = mixer.at(mean)
            if clip.owns(tuned):  # only heads are mixed, and the features are known
                rows[here] = mixed.logits_from(features[name][here])
            else:
                chosen = [items[i] for i in here]
                rows[here] = mixed.outputs_of(clip, task.root, chosen)[1]
            found.append(Cluster(mean, len(here)))
        logits.append(rows)
        clusters[name] = tuple(found)
    mixed_logits = torch.cat(logits)
    nothing = torch.empty(len(mixed_logits), 0)
    measured = measure_outputs(nothing, mixed_logits, start.domains, task.classes)
    return DaWin(measured, clusters, temperatures)


def entropies(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """H `(N,)` in nats of softmax(z/T), from logits `(N, C)`."""
    log_p = F.log_softmax(logits.double() / temperature, dim=1)
    return -(log_p.exp() * log_p).sum(1)


def plain_coefficients(zero_shot: Tensor, tuned: Tensor) -> Tensor:
    """λ = e^−H₁/(e^−H₀ + e^−H₁) `(N,)` from both entropies `(N,)`, for each image independently."""
    return torch.sigmoid(zero_shot - tuned)


def coefficients(zero_shot: Tensor, tuned: Tensor) -> Tensor:
    """λ = (e^−H₁ + o/q)/(e^−H₀ + e^−H₁ + o) `(N,)` from both entropies `(N,)` of a whole domain.

    o is the mean of both coefficients of variation (std with n − 1) and q = (H̄₀ + H̄₁)/H̄₀. The
    more the entropies of a domain vary, the closer all λ are to 1/q. DaWin, arXiv 2410.03782. One
    image has no spread and gets the plain coefficient.
    """
    if len(zero_shot) < 2:
        return plain_coefficients(zero_shot, tuned)
    means = [h.mean().clamp_min(1e-12) for h in (zero_shot, tuned)]  # 0 where all are certain
    offset = (zero_shot.std() / means[0] + tuned.std() / means[1]) / 2
    q = (means[0] + means[1]) / means[0]
    before, after = torch.exp(-zero_shot), torch.exp(-tuned)
    return (after + offset / q) / (before + after + offset)


def clustered(values: NDArray[np.float64], seed: int) -> tuple[list[float], NDArray[np.intp]]:
    """The λ of each cluster, ascending, and the cluster of each of the coefficients `(N,)`."""
    if len(values) < FEWEST:
        return [float(values.mean())], np.zeros(len(values), dtype=np.intp)
    mixture = fit_beta_mixture(values, COMPONENTS, seed)
    of = mixture.likeliest(values)
    used = sorted(np.unique(of).tolist(), key=lambda component: mixture.means[component])
    places = np.empty(len(mixture.means), dtype=np.intp)
    places[used] = np.arange(len(used))
    return [float(mixture.means[component]) for component in used], places[of]


def _temperatures(start: DetailedEvaluation, end: DetailedEvaluation) -> tuple[float, float]:
    if "val" not in start.domains:
        return 1.0, 1.0
    labels = labels_of(start.domains["val"]).numpy()
    first, second = (
        fit_temperature(one.by_domain(one.logits)["val"].numpy(), labels) for one in (start, end)
    )
    return first, second
