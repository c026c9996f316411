"""WiSE-FT: mix the weights of the zero-shot and of the fine-tuned classifier."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from core.models.classifier import Classifier

State = Mapping[str, Tensor]


def mix(zero_shot: State, tuned: State, alpha: float) -> dict[str, Tensor]:
    """θ_α = (1−α)·θ₀ + α·θ₁ over tower, projection and head. WiSE-FT, arXiv 2109.01903, Eq. 1.

    Exact at both ends: α = 0 gives θ₀ and α = 1 gives θ₁ to the bit. Integer buffers are copied
    from θ₀.
    """
    if zero_shot.keys() != tuned.keys():
        odd = sorted(zero_shot.keys() ^ tuned.keys())
        raise ValueError(f"the two classifiers do not have the same weights: {odd[:3]}")
    return {
        name: torch.lerp(start, tuned[name], alpha) if start.is_floating_point() else start.clone()
        for name, start in zero_shot.items()
    }


class WiseMixer:
    """The classifier at any α, held in one scratch copy that every call overwrites."""

    def __init__(self, zero_shot: Classifier, tuned: Classifier) -> None:
        self._zero_shot = {k: v.detach() for k, v in zero_shot.state_dict().items()}
        self._tuned = {k: v.detach() for k, v in tuned.state_dict().items()}
        self._scratch = copy.deepcopy(tuned).requires_grad_(False)

    def at(self, alpha: float) -> Classifier:
        """The mixed classifier; valid until the next call."""
        self._scratch.load_state_dict(mix(self._zero_shot, self._tuned, alpha))
        return self._scratch
