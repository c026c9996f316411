"""FLYP: fine-tunes as CLIP was pretrained, with the contrastive loss and both towers."""

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.data.prompts import prompts_for
from core.methods.base import TowerMethod
from core.models.classifier import Classifier
from core.models.lora import add_adapters, has_adapters, only_adapters
from core.models.text_head import TextHead
from core.training.loop import Batch
from core.training.settings import TowerParams

SINGLE = ("a photo of a {}.",)
LOG_SCALE_RANGE = (0.0, math.log(100))

Collisions = Literal["negatives", "masked", "soft-targets"]


def contrastive_loss(
    images: Tensor, captions: Tensor, labels: Tensor, scale: Tensor | float, collisions: Collisions
) -> Tensor:
    """½·[CE(S) + CE(Sᵀ)], S = τ·f̂ĝᵀ `(B, B)` of unit images and unit captions `(B, D)`.

    Goyal et al., arXiv 2212.00638, Eq. 2. The paper prints the sum over the batch of both
    directions without τ. The official code, to which the learning rates belong, takes batch means,
    halves their sum and includes τ. We follow the code. There, captions of the same class (`labels`
    `(B,)`) are `negatives` like all others; the paper's ablations leave them out (`masked`) or
    share the target among them (`soft-targets`).
    """
    logits = scale * images @ captions.T
    same = labels[:, None] == labels[None, :]
    wanted = torch.arange(len(labels), device=labels.device)  # of rows and of columns
    if collisions == "masked":
        logits = logits.masked_fill(same & (wanted[:, None] != wanted), -math.inf)
    elif collisions == "soft-targets":
        wanted = same / same.sum(dim=1, keepdim=True)
    return (F.cross_entropy(logits, wanted) + F.cross_entropy(logits.T, wanted)) / 2


class FLYP(TowerMethod):
    """L = contrastive loss of every image and one caption of its class, on both towers and τ.

    The caption's template is drawn uniformly for every image and step. The official code shuffles
    all (image, template) pairs, which draws templates in the same way, and images nearly with
    replacement. The class head is not trained: the fine-tuned text tower computes it from all
    prompts. τ stays within [1, 100] as in CLIP's training; the official code does not limit it. An
    image that is alone in its batch has nothing to contrast with and a loss of 0.
    """

    name = "flyp"
    title = "FLYP"
    paper = "Goyal et al. 2023, arXiv 2212.00638"
    summary = "Fine-tunes both towers with CLIP's own contrastive loss: no class head is needed."

    paper_preset: ClassVar = {
        "lr": 1e-5,
        "weight_decay": 0.1,
        "batch_size": 512,
        "epochs": 10,
        "clip_norm": 0.0,
        "crop_min": 0.9,
        "flip": False,
    }
    """ImageNet; few-shot PCAM ran with lr 1e-6, no weight decay and 20 epochs of one full batch.
    The warm-up of 500 steps is longer than a few-shot run and is kept at a tenth of the steps."""

    class Params(TowerParams):
        """The settings of FLYP in addition to those of the loop."""

        loss: Literal["contrastive", "cross-entropy"] = "contrastive"
        """`contrastive`: images against the captions of the batch. `cross-entropy`: images against
        one caption of every class, drawn again at each step (the paper's ablation).
        """
        collisions: Literal["negatives", "masked", "soft-targets"] = "negatives"
        """Captions of the image's own class in the batch: `negatives` like any other, as published;
        `masked` out of the loss; or `soft-targets` that share the image's target.
        """
        captions: Literal["sampled", "single"] = "sampled"
        """`sampled`: one of the run's templates, drawn for every image. `single`: always "a photo
        of a …" (the paper's ablation). The head reads all templates in both cases.
        """
        text: Literal["tuned", "frozen"] = "tuned"
        """Fine-tune the text tower too (`tuned`), or keep CLIP's (`frozen`). Both train the
        temperature, except with LoRA, which trains adapters only.
        """

    params: Params

    @classmethod
    def check(cls, params: Any, templates: Sequence[str]) -> tuple[str, ...]:
        """Warns about batches of one image."""
        if params.loss != "contrastive" or params.batch_size > 1:
            return ()
        return (
            "batch_size: FLYP compares the images of a batch with each other, and one alone has a "
            "loss of 0: nothing is learnt. Take 2 or more, or loss=cross-entropy.",
        )

    @property
    def splits_batches(self) -> bool:  # type: ignore[override]  # read by others, set by nobody
        """False if the images of a batch are each other's negatives."""
        return self.params.loss != "contrastive"

    def setup(self) -> None:
        """Create copies of both towers, all prompts, and the seeded draw of captions."""
        templates = self.task.templates, SINGLE
        both = [self.clip.tokens(prompts_for(self.task.names, each)) for each in templates]
        self.head = TextHead.over(self.clip, both[0])
        self.classifier = self.adapted(self.clip.with_copied_tower(self.head))
        self.captions = both[self.params.captions == "single"].to(self.clip.precision.device)
        self.draws = torch.Generator().manual_seed(self.task.seed)

    def parameters(self) -> list[nn.Parameter]:
        """Both towers with their projections, and τ; or the adapters in them."""
        tuned = self.params.text == "tuned"
        only_adapters(self.classifier.tower.requires_grad_(True))
        only_adapters(self.head.requires_grad_(tuned))
        self.head.text.logit_scale.requires_grad_(not self.params.lora_rank)
        return [p for p in self.classifier.parameters() if p.requires_grad]

    def adapted(self, classifier: Classifier) -> Classifier:
        """The same classifier, with LoRA adapters in both towers if `lora_rank` asks for them."""
        params, head = self.params, self.head
        if params.lora_rank and params.text == "tuned" and not has_adapters(head):
            look = lambda: head.encode(head.tokens[0, :1])  # noqa: E731
            add_adapters(head.text, look, params.lora_rank, params.lora_alpha, self.task.seed)
        return super().adapted(classifier)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The contrastive loss against the batch's captions, or cross entropy against one caption
        per class.
        """
        images = self.classifier.features(batch.images)  # (B, D)
        if self.params.loss == "cross-entropy":
            captions = self._captions(torch.arange(len(self.task.classes)))  # (C, D)
            logits = self.head.scale() * images @ captions.T
            return {"class": self.cross_entropy(logits, batch.labels)}
        captions = self._captions(batch.labels)  # (B, D)
        scale, collisions = self.head.scale(), self.params.collisions
        return {"contrastive": contrastive_loss(images, captions, batch.labels, scale, collisions)}

    def after_step(self, step: int, steps: int) -> None:
        """Keep τ within [1, 100]."""
        with torch.no_grad():
            self.head.text.logit_scale.clamp_(*LOG_SCALE_RANGE)

    def _captions(self, labels: Tensor) -> Tensor:
        """Unit features of a caption for every label; equal captions are encoded once."""
        templates = self.captions.shape[1]
        drawn = torch.randint(templates, (len(labels),), generator=self.draws).to(labels.device)
        pairs, which = torch.unique(torch.stack([labels, drawn]), dim=1, return_inverse=True)
        tokens = self.captions[pairs[0], pairs[1]]  # (at most B, L)
        with self.clip.precision.autocast():
            return self.head.encode(tokens)[which]
