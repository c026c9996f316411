"""KD: fine-tunes while the class probabilities stay near those of zero-shot CLIP."""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor

from core.methods.base import GradientMethod
from core.methods.guidance import divergence
from core.methods.recipes import LIPSUM_FT
from core.models.heads import LinearHead
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import TrainingParams


def distillation_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """τ_d²·KL(softmax(z₀/τ_d)‖softmax(z_θ/τ_d)), batch mean, of class logits `(B, C)`.

    Hinton et al., arXiv 1503.02531 §2: τ_d² keeps the gradient's size when τ_d softens.
    """
    return temperature**2 * divergence(teacher / temperature, student / temperature)


class KD(GradientMethod):
    """L = CE + λ·τ_d²·KL(teacher‖student) over the trained classes.

    The teacher is zero-shot CLIP, frozen tower and zero-shot head, on the same views; the student
    starts as its copy. A baseline of Lipsum-FT (arXiv 2404.00860). Hinton et al. weight the terms
    by (1 − λ) and λ; here cross entropy keeps weight 1. The logits of both include CLIP's own τ.
    """

    name = "kd"
    title = "KD"
    paper = "Hinton et al. 2015, arXiv 1503.02531"
    summary = "Learns from the labels and from zero-shot CLIP's own class probabilities at once."

    paper_preset: ClassVar = LIPSUM_FT
    """As in Lipsum-FT's comparison; the weight and temperature used there are not known to us."""

    class Params(TrainingParams):
        """The settings of the teacher and of the loop."""

        distillation_weight: Annotated[float, Field(ge=0), Sensible(0.1, 10, log=True)] = 1.0
        """Weight λ of the teacher; 0 is plain fine-tuning. The default is ours, because the
        published value is not known to us. It needs no scaling for a model's temperature: labels
        and teacher act on the same logits.
        """
        distillation_temperature: Annotated[float, Field(gt=0), Sensible(1, 10)] = 1.0
        """Softens the probabilities of teacher and student (τ_d), so that unlikely classes count
        more; 1 leaves them as they are.
        """

    params: Params

    def setup(self) -> None:
        """Create the classifier, the frozen views and the teacher's head."""
        super().setup()
        self.frozen = FrozenViews(self.clip, self.task, self.params.augmentation)
        head = LinearHead(self.zero_shot_prototypes(), self.clip.logit_scale).requires_grad_(False)
        self.teacher = head.to(self.clip.precision.device)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy, and the divergence from the teacher on the same views."""
        tuned = self.classifier.features(batch.images)  # (B, D)
        logits = self.classifier.head(tuned)  # (B, C)
        expected = self.teacher(self.frozen.view(batch.view)[batch.index])  # (B, C)
        student, teacher = self.of_seen(logits), self.of_seen(expected)
        loss = distillation_loss(student, teacher, self.params.distillation_temperature)
        return {
            "class": self.cross_entropy(logits, batch.labels),
            "distillation": self.params.distillation_weight * loss,
        }
