"""What an export is made from, and what comes out of it."""

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
from core.errors import UserError
from core.export.verify import Difference
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


@dataclass(frozen=True)
class Exported:
    """What was written, and how far its outputs are from the run's own."""

    folder: Path
    snippet: str
    """Python that loads it."""
    reader: str = ""
    """The program that loaded it again; empty for a document, which has no outputs."""
    differences: tuple[Difference, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether it was loaded again and gave the run's outputs."""
        return bool(self.differences)

    @property
    def check(self) -> str:
        """How that is known, in a sentence."""
        if not self.differences:
            return "A document: it has no outputs to compare."
        start = f"Loaded again in a clean process with {self.reader}."
        if all(difference.largest == 0 for difference in self.differences):
            return f"{start} No difference."
        found = "; ".join(str(difference) for difference in self.differences)
        return f"{start} Largest difference: {found}."


def make_room(folder: Path, ours: set[str]) -> None:
    """An empty folder, or one with an earlier export in it; a `UserError` when it holds other
    things.
    """
    folder.mkdir(parents=True, exist_ok=True)
    strangers = [entry.name for entry in folder.iterdir() if entry.name not in ours]
    if strangers:
        raise UserError(
            f"export: {folder} holds other files ({strangers[0]!r}). Name a new or empty folder."
        )
