"""CAR-FT: fine-tune while the image's distribution over contexts stays what it was."""

from typing import ClassVar, Literal

from core.methods.guidance import Distance, GuidanceParams, GuidedMethod
from core.methods.recipes import LIPSUM_FT


class CarFT(GuidedMethod):
    """L = CE + λ·KL(softmax(u₀)‖softmax(u_θ)), batch means, with u = τ·f̂·Xᵀ over the context head.

    Context-Aware Robust Fine-Tuning, arXiv 2211.16175. X holds one unit vector a template, averaged
    over the classes: a distribution over contexts only, not over classes in contexts. No official
    code is known; third-party scripts disagree about the direction and forget τ. Ours is the frozen
    distribution first, with τ, as Lipsum-FT (arXiv 2404.00860) reads it. `guidance=random` and
    `distance=mse` are the other cells of that paper's grid (see `core.methods.guidance`).
    """

    name = "car-ft"
    title = "CAR-FT"
    paper = "Mao et al. 2022, arXiv 2211.16175"
    summary = "Keeps what the image says about its context (photo, sketch, blur) as CLIP saw it."

    paper_preset: ClassVar = LIPSUM_FT
    """As Lipsum-FT ran it beside its own method; the weight it used is not known to us."""

    class Params(GuidanceParams):
        """The grid's knobs, at CAR-FT's cell."""

        guidance: Literal["fixed", "random"] = "fixed"
        """`fixed`: what the templates say whatever the class, one text a template (CAR-FT).
        `random`: new texts of random tokens at every step."""
        distance: Distance = "kld"
        """`kld`: divergence between the two distributions over the texts (CAR-FT). `mse`: half the
        mean square of the differences in what is said to each text."""

    params: Params
