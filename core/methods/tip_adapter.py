"""Tip-Adapter: adds a cache of the training images to the zero-shot head; nothing is trained."""

from collections.abc import Generator
from typing import ClassVar

from core.events import Event
from core.methods.base import Method
from core.models.backbone import plug_in
from core.models.cache_head import CacheHead
from core.models.classifier import Classifier
from core.training.cache import CacheParams, cache_keys, choose_scales, one_hot_labels


class TipAdapter(Method):
    """Logits τ·f̂Wᵀ + α·exp(−β(1 − f̂Kᵀ))·V, with α and β searched on validation.

    Zhang et al. 2021, arXiv 2111.03930. The official code writes 100 for τ and averages raw
    features into keys; ours takes the model's τ and averages unit features. It used the templates
    that are called tip-7 here, or one template for a data set.
    """

    name = "tip-adapter"
    family = "features"
    title = "Tip-Adapter"
    paper = "Zhang et al. 2021, arXiv 2111.03930"
    summary = "Keeps CLIP as it is and lets the most similar training images vote: no training."

    paper_preset: ClassVar = {"ties": "first"}

    Params = CacheParams
    params: CacheParams

    def fit(self) -> Generator[Event, None, Classifier]:
        """Build the cache, then search."""
        prototypes = self.zero_shot_prototypes()
        clip = plug_in(self.clip, self.params.backbone)
        keys = yield from cache_keys(clip, self.task, self.params)
        scales = self.params.init_alpha, self.params.init_beta
        head = CacheHead(prototypes, clip.logit_scale, keys, one_hot_labels(self.task), *scales)
        self.classifier = clip.with_head(head).requires_grad_(False)
        yield from choose_scales(self.classifier, clip, self.task, self.params)
        return self.classifier
