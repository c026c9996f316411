"""FeatKD: fine-tunes while the image features stay near those of the frozen tower."""

from typing import Annotated, ClassVar, Self

from pydantic import Field
from torch import Tensor

from core.methods.base import GradientMethod
from core.methods.recipes import LIPSUM_FT
from core.models.clip import ClipModel
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import TrainingParams


def feature_loss(tuned: Tensor, frozen: Tensor) -> Tensor:
    """‖f̂_θ − f̂_θ₀‖², batch mean of the sums over D, of unit features `(B, D)`: from 0 to 4."""
    return (tuned - frozen).square().sum(dim=1).mean()


class FeatKD(GradientMethod):
    """L = CE + λ·‖f̂_θ(x) − f̂_θ₀(x)‖² on the same views.

    A baseline of Lipsum-FT (arXiv 2404.00860), which does not say whether features are normalised.
    Ours are unit features, which every head and text of CLIP compares; raw features are not
    offered.
    """

    name = "feat-kd"
    title = "FeatKD"
    paper = "Nam et al. 2024 (Lipsum-FT), arXiv 2404.00860"
    summary = "Keeps each image's features near those of zero-shot CLIP, equally in all directions."

    paper_preset: ClassVar = LIPSUM_FT
    """As in Lipsum-FT's comparison; the weight used there is not known to us."""

    class Params(TrainingParams):
        """The weight and the settings of the loop."""

        feature_weight: Annotated[float, Field(ge=0), Sensible(1, 100, log=True)] | None = None
        """Weight λ of the distance between old and new features; 0 is plain fine-tuning. Empty:
        τ/10 for a model with temperature τ, so 10 for CLIP's 100, because the labels pull on the
        features in proportion to τ. This is ours: the published value is not known to us.
        """

        def resolved(self, clip: ClipModel) -> Self:
            """Fill in the settings, and the weight for the model's temperature."""
            params = super().resolved(clip)
            if params.feature_weight is not None:
                return params
            return params.model_copy(update={"feature_weight": round(clip.logit_scale / 10, 3)})

    params: Params

    def setup(self) -> None:
        """Create the classifier and the frozen views."""
        super().setup()
        self.frozen = FrozenViews(self.clip, self.task, self.params.augmentation)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy, and the distance from the frozen tower on the same views."""
        tuned = self.classifier.features(batch.images)  # (B, D)
        frozen = self.frozen.view(batch.view)[batch.index]  # (B, D)
        return {
            "class": self.cross_entropy(self.classifier.head(tuned), batch.labels),
            "features": (self.params.feature_weight or 0.0) * feature_loss(tuned, frozen),
        }
