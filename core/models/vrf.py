"""`VrfEnsemble`: mixes the zero-shot and the fine-tuned classifier image by image."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from core.data.dataset import Item
from core.models.classifier import Classifier
from core.models.ensemble import Ensemble
from core.models.gates import mixed_answers

if TYPE_CHECKING:
    from core.models.clip import ClipModel

UNKNOWN = 0.5
"""The weight w if fine-tuning repaired nothing, so that there is no distance."""


def squared_distances(features: Tensor, failures: Tensor, neighbours: int) -> Tensor:
    """d = 2 − 2·cos `(N,)` of unit features `(N, D)` to the k-th nearest of Z `(M, D)`, unit rows.

    The square of the Euclidean distance, from 0 to 4, as the official index returns it.
    """
    cosines = features.float() @ failures.float().T
    return 2 - 2 * cosines.topk(neighbours, dim=1).values[:, -1]


def tuned_weights(distances: Tensor, a: float, b: float) -> Tensor:
    """w = 1/(1 + exp((d − a)/b)) `(N,)`: the fine-tuned classifier's weight. VRF, arXiv
    2411.06966.
    """
    return torch.sigmoid((a - distances) / b)


class VrfEnsemble(Ensemble):
    """p(x) = (1 − w(x))·softmax(z₀/T₀) + w(x)·softmax(z₁/T₁), with w from `tuned_weights`.

    Its members are the zero-shot and the fine-tuned classifier. The distance is computed on
    features of the fine-tuned one.
    """

    failures: Tensor
    neighbours: Tensor
    a: Tensor
    b: Tensor
    temperatures: Tensor

    def __init__(
        self,
        zero_shot: Classifier,
        tuned: Classifier,
        failures: Tensor,
        neighbours: int,
        a: float,
        b: float,
        temperatures: tuple[float, float],
    ) -> None:
        """`failures` are Z `(M, D)`, M may be 0; `neighbours` is k; `temperatures` T₀ and T₁."""
        super().__init__([zero_shot, tuned], "probabilities")
        device = tuned.mean.device
        self.register_buffer("failures", failures.float().to(device))
        self.register_buffer("neighbours", torch.tensor(neighbours, device=device))
        for name, value in (("a", a), ("b", b), ("temperatures", temperatures)):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64, device=device))

    def weights(self, features: Tensor) -> Tensor:
        """w `(N,)` from unit features `(N, D)` of the fine-tuned tower."""
        if not len(self.failures):
            return torch.full((len(features),), UNKNOWN, device=features.device)
        distances = squared_distances(
            features.to(self.failures.device), self.failures, int(self.neighbours)
        )
        return tuned_weights(distances, float(self.a), float(self.b))

    def forward(self, images: Tensor) -> Tensor:
        """Log-probabilities `(B, C)` in fp32."""
        zero_shot, tuned = self
        features = tuned.features(images)
        return self._mixed(zero_shot(images), tuned.head(features), self.weights(features))

    def outputs_of(
        self, clip: "ClipModel", root: Path, items: Sequence[Item]
    ) -> tuple[Tensor, Tensor]:
        """See `Ensemble`."""
        zero_shot, tuned = self
        before = zero_shot.outputs_of(clip, root, items)[1]
        features, after = tuned.outputs_of(clip, root, items)
        mixed = self._mixed(before, after, self.weights(features).cpu())
        return torch.empty(len(items), 0), mixed

    def _mixed(self, before: Tensor, after: Tensor, weights: Tensor) -> Tensor:
        first, second = self.temperatures.tolist()
        return mixed_answers(before, after, weights, (first, second))


def vrf_state(ensemble: VrfEnsemble) -> dict[str, Tensor]:
    """The tensors of the ensemble besides the weights of its members."""
    return dict(ensemble.named_buffers(recurse=False))


def vrf_from(state: Mapping[str, Tensor], zero_shot: Classifier, tuned: Classifier) -> VrfEnsemble:
    """Rebuilds the ensemble that `vrf_state` saved."""
    first, second = state["temperatures"].tolist()
    return VrfEnsemble(
        zero_shot,
        tuned,
        state["failures"],
        int(state["neighbours"]),
        float(state["a"]),
        float(state["b"]),
        (first, second),
    )
