"""Lipsum-FT: fine-tune while the image says to random texts what it said before."""

from typing import ClassVar, Literal

from torch import Tensor

from core.methods.base import GradientMethod
from core.methods.guidance import Distance, GuidanceParams, TextGuidance
from core.methods.recipes import LIPSUM_FT
from core.training.loop import Batch


class LipsumFT(GradientMethod):
    """L = CE + λ/(2M)·‖v_θ(x) − v_θ₀(x)‖², batch means, with v_m = τ⟨f̂(x), ĝ(t_m)⟩.

    Lipsum-FT, arXiv 2404.00860, Eq. 7: M texts of L random tokens, drawn anew at every step and
    shared by the batch; text tower and τ are frozen. The paper prints inner products, the official
    code scales them by τ = 100, and λ = 1 belongs to that. The code computes in bf16; our loss is
    fp32. `guidance=fixed` and `distance=kld` are the other cells of the paper's grid (see
    `core.methods.guidance`).
    """

    name = "lipsum-ft"
    title = "Lipsum-FT"
    paper = "Nam et al. 2024, arXiv 2404.00860"
    summary = "Keeps the link between image and language: random texts must score as before."

    paper_preset: ClassVar = LIPSUM_FT

    class Params(GuidanceParams):
        """The grid's knobs, at Lipsum-FT's cell."""

        guidance: Literal["fixed", "random"] = "random"
        """`random`: new texts of random tokens at every step (Lipsum-FT). `fixed`: what the
        templates say whatever the class, one text a template."""
        distance: Distance = "mse"
        """`mse`: half the mean square of the differences in what is said to each text (Lipsum-FT).
        `kld`: divergence between the two distributions over the texts."""

    params: Params

    def setup(self) -> None:
        """Make the classifier, and the texts that hold it."""
        super().setup()
        self.guidance = TextGuidance(self.clip, self.task, self.params)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy, and the energy gap to the frozen tower on the same views."""
        tuned = self.classifier.features(batch.images)  # (B, D)
        return {
            "class": self.cross_entropy(self.classifier.head(tuned), batch.labels),
            "guidance": self.guidance.term(tuned, batch),
        }
