"""`Source` and `SteadySource`: the input of an export, and its reference for comparison."""

import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.data.images import read_image
from core.embedded import demo_folder
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.gates import SteadyClassifier
from core.models.precision import Precision

TEXTS = ("a photo of a cat.", "a sketch of two houses by the sea.")
"""Prompts of different lengths, because the position of a text's end matters."""
LOOKED_AT = 8
"""Real images on which an export and the run must agree."""


@dataclass(frozen=True)
class Source:
    """One classifier of a run in the form that exporters need."""

    clip: ClipModel
    classifier: Classifier
    card: Mapping[str, Any]
    """Facts for a stranger: classes, prompts, α, the head's formula, the origin."""
    pictures: tuple[Path, ...] = ()
    """Images of the run to compare on; the demo's if there are none."""

    @functools.cached_property
    def plain(self) -> Classifier:
        """A copy of the classifier on the CPU in fp32, whatever arithmetic the run uses. It is
        exported, and other programs' outputs are compared with it.
        """
        ours = self.classifier
        exact = Precision(torch.device("cpu"), torch.float32)
        tower, head = copy.deepcopy(ours.tower), copy.deepcopy(ours.head)
        return Classifier(tower, head, self.clip.preprocess, exact).requires_grad_(False)

    @functools.cached_property
    def images(self) -> Tensor:
        """`(N, 3, n, n)`: normalised evaluation views of real images."""
        return self.prepared(self.shown)

    def prepared(self, pictures: Sequence[Path]) -> Tensor:
        """The same for any picture files."""
        views = [self.clip.preprocess.evaluation_view(read_image(path)) for path in pictures]
        pixels = torch.stack(views).float().div(255)
        return (pixels - self.plain.mean) / self.plain.std

    @torch.inference_mode()
    def logits(self, pictures: Sequence[Path]) -> Tensor:
        """The run's logits `(N, C)` for picture files."""
        return self.plain.logits_from(self.plain.features(self.prepared(pictures)))

    @property
    def shown(self) -> tuple[Path, ...]:
        """The files of the compared images."""
        return self.pictures or tuple(sorted(demo_folder().glob("test/*/*")))[::7][:LOOKED_AT]


@dataclass(frozen=True)
class SteadySource:
    """Both classifiers of a steady run with the gate, in the form that exporters need."""

    clip: ClipModel
    steady: SteadyClassifier
    alpha: float
    """The α of the fine-tuned classifier."""
    card: Mapping[str, Any]
    """See `Source.card`."""
    pictures: tuple[Path, ...] = ()

    @functools.cached_property
    def zero_shot(self) -> Source:
        """The classifier of unfamiliar images."""
        return self._end(self.steady.zero_shot, 0.0)

    @functools.cached_property
    def tuned(self) -> Source:
        """The classifier of familiar images."""
        return self._end(self.steady.tuned, self.alpha)

    @functools.cached_property
    def plain(self) -> SteadyClassifier:
        """A copy on the CPU in fp32."""
        ours, gate = self.steady, copy.deepcopy(self.steady.gate).cpu()
        ends = self.zero_shot.plain, self.tuned.plain
        return SteadyClassifier(*ends, gate, ours.unfamiliar, ours.temperatures)

    @torch.inference_mode()
    def own(self, pictures: Sequence[Path] | None = None) -> dict[str, Tensor]:
        """The run's own outputs for picture files, by default for its images: `probabilities (N,
        C)`, `familiarity` and `tuned_share` `(N,)`.
        """
        images = self.zero_shot.prepared(self.zero_shot.shown if pictures is None else pictures)
        answers, familiarity, share = self.plain.judged(images)
        return {
            "probabilities": answers.exp(),
            "familiarity": familiarity,
            "tuned_share": share,
        }

    def _end(self, classifier: Classifier, alpha: float) -> Source:
        card = {**self.card, "alpha": alpha, "head": classifier.head.formula}
        return Source(self.clip, classifier, card, self.pictures)
