"""TPGM-C: TPGM with an additional pull of the radii towards zero-shot."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from core.interpolation.tpgm import Radii, Tpgm
from core.params import Sensible

Form = Literal["relative", "l2"]


def radius_penalty(radii: Sequence[Tensor], largest: Sequence[Tensor], form: Form) -> Tensor:
    """The penalty on scalar radii γᵢ, given the largest norm of each tensor.

    `relative`: mean of (γᵢ/‖Δᵢ‖)², independent of a tensor's scale, from 0 (zero-shot) to 1
    (fine-tuned). `l2`: Σγᵢ². The released code of TPGM (arXiv 2303.10720) has no regulariser; both
    are our reading. With `mars`, ‖Δᵢ‖ is the largest of its rows, so the penalty stays within [0,
    1].
    """
    gammas = torch.stack(list(radii))
    if form == "l2":
        return gammas.square().sum()
    return (gammas / torch.stack(list(largest))).square().mean()


class TpgmC(Tpgm):
    """Cross entropy + μ · the penalty of the radii. Our reading: no official code has it."""

    name = "tpgm-c"
    title = "TPGM-C"
    paper = "Tian et al. 2023, arXiv 2303.10720"
    summary = "TPGM with a pull towards zero-shot, for robustness at a cost in accuracy (our form)."

    class Params(Tpgm.Params):
        """The settings of TPGM and of the regulariser."""

        mu: Annotated[float, Field(ge=0), Sensible(0.1, 5, log=True)] = 0.5
        """Weight of the pull towards zero-shot; 0 is TPGM. The published sweep is 0.1 to 5; the
        default is ours.
        """
        regulariser: Form = "relative"
        """Quantity that is penalised: `relative`, the mean squared share of its change that a
        tensor keeps; `l2`, the sum of squared radii. The authors did not release theirs: both are
        our reading.
        """

    params: Params

    def regulariser(self, radii: Radii) -> dict[str, Tensor]:
        """μ · penalty."""
        largest = [distance.max() for distance in radii.distance.values()]
        penalty = radius_penalty([*radii.radii.values()], largest, self.params.regulariser)
        return {"radius": self.params.mu * penalty}
