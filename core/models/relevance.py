"""Shows where an image tower looked: attention rollout on ViTs, gradient times activation on
convolutional towers.

A hint, not a proof: both ignore parts of the network's computation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from open_clip.transformer import AttentionalPooler
from torch import Tensor, nn

from core.models.classifier import Classifier

Kind = Literal["rollout", "relevance"]


def relevance(classifier: Classifier, image: Tensor, label: int) -> tuple[Kind, Tensor] | None:
    """A map `(h, w)` from 0 to 1 for one evaluation view `(3, H, W)`. On convolutional towers it
    shows what speaks for `label`, on ViTs everything that is attended to. None for other towers,
    and for ViTs whose attention cannot be read (timm's compute it without keeping it).
    """
    if any(isinstance(module, nn.MultiheadAttention) for module in classifier.tower.modules()):
        return _rolled(classifier, image)
    return _gradient_times_activation(classifier, image, label)


def rollout(attentions: list[Tensor]) -> Tensor:
    """The attention of the class token to every patch, `(T−1,)`, through the attention `(T, T)` of
    all layers: Π ½(A + I), rows that sum to 1. Abnar and Zuidema 2020, arXiv 2005.00928 §3.

    For the last layer the class token's own row is enough, `(1, T)`.
    """
    size = attentions[0].shape[-1]
    total = torch.eye(size, dtype=torch.float64)
    for attention in attentions:
        mixed = (attention.double() + torch.eye(*attention.shape, dtype=torch.float64)) / 2
        total = mixed / mixed.sum(-1, keepdim=True) @ total
    return total[0, 1:]


def gradient_times_activation(activation: Tensor, gradient: Tensor) -> Tensor:
    """ReLU(Σ_c g·a) at every position, `(h, w)`, from `(C, h, w)`: HiResCAM, arXiv 2011.08891.

    Like Grad-CAM, but the gradient is not averaged first, so it stays at its position.
    """
    return (activation * gradient).sum(0).clamp_min(0)


def _rolled(classifier: Classifier, image: Tensor) -> tuple[Kind, Tensor] | None:
    with torch.no_grad(), _attentions(classifier.tower) as seen:
        classifier.features(image[None])
    if not _follow_one_another(seen):
        return None
    shares = rollout(seen)
    side = round(len(shares) ** 0.5)
    return ("rollout", _scaled(shares.view(side, side))) if side**2 == len(shares) else None


def _follow_one_another(attentions: list[Tensor]) -> bool:
    """True if all are attentions over the same tokens, as `rollout` needs them."""
    if not attentions:
        return False
    size = attentions[-1].shape[-1]
    last = attentions[-1].shape[0] in (1, size)
    return last and all(attention.shape == (size, size) for attention in attentions[:-1])


@contextmanager
def _attentions(tower: nn.Module) -> Iterator[list[Tensor]]:
    """Collects every block's attention `(T, T)`, averaged over heads, while the tower runs; `(1,
    T)` where only the class token is computed.
    """
    seen: list[Tensor] = []

    def ask(_module: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**kwargs, "need_weights": True, "average_attn_weights": True}

    def keep(_module: nn.Module, _args: Any, output: Any) -> None:
        if output[1] is not None:
            seen.append(output[1][0].float().cpu())

    blocks = [m for m in tower.modules() if not isinstance(m, AttentionalPooler)]
    attention = [m for b in blocks for m in b.children() if isinstance(m, nn.MultiheadAttention)]
    hooks = [m.register_forward_pre_hook(ask, with_kwargs=True) for m in attention]
    hooks += [m.register_forward_hook(keep) for m in attention]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _gradient_times_activation(
    classifier: Classifier, image: Tensor, label: int
) -> tuple[Kind, Tensor] | None:
    last: list[Tensor] = []

    def keep(module: nn.Module, _args: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            return
        if output.ndim == 4 and min(output.shape[-2:]) > 1:
            last[:] = [output]
        elif output.ndim == 3 and any(True for _ in module.parameters()):
            last.clear()  # tokens are processed from here on, so an earlier map did not decide

    hooks = [m.register_forward_hook(keep) for m in classifier.tower.modules()]
    pixels = image[None].to(classifier.mean.device).float().div(255)
    pixels = pixels.sub(classifier.mean).div(classifier.std).requires_grad_()
    try:
        with torch.enable_grad():
            logit = classifier(pixels)[0, label]
            if not last:
                return None
            (gradient,) = torch.autograd.grad(logit, last)
    finally:
        for hook in hooks:
            hook.remove()
    found = gradient_times_activation(last[0][0].detach().float(), gradient[0].float())
    return "relevance", _scaled(found.cpu())


def _scaled(found: Tensor) -> Tensor:
    """Scaled to 0 … 1; all 0 if all values are equal."""
    low, high = found.min(), found.max()
    return (found - low) / (high - low) if high > low else torch.zeros_like(found)
