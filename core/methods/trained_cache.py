"""The common part of Tip-Adapter-F and APE-T: builds a cache, trains it on frozen features, then
searches.
"""

from abc import abstractmethod
from collections.abc import Generator
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from core.events import Event
from core.methods.base import LoopMethod
from core.models.backbone import plug_in
from core.models.cache_head import CacheHead
from core.models.classifier import Classifier
from core.params import Sensible
from core.training.cache import CacheParams, cache_keys, choose_scales, one_hot_labels
from core.training.frozen import FrozenViews
from core.training.loop import Batch
from core.training.settings import LoopParams


class TrainedCacheParams(CacheParams, LoopParams):
    """The settings of the cache and of the loop; the defaults are those that both methods
    published.
    """

    lr: Annotated[float, Field(gt=0), Sensible(1e-5, 1e-2, log=True)] | None = 1e-3
    """Peak learning rate."""
    batch_size: Annotated[int, Field(ge=1), Sensible(8, 512, log=True)] = 256
    """Images per optimiser step."""
    warmup: Annotated[float, Field(ge=0, lt=1), Sensible(0, 0.3)] = 0.0
    """Share of the steps in which the learning rate rises from 0 before it falls."""
    clip_norm: Annotated[float, Field(ge=0), Sensible(0, 5)] = 0.0
    """Longest gradient of a step: longer ones are shortened to it. 0: no limit."""


class TrainedCache(LoopMethod):
    """Cross entropy of the cache's logits trains some of its tensors under the initial α and β."""

    Params = TrainedCacheParams
    params: TrainedCacheParams

    def fit(self) -> Generator[Event, None, Classifier]:
        """Build the cache, train, then search α and β."""
        self.prototypes = self.zero_shot_prototypes()
        self.clip = plug_in(self.clip, self.params.backbone)
        self.keys = yield from cache_keys(self.clip, self.task, self.params)
        classifier = yield from super().fit()
        classifier.requires_grad_(False)
        yield from choose_scales(classifier, self.clip, self.task, self.params)
        return classifier

    def setup(self) -> None:
        """Create the classifier on the unchanged tower, and the views that it trains on."""
        self.frozen = FrozenViews(self.clip, self.task, self.params.augmentation)
        self.head = self.start(self.prototypes, self.keys, one_hot_labels(self.task))
        self.classifier = self.clip.with_head(self.head)

    @abstractmethod
    def start(self, prototypes: Tensor, keys: Tensor, values: Tensor) -> CacheHead:
        """The head before training: prototypes (C, D), unit keys (N, D), one-hot values (N, C)."""

    @abstractmethod
    def trained(self) -> list[nn.Parameter]:
        """The tensors of the head that train."""

    def parameters(self) -> list[nn.Parameter]:
        """The tensors that `trained` names."""
        self.classifier.requires_grad_(False)
        for parameter in self.trained():
            parameter.requires_grad_(True)
        return self.trained()

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy on frozen features (B, D) of the batch's views."""
        features = self.frozen.view(batch.view)[batch.index]
        return {"class": self.cross_entropy(self.head(features), batch.labels)}
