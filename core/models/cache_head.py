"""Heads with a memory: zero-shot logits plus votes of the nearest training images."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.heads import Head

if TYPE_CHECKING:
    from core.models.clip import ClipModel


class CacheHead(Head):
    """Logits τ·f̂Wᵀ + α·exp(−β(1 − f̂Kᵀ))·V. Tip-Adapter, arXiv 2111.03930.

    W (C, D) are class prototypes, K (N, D) has one key per image, V (N, C) holds the vote of each
    key. The official code writes 100 instead of τ; CLIP's own τ is 100. With α = 0 the logits are
    zero-shot's to the bit, so mixing a run with its origin scales α.
    """

    kind = "cache"
    formula = (
        "logits = f @ weight.T + alpha * exp(-beta * (1 - f @ keys.T)) @ values, where f are unit "
        "image features; the temperature is inside weight"
    )
    code = """votes = torch.exp(-head["beta"] * (1 - features @ head["keys"].T)) @ head["values"]
logits = features @ head["weight"].T + head["alpha"] * votes"""
    tau: Tensor
    values: Tensor
    alpha: Tensor
    beta: Tensor

    def __init__(
        self,
        prototypes: Tensor,
        tau: float,
        keys: Tensor,
        values: Tensor,
        alpha: float = 0.0,
        beta: float = 1.0,
    ) -> None:
        """`prototypes` are unit rows (C, D). `keys` are copied, so training them leaves cached
        features as they are.
        """
        super().__init__()
        self.weight = nn.Parameter(prototypes.float().clone())
        self.keys = nn.Parameter(keys.float().clone())
        self.register_buffer("values", values.float().clone())
        self.register_buffer("tau", torch.tensor(float(tau)))
        self.register_buffer("alpha", torch.tensor(float(alpha)))
        self.register_buffer("beta", torch.tensor(float(beta)))

    @classmethod
    def shaped_like(cls, state: Mapping[str, Tensor], clip: "ClipModel") -> Self:
        """As `Head` says."""
        zeros = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
        return cls(zeros["weight"], clip.logit_scale, zeros["keys"], zeros["values"])

    def memory(self) -> tuple[Tensor, Tensor, Tensor]:
        """W, K and V as the logits use them."""
        return self.weight, self.keys, self.values

    def query(self, features: Tensor) -> Tensor:
        """The features that are compared with the keys."""
        return features

    def parts(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The zero-shot part τ·f̂Wᵀ (B, C) and the affinities f̂Kᵀ (B, N): all that a search over α
        and β needs.
        """
        weight, keys, _ = self.memory()
        features = features.float()
        return self.tau * (features @ weight.T), self.query(features) @ keys.T

    def forward(self, features: Tensor) -> Tensor:
        """As `Head` says."""
        with torch.autocast(features.device.type, enabled=False):
            logits, affinity = self.parts(features)
            votes = torch.exp(-self.beta * (1 - affinity)) @ self.memory()[2]
            return logits + self.alpha * votes

    def origin(self, clip: "ClipModel", prototypes: Tensor) -> "CacheHead":
        """The same memory with α = 0, and the zero-shot prototypes."""
        head = copy.deepcopy(self)
        changed = {"weight": prototypes, "alpha": torch.tensor(0.0), **self._untrained()}
        head.load_state_dict({**self.state_dict(), **changed})
        return head

    def _untrained(self) -> dict[str, Tensor]:
        """Extra tensors with the values that give zero-shot's logits."""
        return {}

    def exported(self) -> dict[str, Tensor]:
        """The tensors that `formula` names."""
        weight, keys, values = self.memory()
        named = {"weight": self.tau * weight, "keys": keys, "values": values}
        named |= {"alpha": self.alpha, "beta": self.beta}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in named.items()}


class ChannelCacheHead(CacheHead):
    """A cache that treats some channels of the features separately. APE, arXiv 2304.01195."""

    channels: Tensor

    def __init__(
        self,
        prototypes: Tensor,
        tau: float,
        keys: Tensor,
        values: Tensor,
        channels: Tensor,
        alpha: float = 0.0,
        beta: float = 1.0,
    ) -> None:
        """`channels` (Q,) are the positions of these channels."""
        super().__init__(prototypes, tau, keys, values, alpha, beta)
        self.register_buffer("channels", channels.long().clone())

    @classmethod
    def shaped_like(cls, state: Mapping[str, Tensor], clip: "ClipModel") -> Self:
        """As `Head` says."""
        zeros = {name: torch.zeros_like(tensor) for name, tensor in state.items()}
        memory = zeros["keys"], zeros["values"], zeros["channels"]
        return cls(zeros["weight"], clip.logit_scale, *memory)


class RefinedCacheHead(ChannelCacheHead):
    """A cache that compares only these channels, normalised to unit length again (APE).

    The zero-shot part keeps all channels. Keys are unit rows (N, Q); values already include their
    weights.
    """

    kind = "refined-cache"
    formula = (
        "logits = f @ weight.T + alpha * exp(-beta * (1 - q @ keys.T)) @ values, where f are unit "
        "image features and q are f[:, channels] made unit again; the temperature is inside weight"
    )
    code = """queries = torch.nn.functional.normalize(features[:, head["channels"]], dim=1)
votes = torch.exp(-head["beta"] * (1 - queries @ head["keys"].T)) @ head["values"]
logits = features @ head["weight"].T + head["alpha"] * votes"""

    def query(self, features: Tensor) -> Tensor:
        """Unit `(B, Q)`."""
        return F.normalize(features[:, self.channels], dim=1)

    def exported(self) -> dict[str, Tensor]:
        """The tensors that `formula` names."""
        return {**super().exported(), "channels": self.channels.cpu().contiguous()}


class ResidualCacheHead(ChannelCacheHead):
    """A cache in which one residual per class shifts these channels of its prototype and of all its
    keys, and every image's vote has a weight (APE-T).

    Nothing is normalised again. `values` are one-hot here.
    """

    kind = "residual-cache"

    def __init__(
        self,
        prototypes: Tensor,
        tau: float,
        keys: Tensor,
        values: Tensor,
        channels: Tensor,
        alpha: float = 0.0,
        beta: float = 1.0,
    ) -> None:
        """The residual and the votes start at values that change nothing."""
        super().__init__(prototypes, tau, keys, values, channels, alpha, beta)
        self.residual = nn.Parameter(torch.zeros(len(prototypes), len(channels)))
        self.votes = nn.Parameter(torch.ones(len(keys), 1))

    def memory(self) -> tuple[Tensor, Tensor, Tensor]:
        """W and K with the residual, and V with the weights of the votes."""
        weight = self.weight.index_add(1, self.channels, self.residual)
        keys = self.keys.index_add(1, self.channels, self.values @ self.residual)
        return weight, keys, self.values * self.votes

    def _untrained(self) -> dict[str, Tensor]:
        return {
            "residual": torch.zeros_like(self.residual),
            "votes": torch.ones_like(self.votes),
        }
