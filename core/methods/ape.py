"""APE: Tip-Adapter on selected channels, with more weight for images that zero-shot gets wrong."""

from collections.abc import Generator
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from core.events import Event, Stage, Warned
from core.methods.base import Method
from core.models.backbone import plug_in
from core.models.cache_head import RefinedCacheHead
from core.models.classifier import Classifier
from core.models.clip import unit
from core.params import Sensible
from core.training.cache import (
    CacheParams,
    cache_keys,
    grid,
    one_hot_labels,
    search,
    unsearched,
)
from core.training.channels import best_channels, criterion

GUARD = 1e-6
"""Keeps the logarithms of the divergence finite, as in the official code."""


def divergence(keys: Tensor, prototypes: Tensor, values: Tensor) -> Tensor:
    """`(N,)` in bits: KL(one-hot ‖ softmax(KWᵀ)) of unit keys (N, Q), prototypes (C, Q) and one-hot
    values (N, C), without a temperature.

    APE, arXiv 2304.01195, as the official code computes it: base 2, 1e-6 added under the logarithm.
    It is larger for an image that the zero-shot head classifies wrongly.
    """
    shares = torch.softmax(keys @ prototypes.T, dim=1)
    return (values * torch.log2((values + GUARD) / (shares + GUARD))).sum(1)


class APE(Method):
    """Logits τ·f̂Wᵀ + α·exp(−β(1 − f̂'K'ᵀ))·(V ⊙ exp(γ·d)); ' means selected channels, made unit
    again.

    Zhu et al. 2023, arXiv 2304.01195. The official code writes 100 for τ, averages raw features
    into keys, and adds GPT-3 sentences (CuPL) about the classes to the templates. Ours takes the
    model's τ, averages unit features, and uses only the run's templates, so numbers on the paper's
    data are lower. The official search uses ImageNet's test split; ours uses validation.
    """

    name = "ape"
    family = "features"
    title = "APE"
    paper = "Zhu et al. 2023, arXiv 2304.01195"
    summary = "Tip-Adapter on the feature channels that tell your classes apart: no training."

    paper_preset: ClassVar = {
        "ratio": 500 / 1024,
        "init_alpha": 2.0,
        "alpha_end": 7.0,
        "gamma_end": 0.5,
        "gamma_steps": 5,
        "ties": "first",
    }
    """The official run on ImageNet."""

    class Params(CacheParams):
        """The settings of the cache, and of the choice of channels and the weights of images."""

        ratio: Annotated[float, Field(gt=0, le=1), Sensible(0.3, 0.9)] = 0.7
        """Share of the feature's channels that the cache compares. Published: 0.39 (DTD) to 0.78
        (Caltech, SUN, pets), 0.49 for ImageNet.
        """
        similarity_share: Annotated[float, Field(ge=0, le=1), Sensible(0.1, 0.9)] = 0.7
        """Channels are chosen for low similarity between classes and high variance over classes.
        This is the weight of low similarity; the rest goes to high variance. Published: 0.7, from
        0.1 (aircraft) to 0.9 (EuroSAT).
        """
        init_gamma: Annotated[float, Field(ge=0), Sensible(0, 1)] = 0.1
        """Extra weight of images that CLIP gets wrong (γ), without validation images."""
        gamma_end: Annotated[float, Field(gt=0), Sensible(0.5, 2)] = 1.0
        """End of the search for γ, which starts at 0. Published: 1; 1.5 for EuroSAT and UCF."""
        gamma_steps: Annotated[int, Field(ge=1), Sensible(1, 20)] = 20
        """Number of values of γ that are tried with every α and β. Published: 20; 5 for
        ImageNet.
        """

    params: Params

    def fit(self) -> Generator[Event, None, Classifier]:
        """Build the cache, select its channels, then search."""
        params, task = self.params, self.task
        prototypes = self.zero_shot_prototypes()
        clip = plug_in(self.clip, params.backbone)
        keys = yield from cache_keys(clip, task, params)
        values = one_hot_labels(task)
        seen = list(task.seen)
        known, votes = prototypes[seen], values[:, seen]
        scores = criterion(known, params.similarity_share, keys, votes.argmax(1))
        channels = best_channels(scores, params.ratio)
        keys = unit(keys[:, channels])
        bits = divergence(keys, unit(known[:, channels]), votes)  # (N,)

        def weighted(gamma: float) -> Tensor:
            return values * torch.exp(gamma * bits)[:, None]

        memory = keys, weighted(params.init_gamma), channels
        start = params.init_alpha, params.init_beta
        head = RefinedCacheHead(prototypes, clip.logit_scale, *memory, *start)
        self.classifier = clip.with_head(head).requires_grad_(False)
        if not task.val:
            yield Warned(f"{unsearched(params)} γ stays {params.init_gamma:g}.")
            return self.classifier
        gammas = grid(params.gamma_end, params.gamma_steps, start=0.0)
        sizes = f"{params.beta_steps} × {params.alpha_steps} × {params.gamma_steps}"
        yield Stage("training", f"search over {sizes} values of β, α and γ")
        tried = torch.stack([weighted(gamma) for gamma in gammas]).to(head.keys.device)
        found = search(head, self.classifier, clip, task, tried, params)
        head.alpha.fill_(found.alpha)
        head.beta.fill_(found.beta)
        head.values.copy_(tried[found.which])
        return self.classifier
