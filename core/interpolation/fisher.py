"""Fisher-weighted averaging: each end of a mixture counts more for the weights it is sure about."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from core.data.dataset import Item
from core.models.classifier import Classifier
from core.models.pixels import PixelStore

FLOOR = 1e-8
"""Smallest Fisher information that is used, as in WiSE-FT's official code."""

Fishers = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
"""Fisher information by parameter, of zero-shot and of the fine-tuned classifier."""


def fisher_mix(
    start: Tensor, tuned: Tensor, alpha: float, fisher_start: Tensor, fisher_tuned: Tensor
) -> Tensor:
    """((1−α)·F₀·θ₀ + α·F₁·θ₁) / ((1−α)·F₀ + α·F₁), F floored; all of one shape.

    Matena & Raffel, arXiv 2111.09832, with WiSE-FT's α. Exact at both ends.
    """
    before = (1 - alpha) * fisher_start.clamp(min=FLOOR)
    after = alpha * fisher_tuned.clamp(min=FLOOR)
    return torch.lerp(start, tuned, after / (before + after))


def diagonal_fisher(
    classifier: Classifier, pixels: PixelStore, items: Sequence[Item]
) -> dict[str, Tensor]:
    """The empirical Fisher of the labels by parameter: the mean over the items of (∂ log
    p(y|x)/∂θ)².

    One backward pass per image, on evaluation views. The classifier does not change. Parameters
    that the logits do not depend on are left out.
    """
    weights = {name: p.detach().requires_grad_() for name, p in classifier.named_parameters()}
    total: dict[str, Tensor] = {}
    for item, image in zip(items, pixels.evaluation_batches(items, 1), strict=True):
        logits = functional_call(classifier, weights, (image,))
        label = torch.tensor([item.label], device=logits.device)
        loss = F.cross_entropy(logits, label)
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        for name, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                total[name] = total.get(name, 0.0) + gradient.square() / len(items)
    return total
