"""CAR-FT: fine-tunes while the image's distribution over contexts stays as it was."""

from typing import ClassVar, Literal

from core.methods.guidance import Distance, GuidanceParams, GuidedMethod
from core.methods.recipes import LIPSUM_FT


class CarFT(GuidedMethod):
    """L = CE + λ·KL(softmax(u₀)‖softmax(u_θ)), batch means, with u = τ·f̂·Xᵀ over the context head.

    Context-Aware Robust Fine-Tuning, arXiv 2211.16175. X holds one unit vector per template,
    averaged over the classes: a distribution over contexts only, not over classes in contexts. No
    official code is known; third-party scripts disagree about the direction and leave out τ. Ours
    puts the frozen distribution first and uses τ, as Lipsum-FT (arXiv 2404.00860) reads it.
    `guidance=random` and `distance=mse` are the other cells of that paper's grid (see
    `core.methods.guidance`).
    """

    name = "car-ft"
    title = "CAR-FT"
    paper = "Mao et al. 2022, arXiv 2211.16175"
    summary = "Keeps how CLIP sees the context of an image, such as photo, sketch or blur."

    paper_preset: ClassVar = LIPSUM_FT
    """As in Lipsum-FT's comparison; the weight used there is not known to us."""

    class Params(GuidanceParams):
        """The settings of the grid, with CAR-FT's defaults."""

        guidance: Literal["fixed", "random"] = "fixed"
        """`fixed`: the templates averaged over the classes, one text per template (CAR-FT).
        `random`: new texts of random tokens at every step.
        """
        distance: Distance = "kld"
        """`kld`: divergence between the two distributions over the texts (CAR-FT). `mse`: half the
        mean squared difference of the logits over the texts.
        """

    params: Params
