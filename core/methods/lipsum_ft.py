"""Lipsum-FT: fine-tunes while the image keeps its similarities to random texts."""

from typing import ClassVar, Literal

from core.methods.guidance import Distance, GuidanceParams, GuidedMethod
from core.methods.recipes import LIPSUM_FT


class LipsumFT(GuidedMethod):
    """L = CE + λ/(2M)·‖v_θ(x) − v_θ₀(x)‖², batch means, with v_m = τ⟨f̂(x), ĝ(t_m)⟩.

    Lipsum-FT, arXiv 2404.00860, Eq. 7: M texts of L random tokens, drawn again at every step and
    shared by the batch; text tower and τ are frozen. The paper prints inner products; the official
    code scales them by τ = 100, and λ = 1 belongs to that. The code computes in bf16; our loss is
    fp32. `guidance=fixed` and `distance=kld` are the other cells of the paper's grid (see
    `core.methods.guidance`).
    """

    name = "lipsum-ft"
    title = "Lipsum-FT"
    paper = "Nam et al. 2024, arXiv 2404.00860"
    summary = "Keeps the link between image and language: random texts must keep their scores."

    paper_preset: ClassVar = LIPSUM_FT

    class Params(GuidanceParams):
        """The settings of the grid, with Lipsum-FT's defaults."""

        guidance: Literal["fixed", "random"] = "random"
        """`random`: new texts of random tokens at every step (Lipsum-FT). `fixed`: the templates
        averaged over the classes, one text per template.
        """
        distance: Distance = "mse"
        """`mse`: half the mean squared difference of the logits over the texts (Lipsum-FT). `kld`:
        divergence between the two distributions over the texts.
        """

    params: Params
