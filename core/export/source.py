"""`Source`: what an encoder is exported from and compared with."""

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.data.images import read_image
from core.embedded import demo_folder
from core.models.classifier import Classifier
from core.models.clip import ClipModel
from core.models.precision import Precision

TEXTS = ("a photo of a cat.", "a sketch of two houses by the sea.")
"""Prompts of different lengths: where a text ends matters."""
LOOKED_AT = 8
"""Real images that an artefact and the run must agree on."""


@dataclass(frozen=True)
class Source:
    """One classifier of a run, as exporters need it."""

    clip: ClipModel
    classifier: Classifier
    card: Mapping[str, Any]
    """What a stranger should know: classes, prompts, α, the head's formula, where it came from."""
    pictures: tuple[Path, ...] = ()
    """Images of the run to compare on; the demo's when there are none."""

    @functools.cached_property
    def plain(self) -> Classifier:
        """A copy of the classifier on the CPU in fp32, whatever the run computes in: what a
        stranger's program is compared with, and exported from.
        """
        ours = self.classifier
        exact = Precision(torch.device("cpu"), torch.float32)
        tower, head = copy.deepcopy(ours.tower), copy.deepcopy(ours.head)
        return Classifier(tower, head, self.clip.preprocess, exact).requires_grad_(False)

    @functools.cached_property
    def images(self) -> Tensor:
        """`(N, 3, n, n)`: normalised evaluation views of real images."""
        paths = self.pictures or tuple(sorted(demo_folder().glob("test/*/*")))[::7][:LOOKED_AT]
        views = [self.clip.preprocess.evaluation_view(read_image(path)) for path in paths]
        pixels = torch.stack(views).float().div(255)
        return (pixels - self.plain.mean) / self.plain.std
