"""The settings that all methods trained by gradients share."""

from typing import Annotated, Literal, Self

from pydantic import Field

from core.models.clip import ClipModel
from core.models.transforms import Augmentation
from core.params import Params, Sensible

SMALL_TOWER = 20_000_000


def default_lr(clip: ClipModel) -> float:
    """1e-5, the published value for CLIP's own towers; 3e-5 under 20 M parameters, the middle of
    the values that validation chooses for our methods (docs/benchmark.md).
    """
    count = sum(parameter.numel() for parameter in clip.model.visual.parameters())
    return 3e-5 if count < SMALL_TOWER else 1e-5


class LoopParams(Params):
    """The settings of the training loop. The defaults are ours, for few-shot work; published
    recipes differ by paper and are presets.
    """

    epochs: Annotated[int, Field(ge=1), Sensible(2, 200, log=True)] = 12
    """Passes over the training images."""
    lr: Annotated[float, Field(gt=0), Sensible(1e-6, 1e-2, log=True)] | None = None
    """Peak learning rate. Empty: 1e-5, or 3e-5 for image towers under 20 million parameters."""
    lr_batch: Annotated[int, Field(ge=1), Sensible(8, 512, log=True)] | None = None
    """Batch size that the learning rate belongs to: a batch with fewer images scales the rate down
    in proportion. Empty: no scaling.
    """
    batch_size: Annotated[int, Field(ge=1), Sensible(8, 512, log=True)] = 64
    """Images per optimiser step."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with Nesterov momentum 0.9 as FD-Align was published."""
    weight_decay: Annotated[float, Field(ge=0), Sensible(0, 0.2)] = 0.0
    """Decoupled weight decay (AdamW) or L2 penalty (SGD)."""
    adam_eps: Annotated[float, Field(gt=0), Sensible(1e-8, 1e-3, log=True)] = 1e-8
    """AdamW's ε, which damps steps along small gradients."""
    schedule: Literal["cosine", "cosine-from-zero", "cosine-by-epoch", "constant"] = "cosine"
    """Learning rate after the warm-up: half a cosine to 0, step by step. `cosine-from-zero`: the
    first step has rate 0, as in Lipsum-FT. `cosine-by-epoch`: changes once per epoch, with 1e-5 in
    the first epoch, as in CoOp.
    """
    warmup: Annotated[float, Field(ge=0, lt=1), Sensible(0, 0.3)] = 0.1
    """Share of the steps in which the learning rate rises from 0 before it falls."""
    clip_norm: Annotated[float, Field(ge=0), Sensible(0, 5)] = 1.0
    """Longest gradient of a step: longer ones are shortened to it. 0: no limit."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1), Sensible(0, 0.2)] = 0.0
    """Share of the target that is spread evenly over all classes."""
    crop_min: Annotated[float, Field(gt=0, le=1), Sensible(0.08, 1)] = 0.5
    """Smallest share of the image's area that a random crop keeps; 1 does not crop."""
    flip: bool = True
    """Mirror every second training image at random."""
    keep: Literal["last", "best"] = "last"
    """Weights to keep: those of the last epoch, or of the epoch with the best validation
    accuracy.
    """

    def resolved(self, clip: ClipModel) -> Self:
        """The same settings, with the empty ones filled in for this model."""
        return self if self.lr else self.model_copy(update={"lr": default_lr(clip)})

    @property
    def augmentation(self) -> Augmentation:
        """The augmentation of training views."""
        return Augmentation(self.crop_min, self.flip)


class TowerParams(LoopParams):
    """The settings of the loop and of the image tower, for a method that trains the tower."""

    lora_rank: Annotated[int, Field(ge=0), Sensible(0, 64)] = 0
    """Rank of low-rank adapters (LoRA) that are trained instead of the tower's own weights and
    merged into them at the end. 0: no adapters. An empty learning rate becomes ten times higher
    with LoRA.
    """
    lora_alpha: Annotated[float, Field(gt=0), Sensible(1, 64, log=True)] = 16.0
    """LoRA's scale: the adapters' product is multiplied by alpha/rank. It has no effect without
    LoRA.
    """
    recompute: bool = False
    """Gradient checkpointing: the backward pass computes the activations of the image tower's
    blocks again, so they need not stay in memory. The weights are the same; training needs a
    fraction of the memory and a third more time.
    """

    def resolved(self, clip: ClipModel) -> Self:
        """Adapters start at zero and need larger steps than trained weights."""
        if self.lr is None and self.lora_rank:
            return self.model_copy(update={"lr": 10 * default_lr(clip)})
        return super().resolved(clip)


class TrainingParams(TowerParams):
    """The settings of a method that trains the image tower under a class head."""

    train_head: bool = True
    """Train the class head too; off keeps the zero-shot head."""
    fold_scale: bool = False
    """Put CLIP's temperature into the head's weights and add a bias (WiSE-FT, FLYP, FD-Align),
    instead of unit weights under a fixed temperature (Lipsum-FT). The zero-shot logits are the
    same; training differs.
    """
