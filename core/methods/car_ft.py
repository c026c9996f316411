"""CAR-FT: fine-tune while the image's distribution over contexts stays what it was."""

from typing import ClassVar, Literal

from torch import Tensor

from core.methods.base import GradientMethod
from core.methods.guidance import Distance, GuidanceParams, TextGuidance
from core.methods.recipes import LIPSUM_FT
from core.training.loop import Batch


class CarFT(GradientMethod):
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

    def setup(self) -> None:
        """Make the classifier, and the texts that hold it."""
        super().setup()
        self.guidance = TextGuidance(self.clip, self.task, self.params)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy, and the divergence from the frozen tower on the same views."""
        tuned = self.classifier.features(batch.images)  # (B, D)
        return {
            "class": self.cross_entropy(self.classifier.head(tuned), batch.labels),
            "guidance": self.guidance.term(tuned, batch),
        }
