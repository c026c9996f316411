"""Heads: logits from unit image features. A head holds what a method learns about the classes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from core.models.clip import ClipModel


class Head(nn.Module, ABC):
    """Logits `(B, C)` in fp32 from unit features `(B, D)`, in fp32 even under autocast."""

    kind: ClassVar[str]
    """Saved with the weights, so that loading finds the right class."""
    formula: ClassVar[str]
    """The formula of the logits in terms of the exported tensors, for readers of an export."""
    code: ClassVar[str] = 'logits = features @ head["weight"].T + head.get("bias", 0)'
    """The same formula in Python, with unit `features` and the tensors as `head`."""

    @classmethod
    @abstractmethod
    def shaped_like(cls, state: Mapping[str, Tensor], clip: "ClipModel") -> Self:
        """A head that `load_state_dict(state)` fits; its values have no meaning yet."""

    @abstractmethod
    def origin(self, clip: "ClipModel", prototypes: Tensor) -> "Head":
        """A head with the same tensor names and zero-shot's logits: the starting point of WiSE-FT.

        `prototypes` are the unit zero-shot head `(C, D)`.
        """

    @abstractmethod
    def exported(self) -> dict[str, Tensor]:
        """The tensors that `formula` uses, on the CPU; τ is part of the weight."""

    def text_tower(self, clip: "ClipModel") -> nn.Module:
        """The text tower of this head, with open_clip's names: CLIP's own, unless the head has
        trained a copy.
        """
        tower: nn.Module = clip.model
        return tower


class LinearHead(Head):
    """Cosine logits in one of the two conventions of the literature.

    Both give the same zero-shot logits but train differently. `fold_scale=False`: unit rows at the
    start, no bias, logits τ·f̂Wᵀ with τ constant (Lipsum-FT). `fold_scale=True`: rows of length τ
    and a trainable bias that starts at zero, logits f̂Wᵀ + b (WiSE-FT, FLYP, FD-Align).
    """

    kind = "linear"
    formula = "logits = unit image features @ weight.T (+ bias); the temperature is inside"
    tau: Tensor

    def __init__(self, prototypes: Tensor, tau: float, fold_scale: bool = False) -> None:
        """`prototypes` are unit rows `(C, D)`; `tau` is exp(logit_scale)."""
        super().__init__()
        self.fold_scale = fold_scale
        self.weight = nn.Parameter(prototypes.float() * (tau if fold_scale else 1.0))
        self.bias = nn.Parameter(torch.zeros(len(prototypes))) if fold_scale else None
        self.register_buffer("tau", torch.tensor(float(tau)))

    @classmethod
    def shaped_like(cls, state: Mapping[str, Tensor], clip: "ClipModel") -> Self:
        """As `Head` says."""
        return cls(torch.zeros_like(state["weight"]), clip.logit_scale, "bias" in state)

    def origin(self, clip: "ClipModel", prototypes: Tensor) -> "LinearHead":
        """The zero-shot head in the same convention."""
        return LinearHead(prototypes, clip.logit_scale, self.fold_scale)

    def forward(self, features: Tensor) -> Tensor:
        """As `Head` says."""
        with torch.autocast(features.device.type, enabled=False):
            logits = features.float() @ self.weight.T
            return logits + self.bias if self.bias is not None else self.tau * logits

    def exported(self) -> dict[str, Tensor]:
        """One linear layer on unit features."""
        weight = self.weight.detach().cpu().contiguous()
        if self.bias is None:
            return {"weight": weight * self.tau.cpu()}
        return {"weight": weight, "bias": self.bias.detach().cpu().contiguous()}
