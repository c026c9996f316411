"""Optimisers and the learning-rate schedule."""

import math
from collections.abc import Iterable

import torch
from torch import nn

from core.training.settings import TrainingParams


def make_optimizer(
    params: TrainingParams, trainable: Iterable[nn.Parameter], lr: float
) -> torch.optim.Optimizer:
    """The optimiser that `params` names."""
    if params.optimizer == "sgd":
        return torch.optim.SGD(
            trainable, lr, momentum=0.9, nesterov=True, weight_decay=params.weight_decay
        )
    return torch.optim.AdamW(trainable, lr, weight_decay=params.weight_decay)


def learning_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """Linear rise over `warmup`·steps, then half a cosine to 0 (wise-ft's schedule; `step` counts
    from 0).
    """
    rise = int(warmup * steps)
    if step < rise:
        return peak * (step + 1) / rise
    return peak / 2 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))
