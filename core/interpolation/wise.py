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
    """The classifier at any α, held in one scratch copy that every call overwrites.

    A tower that both ends share is not copied: only their heads are mixed.
    """

    def __init__(self, zero_shot: Classifier, tuned: Classifier) -> None:
        shared = {id(tuned.tower): tuned.tower} if zero_shot.tower is tuned.tower else {}
        self._scratch = copy.deepcopy(tuned, dict(shared)).requires_grad_(False)
        self._part = "head" if shared else ""
        self._zero_shot = self._state(zero_shot)
        self._tuned = self._state(tuned)

    def at(self, alpha: float) -> Classifier:
        """The mixed classifier; valid until the next call."""
        part = self._scratch.get_submodule(self._part)
        part.load_state_dict(mix(self._zero_shot, self._tuned, alpha))
        return self._scratch

    def _state(self, classifier: Classifier) -> dict[str, Tensor]:
        state = classifier.get_submodule(self._part).state_dict()
        return {name: tensor.detach() for name, tensor in state.items()}
