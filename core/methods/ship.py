"""SHIP: generates features of classes without images, and learns CoOp's prompts from both."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from core.events import Event, Resumed, Step, Warned
from core.methods.coop import CoOp, prompt_logits
from core.models.classifier import Classifier
from core.models.soft_prompts import FeatureGenerator
from core.params import Sensible
from core.training.loop import Batch, train


def autoencoder_loss(
    generated: Tensor, features: Tensor, mean: Tensor, log_variance: Tensor
) -> dict[str, Tensor]:
    """‖x̂ − x‖² + KL(N(μ, σ²) ‖ N(0, 1)), each a sum over dimensions and a mean over the batch.

    Wang et al., arXiv 2307.07397: the negative evidence bound under a Gaussian of unit precision
    (up to a factor of 2 on the first term). Features are unit `(B, D)`, μ and log σ² `(B, D)`.
    """
    distance = (generated - features).square().sum(dim=1).mean()
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1).mean()
    return {"reconstruction": distance, "divergence": divergence}


class SHIP(CoOp):
    """Trains an autoencoder on the real features, then CoOp on them and as many generated ones.

    Generated features are drawn again for every batch, their classes uniformly among the unseen
    ones, and the cross entropy is over all classes. The official code generates its set once,
    measures seen and unseen classes in separate label spaces, and picks its weights on test images.
    Here all classes compete with each other, and nothing is picked.
    """

    name = "ship"
    family = "prompts"
    title = "SHIP"
    paper = "Wang et al. 2023, arXiv 2307.07397"
    summary = (
        "Generates features for classes without images, then learns prompts from all features."
    )

    paper_preset: ClassVar = {"clip_norm": 0.0}
    splits_batches = False  # every image of a batch is paired with a generated one

    class Params(CoOp.Params):
        """The settings of SHIP in addition to those of CoOp."""

        context: Literal["random", "a photo of a"] = "a photo of a"
        """Start of the context: random vectors, or these four words, as published."""
        generator_epochs: Annotated[int, Field(ge=1), Sensible(5, 200, log=True)] = 50
        """Passes over the training images that train the feature generator."""
        generator_lr: Annotated[float, Field(gt=0), Sensible(1e-4, 1e-2, log=True)] = 1e-3
        """Learning rate of the generator (AdamW, half a cosine to 0)."""

    params: Params

    def setup(self) -> None:
        """Create CoOp's parts and an untrained generator."""
        super().setup()
        self.draws = torch.Generator().manual_seed(self.task.seed)
        self.generator = FeatureGenerator(self.clip, self.task.names, self.draws)
        unseen = set(range(len(self.task.classes))) - set(self.task.seen)
        self.unseen = torch.tensor(sorted(unseen), device=self.clip.precision.device)

    def fit(self) -> Generator[Event, None, Classifier]:
        """Train the generator, then the prompts; steps and epochs are counted over both."""
        if not self.task.unseen:
            yield Warned("Every class has images, so SHIP has nothing to generate: it equals CoOp.")
            return (yield from super().fit())
        self.setup()
        first, second = self.params.generator_epochs, self.params.epochs
        yield from _counted(train(_GeneratorTraining(self)), 0, first + second)
        self.generator.requires_grad_(False)
        yield from _counted(train(self), first, first + second)
        return self.finish()

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Cross entropy over real features and as many generated ones; all classes compete."""
        if not self.task.unseen:
            return super().loss(batch)
        real = self.frozen.view(batch.view)[batch.index]  # (B, D)
        labels = self._draw_unseen(len(real))
        features = torch.cat([real, self.imagine(labels)])  # (2B, D)
        logits = prompt_logits(features, self.prompts.encode(self.context), self.clip.logit_scale)
        targets = torch.cat([batch.labels, labels])
        smoothing = self.params.label_smoothing
        return {"class": F.cross_entropy(logits, targets, label_smoothing=smoothing)}

    @torch.no_grad()
    def imagine(self, labels: Tensor) -> Tensor:
        """Generated unit features `(B, D)` of the classes `labels` (B,)."""
        return self.generator(self.noise(len(labels)), labels)

    def noise(self, count: int) -> Tensor:
        """Seeded draws from N(0, 1), `(count, D)`."""
        drawn = torch.randn(count, self.clip.embed_dim, generator=self.draws)
        return drawn.to(self.clip.precision.device)

    def _draw_unseen(self, count: int) -> Tensor:
        which = torch.randint(len(self.unseen), (count,), generator=self.draws)
        return self.unseen[which.to(self.unseen.device)]


class _GeneratorTraining:
    """The training of a `SHIP`'s generator, for the training loop."""

    looks_at_pixels = False
    splits_batches = False  # parts of a batch would share one draw of noise

    def __init__(self, method: SHIP) -> None:
        asked = method.params
        changed = {"epochs": asked.generator_epochs, "lr": asked.generator_lr, "keep": "last"}
        changed |= {"optimizer": "adamw", "schedule": "cosine", "warmup": 0.0, "weight_decay": 0.0}
        self.params = asked.model_copy(update=changed)
        self.clip, self.task, self.checkpoints = method.clip, method.task, method.checkpoints
        self._method = method

    @property
    def classifier(self) -> Classifier:
        """The classifier, which does not change in this phase."""
        return self._method.classifier

    def parameters(self) -> list[nn.Parameter]:
        """The encoder, the generator and the context that it shifts."""
        return list(self._method.generator.parameters())

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Loss of reconstructing real features through z and the frozen text tower."""
        features = self._method.frozen.view(batch.view)[batch.index]  # (B, D)
        mean, log_variance = self._method.generator.encode(features)
        z = mean + self._method.noise(len(features)) * (0.5 * log_variance).exp()
        generated = self._method.generator(z, batch.labels)
        return autoencoder_loss(generated, features, mean, log_variance)

    def after_step(self, step: int, steps: int) -> None:
        """Does nothing."""


def _counted(events: Iterator[Event], before: int, epochs: int) -> Iterator[Event]:
    """The steps of one phase as part of `epochs` in total, `before` of which are done."""
    for event in events:
        if isinstance(event, Step | Resumed):
            a_epoch = event.steps // event.epochs
            event = replace(
                event,
                step=event.step + before * a_epoch,
                steps=epochs * a_epoch,
                epoch=event.epoch + before,
                epochs=epochs,
            )
        yield event
