"""The class head: cosine logits under one of the two conventions of the literature."""

import torch
from torch import Tensor, nn


class Head(nn.Module):
    """Logits `(B, C)` from unit features `(B, D)`.

    Two conventions give the same zero-shot logits and train differently. `fold_scale=False`: unit
    rows at the start, no bias, logits τ·f̂Wᵀ with τ constant (Lipsum-FT). `fold_scale=True`: rows
    of length τ and a trainable bias that starts at zero, logits f̂Wᵀ + b (WiSE-FT, FLYP, FD-Align).
    """

    tau: Tensor

    def __init__(self, prototypes: Tensor, tau: float, fold_scale: bool = False) -> None:
        """`prototypes` are unit rows `(C, D)`; `tau` is exp(logit_scale)."""
        super().__init__()
        self.fold_scale = fold_scale
        self.weight = nn.Parameter(prototypes.float() * (tau if fold_scale else 1.0))
        self.bias = nn.Parameter(torch.zeros(len(prototypes))) if fold_scale else None
        self.register_buffer("tau", torch.tensor(float(tau)))

    def forward(self, features: Tensor) -> Tensor:
        """Logits in fp32, whatever the arithmetic around it."""
        with torch.autocast(features.device.type, enabled=False):
            logits = features.float() @ self.weight.T
            return logits + self.bias if self.bias is not None else self.tau * logits
