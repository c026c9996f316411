"""Fisher-weighted averaging: a weight counts as far as its end is sure about it."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from core.data.dataset import Item
from core.models.classifier import Classifier
from core.models.pixels import PixelStore

FLOOR = 1e-8
"""Smallest Fisher information that counts, as in WiSE-FT's official code."""

Fishers = tuple[Mapping[str, Tensor], Mapping[str, Tensor]]
"""By parameter, of zero-shot and of the tuned classifier."""


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
    """Mean over the items of (∂ log p(y|x)/∂θ)² by parameter: the empirical Fisher of the labels.

    One backward pass an image, on evaluation views. The classifier is only read. Parameters that
    the logits do not depend on have none.
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
