"""L2-SP: fine-tunes while the weights stay near their starting point."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from core.methods.base import GradientMethod
from core.methods.recipes import LIPSUM_FT
from core.models.lora import ADAPTER, added
from core.params import Sensible
from core.training.loop import Batch
from core.training.settings import TrainingParams

Form = Literal["half", "kumar"]


def spring(weights: Iterable[Tensor], start: Iterable[Tensor], form: Form) -> Tensor:
    """½‖θ − θ₀‖² over two lists of tensors of the same shapes; `kumar` leaves out the ½."""
    pairs = zip(weights, start, strict=True)
    squares = torch.stack([(now - then).square().sum() for now, then in pairs]).sum()
    return squares / 2 if form == "half" else squares


class L2SP(GradientMethod):
    """L = CE + (λ/2)·‖θ − θ₀‖² over everything that trains, including the zero-shot head.

    Li et al., arXiv 1802.01483. They pull a new head towards zero; here the head is pulled towards
    its own start. `form=kumar` is the code of Kumar et al. (arXiv 2202.10054): λ·‖θ − θ₀‖² without
    the ½, on the tower alone. With LoRA the penalty applies to the adapters' change of the weights.
    """

    name = "l2-sp"
    title = "L2-SP"
    paper = "Li et al. 2018, arXiv 1802.01483"
    summary = (
        "Penalises the distance of all weights from their start: simple, and close to plain FT."
    )

    paper_preset: ClassVar = LIPSUM_FT
    """As in Lipsum-FT's comparison; the weight used there is not known to us, and its results equal
    FT's within noise.
    """

    class Params(TrainingParams):
        """The settings of the penalty and of the loop."""

        l2_weight: Annotated[float, Field(ge=0), Sensible(1e-4, 10, log=True)] = 0.01
        """Weight λ of the squared distance to the start; 0 is plain fine-tuning. The default is
        ours: Kumar et al. used 0.01 (and tried 0.0001 to 1); the value of Lipsum-FT's authors is
        not known to us.
        """
        form: Form = "half"
        """`half`: λ/2 times the squared distance of everything that trains. `kumar`: λ times the
        squared distance of the image tower, without the ½ and without the head.
        """

    params: Params

    def setup(self) -> None:
        """Create the classifier, and store the starting weights."""
        super().setup()
        self.parameters()
        held = self.classifier if self.params.form == "half" else self.classifier.tower
        self.held = [
            p for name, p in held.named_parameters() if p.requires_grad and ADAPTER not in name
        ]
        self.start = [p.detach().clone() for p in self.held]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy over `(B, C)` logits, and the penalty."""
        features = self.classifier.features(batch.images)  # (B, D)
        moved = added(self.classifier.tower)  # the adapters' change; empty without LoRA
        start = [*self.start, *map(torch.zeros_like, moved)]
        pull = spring([*self.held, *moved], start, self.params.form)
        return {
            "class": self.cross_entropy(self.classifier.head(features), batch.labels),
            "l2-sp": self.params.l2_weight * pull,
        }
