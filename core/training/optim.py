"""Optimisers and the learning-rate schedules."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from core.training.settings import LoopParams

COOP_FIRST_EPOCH = 1e-5
"""CoOp's learning rate in its first epoch, whatever the peak (arXiv 2109.01134, official code)."""


def make_optimizer(
    params: LoopParams, trainable: Iterable[nn.Parameter], lr: float
) -> torch.optim.Optimizer:
    """The optimiser that `params` names.

    Fused: one pass over weights and gradients instead of five, a third of the time on a CPU.
    """
    decay = params.weight_decay
    if params.optimizer == "sgd":
        return torch.optim.SGD(
            trainable, lr, momentum=0.9, nesterov=True, weight_decay=decay, fused=True
        )
    return torch.optim.AdamW(trainable, lr, weight_decay=decay, eps=params.adam_eps, fused=True)


def clip_gradients(trainable: Sequence[nn.Parameter], longest: float) -> float:
    """Shorten the gradients to at most `longest` (0: no limit); returns their length before.

    Equal to `nn.utils.clip_grad_norm_` to the bit, which also multiplies short gradients by 1.
    """
    gradients = [weight.grad for weight in trainable if weight.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    length = float(norm)
    if longest and not length <= longest:
        nn.utils.clip_grads_with_norm_(trainable, longest, norm)
    return length


class Schedule:
    """The learning rate of every step, counted from 0, for a run with `images` training images."""

    def __init__(self, params: LoopParams, images: int) -> None:
        assert params.lr is not None, "params.resolved(clip) fills it"
        batch = min(params.batch_size, images)
        self.peak = params.lr * batch / params.lr_batch if params.lr_batch else params.lr
        self.per_epoch = math.ceil(images / params.batch_size)
        self.steps = params.epochs * self.per_epoch
        self._params = params

    def __call__(self, step: int) -> float:
        """The rate of one step."""
        params = self._params
        if params.schedule == "cosine-by-epoch":
            epoch = step // self.per_epoch
            return COOP_FIRST_EPOCH if epoch == 0 else _cosine(self.peak, epoch / params.epochs)
        rise = int(params.warmup * self.steps)
        if step < rise:
            first = 0 if params.schedule == "cosine-from-zero" else 1
            return self.peak * (step + first) / rise
        if params.schedule == "constant":
            return self.peak
        return _cosine(self.peak, (step - rise) / (self.steps - rise))


def _cosine(peak: float, share: float) -> float:
    return peak / 2 * (1 + math.cos(math.pi * share))
