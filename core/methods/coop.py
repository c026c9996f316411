"""CoOp: learns the context words of the prompt, with both towers frozen."""

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from core.methods.base import LoopMethod
from core.models.classifier import Classifier
from core.models.heads import LinearHead
from core.models.soft_prompts import SoftPrompts, room_for_context, word_vectors
from core.params import Sensible
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import LoopParams

PUBLISHED_VECTORS = 16
STANDARD_DEVIATION = 0.02
"""Standard deviation of random context vectors, as CLIP's own token embeddings were drawn."""


def prompt_logits(features: Tensor, prototypes: Tensor, tau: float) -> Tensor:
    """τ·f̂Pᵀ `(B, C)` of unit features `(B, D)` and the unit prompts `(C, D)` of all classes.

    Zhou et al., arXiv 2109.01134, Eq. 3, with learnt prompts instead of written ones.
    """
    return tau * features @ prototypes.T


class CoOp(LoopMethod):
    """L = CE through the frozen text tower: [v₁]…[v_n] class., where only the v train.

    The result is a linear head of the learnt prompts' features. SGD has Nesterov momentum here and
    plain momentum in the official code.
    """

    name = "coop"
    family = "prompts"
    title = "CoOp"
    paper = "Zhou et al. 2022, arXiv 2109.01134"
    summary = "Learns the words around the class name; the towers do not change."

    paper_preset: ClassVar = {"epochs": 200, "clip_norm": 0.0, "crop_min": 0.08}
    """For 16 or 8 shots; 100 epochs for 4 or 2, 50 for 1 and on ImageNet."""

    class Params(LoopParams):
        """The settings of CoOp in addition to those of the loop."""

        epochs: Annotated[int, Field(ge=1), Sensible(2, 200, log=True)] = 50
        """Passes over the training images."""
        lr: Annotated[float, Field(gt=0), Sensible(1e-4, 1e-1, log=True)] | None = 2e-3
        """Peak learning rate of the context vectors."""
        batch_size: Annotated[int, Field(ge=1), Sensible(8, 512, log=True)] = 32
        """Images per optimiser step."""
        optimizer: Literal["adamw", "sgd"] = "sgd"
        """AdamW, or SGD with Nesterov momentum 0.9."""
        weight_decay: Annotated[float, Field(ge=0), Sensible(0, 0.2)] = 5e-4
        """Decoupled weight decay (AdamW) or L2 penalty (SGD)."""
        schedule: Literal["cosine", "cosine-from-zero", "cosine-by-epoch", "constant"] = (
            "cosine-by-epoch"
        )
        """`cosine-by-epoch`: half a cosine, epoch by epoch, the first one at 1e-5, as published."""
        context: Literal["random", "a photo of a"] = "random"
        """Start of the context: random vectors, or these four words."""
        vectors: Annotated[int, Field(ge=1), Sensible(1, 16)] | None = None
        """Number of context vectors with a random start. Empty: the published 16, or as many as the
        text tower can take together with the longest class name.
        """
        position: Literal["end", "middle", "front"] = "end"
        """Position of the class name: after the context, in its middle, or before it."""
        class_specific: bool = False
        """Learn one context per class instead of one for all. Classes without images keep the
        starting context.
        """

    params: Params

    def setup(self) -> None:
        """Create the initial context, a head of its prompts, and the frozen tower's features."""
        context = self._first_context()
        vectors, names = context.shape[-2], self.task.names
        self.params = self.params.model_copy(update={"vectors": vectors})
        self.prompts = SoftPrompts(self.clip, names, vectors, self.params.position)
        self.context = nn.Parameter(context.to(self.clip.precision.device))
        self.frozen = FrozenViews(self.clip, self.task, self.params.augmentation)
        self._head = LinearHead(torch.zeros(len(names), self.clip.embed_dim), self.clip.logit_scale)
        self._live = self.clip.with_head(self._head.requires_grad_(False))
        self._stale = True

    @property
    def classifier(self) -> Classifier:  # type: ignore[override]  # read by others, set by nobody
        """The current classifier: its head is recomputed when it is used after the context has
        changed.
        """
        if self._stale:
            with torch.no_grad():
                self._head.weight.copy_(self.prompts.encode(self.context))
            self._stale = False
        return self._live

    def parameters(self) -> list[nn.Parameter]:
        """The context vectors."""
        return [self.context]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy over `(B, C)` logits."""
        features = self.frozen.view(batch.view)[batch.index]  # (B, D)
        prototypes = self.prompts.encode(self.context)  # (C, D)
        logits = prompt_logits(features, prototypes, self.clip.logit_scale)
        return {"class": self.cross_entropy(logits, batch.labels)}

    def after_step(self, step: int, steps: int) -> None:
        """Note that the context has changed."""
        self._stale = True

    def _first_context(self) -> Tensor:
        """`(n, W)`, or `(C, n, W)` if each class has its own context."""
        copies = [len(self.task.names)] if self.params.class_specific else []
        words = word_vectors(self.clip, "a photo of a")
        if self.params.context != "random":
            return words.expand(*copies, -1, -1).clone()
        room = room_for_context(self.clip, self.task.names)
        vectors = self.params.vectors or max(1, min(PUBLISHED_VECTORS, room))
        draw = torch.Generator().manual_seed(self.task.seed)
        return torch.randn(*copies, vectors, words.shape[1], generator=draw) * STANDARD_DEVIATION
