"""Tip-Adapter-F: Tip-Adapter with trained keys."""

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from core.methods.trained_cache import TrainedCache, TrainedCacheParams
from core.models.cache_head import CacheHead
from core.params import Sensible


class TipAdapterF(TrainedCache):
    """Cross entropy trains the keys under the initial α and β, which are searched afterwards.

    Zhang et al. 2021, arXiv 2111.03930: prototypes and values stay, keys are not normalised again.
    The official code picks epoch, α and β on the test images; ours picks them on validation.
    """

    name = "tip-adapter-f"
    title = "Tip-Adapter-F"
    paper = "Zhang et al. 2021, arXiv 2111.03930"
    summary = "Tip-Adapter that fine-tunes its stored image features; CLIP itself does not change."

    paper_preset: ClassVar = {"keep": "best", "ties": "first"}
    """The official run on ImageNet, with its epoch chosen on validation; EuroSAT had 100 epochs."""

    class Params(TrainedCacheParams):
        """The defaults are the published values."""

        epochs: Annotated[int, Field(ge=1), Sensible(2, 200, log=True)] = 20
        """Passes over the training images. Published: 20, and 100 for EuroSAT."""
        weight_decay: Annotated[float, Field(ge=0), Sensible(0, 0.2)] = 0.01
        """Decoupled weight decay (AdamW) or L2 penalty (SGD)."""
        adam_eps: Annotated[float, Field(gt=0), Sensible(1e-8, 1e-3, log=True)] = 1e-4
        """AdamW's ε, which damps steps along small gradients."""

    params: Params
    head: CacheHead

    def start(self, prototypes: Tensor, keys: Tensor, values: Tensor) -> CacheHead:
        """Tip-Adapter with the initial α and β."""
        scales = self.params.init_alpha, self.params.init_beta
        return CacheHead(prototypes, self.clip.logit_scale, keys, values, *scales)

    def trained(self) -> list[nn.Parameter]:
        """The keys alone."""
        return [self.head.keys]
