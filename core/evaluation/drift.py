"""Measures how far training moved an image tower: energy gap and feature distortion of unit
features.
"""

from collections.abc import Generator

import torch
from torch import Tensor

from core.evaluation.evaluate import DetailedEvaluation
from core.events import Advanced, Event, result_of
from core.models.clip import TEXT_BATCH, ClipModel, unit
from core.models.random_texts import encode_tokens, random_texts, vocabulary
from core.results.records import Drift

TEXTS = 10_000
TEXT_LENGTH = 8
"""The number and length of Lipsum-FT's random texts (arXiv 2404.00860 §5): 10,000 of 8 tokens
each.
"""


def second_moment(texts: Tensor) -> Tensor:
    """S = mean over texts of ĝĝᵀ, `(D, D)` in fp64, from text features `(M, D)`."""
    texts = unit(texts.double())
    return texts.T @ texts / len(texts)


def energy_gap(tuned: Tensor, frozen: Tensor, moment: Tensor, tau: float | None) -> Tensor:
    """gap(x) = τ²·dᵀSd, d = f̂_θ(x) − f̂_θ0(x): `(N,)` in fp64, from unit features `(N, D)`.

    The mean over texts of (E_θ(x,t) − E_θ0(x,t))² with E = −τ⟨f̂(x), ĝ(t)⟩, Lipsum-FT (arXiv
    2404.00860) Eq. 6. It does not sample new texts for every image, because S contains all that the
    formula needs of them. The formula is missing in the copies of the paper. It is squared here,
    because the paper calls its regulariser a stochastic estimate of it. `tau` None leaves out τ²,
    so that models can be compared.
    """
    d = tuned.double() - frozen.double()
    gap = ((d @ moment.double()) * d).sum(1)
    return gap if tau is None else tau**2 * gap


def feature_distortion(tuned: Tensor, frozen: Tensor) -> Tensor:
    """‖f̂_θ(x) − f̂_θ0(x)‖₂ for every image, `(N,)` in fp64, from unit features `(N, D)`.

    Kumar et al. 2022, arXiv 2202.10054. The papers do not say if they normalise. Here features are
    projected and of unit length, so the value is in [0, 2] for every model.
    """
    return (tuned.double() - frozen.double()).norm(dim=1)


def measure_drift(
    before: DetailedEvaluation, after: DetailedEvaluation, moment: Tensor | None, tau: float
) -> dict[str, Drift]:
    """Both numbers by domain, from the features of the zero-shot and the fine-tuned tower for the
    same images. Without a `moment` the energy gap is None.
    """
    distances = before.by_domain(feature_distortion(after.features, before.features))
    gaps = {}
    if moment is not None:
        gaps = before.by_domain(energy_gap(after.features, before.features, moment, tau))
    return {
        name: Drift(
            energy_gap=float(gaps[name].mean()) if gaps else None, distortion=float(distance.mean())
        )
        for name, distance in distances.items()
    }


def no_drift(measured: DetailedEvaluation) -> dict[str, Drift]:
    """The drift of a tower that is shared with zero-shot: zero."""
    return {name: Drift(energy_gap=0.0, distortion=0.0) for name in measured.domains}


def random_text_moment(
    clip: ClipModel, texts: int = TEXTS, length: int = TEXT_LENGTH, seed: int = 0
) -> Tensor:
    """S of random texts under this model's text tower, `(D, D)`; computed once per model and
    stored.

    A `UserError` for a text tower that cannot read them.
    """
    return result_of(text_moment_along(clip, texts, length, seed))


def text_moment_along(
    clip: ClipModel, texts: int = TEXTS, length: int = TEXT_LENGTH, seed: int = 0
) -> Generator[Event, None, Tensor]:
    """`random_text_moment` with progress: yields the number of texts read."""
    key = {
        "what": "random-text-moment",
        "model": clip.identity,
        "texts": texts,
        "length": length,
        "seed": seed,
        "device": str(clip.precision.device),
    }
    parts: list[Tensor] = []
    if not clip.cache.holds(key):
        generator = torch.Generator().manual_seed(seed)
        tokens = random_texts(texts, length, generator, vocabulary(clip))
        for chunk in torch.split(tokens, TEXT_BATCH):
            parts.append(encode_tokens(clip, chunk).cpu())
            yield Advanced(sum(map(len, parts)), texts)
    return clip.cache.get(key, lambda: second_moment(torch.cat(parts)))
