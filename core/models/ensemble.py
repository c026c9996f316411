"""`Ensemble`: averages the outputs of several classifiers. It costs as many towers as it has
members.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.dataset import Item
from core.models.classifier import Classifier

if TYPE_CHECKING:
    from core.models.clip import ClipModel

Average = Literal["logits", "probabilities"]


def averaged(outputs: Sequence[Tensor], average: Average) -> Tensor:
    """The average `(N, C)` of the members' logits, each `(N, C)`.

    `logits`: the mean of the logits. `probabilities`: the log of the mean softmax, so its softmax
    is that mean. It is summed in log space, where nothing underflows.
    """
    stacked = torch.stack(list(outputs))  # (k, N, C)
    if average == "logits":
        return stacked.mean(0)
    return F.log_softmax(stacked, dim=-1).logsumexp(0) - math.log(len(stacked))


class Ensemble(nn.Module):
    """`(B, 3, H, W) → (B, C)` like a `Classifier`, but without weights of its own to mix or export.

    All members need the same classes. A tower that several members share is stored once.
    """

    def __init__(self, members: Sequence[Classifier], average: Average = "logits") -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.average: Average = average

    def __iter__(self) -> Iterator[Classifier]:
        for member in self.members:
            assert isinstance(member, Classifier)
            yield member

    def forward(self, images: Tensor) -> Tensor:
        """Logits `(B, C)` in fp32; log-probabilities where probabilities are averaged."""
        return averaged([member(images) for member in self], self.average)

    def outputs_of(
        self, clip: "ClipModel", root: Path, items: Sequence[Item]
    ) -> tuple[Tensor, Tensor]:
        """See `Predictor`. Its features are `(N, 0)`: the members have no common feature space."""
        logits = [member.outputs_of(clip, root, items)[1] for member in self]
        return torch.empty(len(items), 0), averaged(logits, self.average)
