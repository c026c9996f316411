"""DaWin: a mixing weight for every image, from the certainty of both ends of a run.

Transductive: the coefficients of a domain depend on all of its images at once, and a user with one
image has no others. So it is a reference for comparison, not a way to combine runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from core.data.fewshot import FewShotTask
from core.errors import UserError
from core.evaluation.beta_mixture import fit_beta_mixture
from core.evaluation.evaluate import DetailedEvaluation, labels_of, measure, measure_outputs
from core.interpolation.wise import WiseMixer
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.ensemble import Ensemble
from core.models.temperature import fit_temperature
from core.results.records import Evaluation

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
